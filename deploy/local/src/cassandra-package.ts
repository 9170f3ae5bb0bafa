import { filledFile } from '@orrery/catalog';
import { writeWhole } from './files.js';
import { planePackage } from './plane-package.js';
import { loopback } from './ports.js';

/** Of the version that the plane's own node is of. */
const own = planePackage('cassandra', '5.0.6');

export const cassandraJars = own.jars;

/** What a start need not wait for where there are no other nodes. */
export const aloneFlags = [
  '-Dcassandra.skip_wait_for_gossip_to_settle=0',
  '-Dcassandra.ring_delay_ms=100',
  '-Dcassandra.shutdown_announce_in_ms=0',
  '-Dcassandra.superuser_setup_delay_ms=0',
  '-Dcassandra.initial_token=0',
];

/** Of the plane's own node, what is not as the package has it. */
export interface OwnNode {
  readonly clusterName: string;
  readonly listenHost: string;
  readonly port: number;
  readonly storagePort: number;
  readonly dataFolder: string;
}

export function writeLogSettings(file: string): void {
  writeWhole(file, own.file('logback.xml'));
}

/** For Java's `@file`: what the package opens of the JDK, and how it runs the server. */
export function writeJvmOptions(file: string): void {
  const jvmOptions = filledFile(own.file('jvm.options'), { options: {}, agent: {} });
  writeWhole(file, `${own.file('modules.options')}\n${jvmOptions}`);
}

/** cassandra.yaml of the package, for one node that owns the whole ring. */
export function writeNodeSettings(file: string, node: OwnNode): void {
  const { dataFolder } = node;
  const seeds = [
    {
      class_name: 'org.apache.cassandra.locator.SimpleSeedProvider',
      parameters: [{ seeds: `${loopback}:${node.storagePort}` }],
    },
  ];
  const cassandra = {
    seed_provider: JSON.stringify(seeds),
    endpoint_snitch: 'SimpleSnitch',
    rpc_address: node.listenHost,
    broadcast_rpc_address: loopback,
    data_file_directories: JSON.stringify([`${dataFolder}/data`]),
    commitlog_directory: `${dataFolder}/commitlog`,
    saved_caches_directory: `${dataFolder}/saved_caches`,
    hints_directory: `${dataFolder}/hints`,
    cdc_raw_directory: `${dataFolder}/cdc_raw`,
    // An acknowledged write survives a kill of this one node: the period of the periodic mode would be lost, and the
    // historian would not know.
    commitlog_sync: 'group',
    commitlog_sync_group_window: '5ms',
    commitlog_sync_period: '0ms',
    commitlog_segment_size: '32MiB',
    commitlog_total_space: '256MiB',
    commitlog_disk_access_mode: 'legacy',
    // Snapshot chunks are blobs of up to 512 KiB, several in one batch.
    batch_size_warn_threshold: '1024KiB',
    batch_size_fail_threshold: '16MiB',
    concurrent_reads: 8,
    memtable_heap_space: '96MiB',
    memtable_offheap_space: '96MiB',
    file_cache_size: '64MiB',
    networking_cache_size: '32MiB',
  };
  const nodes = { cluster_name: node.clusterName, num_tokens: 1 };
  const agent = {
    ORRERY_ADDRESS: loopback,
    PORT_STORAGE: String(node.storagePort),
    PORT_NATIVE: String(node.port),
  };
  writeWhole(file, filledFile(own.file('cassandra.yaml'), { options: { nodes, cassandra }, agent }));
}
