import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { cassandraOfOwner, CassandraHistory } from '@orrery/cassandra';
import { systemClock } from '@orrery/control-loop';
import { KafkajsLog } from '@orrery/kafka';
import { processSettings, Telemetry } from '@orrery/telemetry';
import { Historian, type HistorianStatus } from './historian.js';
import { HistorianMetrics } from './historian-metrics.js';
import { HistorianServer } from './historian-server.js';
import { HistoryStores } from './history-stores.js';
import { HistoryWriter, PROJECTOR } from './history-writer.js';

const STATUS_EVERY_MS = 2_000;
/** Rows are gathered for longer than that anyway. */
const READS_EVERY_MS = 50;

/** The historian is its transport: there is nothing to inject. */
@Module({})
class HistorianModule {}

const settings = processSettings('historian', process.env);
const telemetry = new Telemetry(settings, process.env);
telemetry.endOnBugs();
const metrics = new HistorianMetrics(telemetry.registry);
const { cells, cassandra: contactPoints, datacenter, keyspace } = settings;
const log = new KafkajsLog({
  brokers: settings.kafka,
  clientId: settings.instance,
  logger: telemetry.lines('kafka'),
  restMs: READS_EVERY_MS,
});
const cassandra = cassandraOfOwner(settings, telemetry.lines('cassandra'));
const history = new CassandraHistory({ contactPoints, datacenter, keyspace, logger: telemetry.lines('cassandra') });

const writer = new HistoryWriter({
  store: new HistoryStores(history, log),
  clock: systemClock,
  onWritten: ({ rows, ms }) => metrics.written(rows, ms),
  onTrouble: (error, attempt) => {
    metrics.retried();
    telemetry.log.warn({ err: error, attempt }, 'the history can not be written, and is tried again');
  },
});
const historian = new Historian(
  {
    cells,
    writer,
    readPositions: () => history.positions(PROJECTOR),
    readMemory: (journal, seq) => history.memory(PROJECTOR, journal, seq),
    observe: telemetry.observe,
    onTrouble: (error) => telemetry.log.warn({ err: error }, 'trouble that should pass'),
    onStopped: (error) => {
      telemetry.log.fatal({ err: error }, 'the journals can not be followed any further');
      process.exit(1);
    },
  },
  { log, ...cassandra, clock: systemClock },
);

let status: HistorianStatus = { ready: false, journals: [] };
setInterval(() => {
  historian.status().then(
    (now) => metrics.progress((status = now).journals),
    (error: unknown) => telemetry.log.debug({ err: error }, 'the end of the logs can not be asked for'),
  );
}, STATUS_EVERY_MS).unref();
await telemetry.serve(() => ({ ready: historian.ready, details: status }));
const app = await NestFactory.createMicroservice(HistorianModule, {
  strategy: new HistorianServer(historian),
  logger: telemetry.nestLog,
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void close(signal));
await app.listen();
telemetry.log.info({ cells }, 'every journal is followed');

async function close(signal: string): Promise<void> {
  await app.close();
  await Promise.all([log.close(), cassandra.close(), history.close(), telemetry.close()]);
  telemetry.log.info({ signal }, 'ended');
  process.exit();
}
