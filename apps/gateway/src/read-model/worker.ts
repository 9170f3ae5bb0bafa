import { CassandraRegistry, CassandraSnapshots } from '@orrery/cassandra';
import { systemClock } from '@orrery/control-loop';
import { KafkajsLog } from '@orrery/kafka';
import { parentPort, workerData } from 'node:worker_threads';
import type { StreamedCommit } from '../events/streamed-commit.js';
import type { Position } from '../position.js';
import type { GatewaySettings } from '../settings.js';
import { CatchUpReaders } from './catch-up.js';
import { Choices } from './choices.js';
import { answered, LiveFold } from './live-fold.js';
import { PastWorlds } from './past-worlds.js';
import type { Moment } from './query.js';
import type { Asked, PlacedGrant, VoidRecord } from './read-model.js';
import { verifyJournals } from './verify.js';
import { serveLink } from './worker-link.js';

/** What a thread of the read model is told when it starts. */
export interface WorkerTask {
  /** `now` folds what happens; `past` folds what happened, for whoever asks. */
  readonly role: 'now' | 'past';
  readonly process: GatewaySettings['process'];
}

const STATUS_EVERY_MS = 500;
/** Who waits to read what he wrote waits so much longer, and each commit is no request of its own. */
const READS_EVERY_MS = 10;

const { role, process: settings } = workerData as WorkerTask;
const cassandra = { contactPoints: settings.cassandra, datacenter: settings.datacenter, keyspace: settings.keyspace };
const ports = {
  log: new KafkajsLog({ brokers: settings.kafka, clientId: `${settings.instance}-${role}`, restMs: READS_EVERY_MS }),
  snapshots: new CassandraSnapshots(cassandra),
  registry: new CassandraRegistry(cassandra),
  clock: systemClock,
};

if (role === 'now') serveNow();
else servePast();

function serveNow(): void {
  let commits: StreamedCommit[] = [];
  const live = new LiveFold(
    {
      cells: settings.cells,
      onStart: (position) => push('started', position),
      onCommit: (commit) => {
        // A burst of commits crosses the threads as one message.
        if (commits.length === 0) setImmediate(() => (push('commits', commits), (commits = [])));
        commits.push(commit);
      },
      onVoid: (shard, reason, offset) => push('void', { shard, reason, offset } satisfies VoidRecord),
      onStopped: (error) => push('stopped', error.message),
    },
    ports,
  );
  const push = serveLink(parentPort!, {
    calls: {
      ask: ({ query, minPosition }: Asked) => live.ask(query, minPosition),
      isAsAt: (moment: Moment) => live.isAsAt(moment),
      watch: (on: boolean) => live.watch(on),
    },
    streams: {},
  });
  setInterval(() => push('status', live.status()), STATUS_EVERY_MS);
  live.start().then(
    () => push('status', live.status()),
    (error: unknown) => push('stopped', (error as Error).message),
  );
}

function servePast(): void {
  const worlds = new PastWorlds(settings.cells, ports);
  const readers = new CatchUpReaders(settings.cells, ports);
  const choices = new Choices(ports);
  serveLink(parentPort!, {
    calls: {
      ask: async ({ query, moment }: Asked) => answered(await worlds.at(moment!), query),
      positionBefore: async (atMs: number) => (await worlds.at({ kind: 'time', atMs: atMs - 1 })).position,
      choiceOf: (placed: PlacedGrant) => choices.of(placed),
    },
    streams: {
      catchUp: (from: Position, signal: AbortSignal) => readers.read(from, signal),
      verify: (_: null, signal: AbortSignal) => verifyJournals(settings.cells, ports, signal),
    },
  });
}
