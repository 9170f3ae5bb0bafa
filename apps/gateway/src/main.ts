import { CassandraHistory } from '@orrery/cassandra';
import { systemClock } from '@orrery/control-loop';
import { KafkajsLog } from '@orrery/kafka';
import { Telemetry } from '@orrery/telemetry';
import { CommandSender } from './commands/command-sender.js';
import { Outcomes } from './commands/outcomes.js';
import { EventRing } from './events/event-ring.js';
import { EventStreams } from './http/event-streams.js';
import { gatewayApplication } from './http/gateway-application.js';
import { listen } from './http/listen.js';
import { ThreadedReadModel } from './read-model/threaded-read-model.js';
import { GatewaySettings } from './settings.js';

const settings = new GatewaySettings(process.env);
const telemetry = new Telemetry(settings.process, process.env);
telemetry.endOnBugs();
const { kafka: brokers, cassandra: contactPoints, datacenter, keyspace, instance } = settings.process;
const log = new KafkajsLog({ brokers, clientId: instance, logger: telemetry.lines('kafka') });
const history = new CassandraHistory({ contactPoints, datacenter, keyspace, logger: telemetry.lines('cassandra') });
const ring = new EventRing();
const outcomes = new Outcomes();
const model = new ThreadedReadModel(settings, {
  onStart: (position) => ring.begin(position),
  onCommit: (commit) => {
    ring.append(commit);
    for (const outcome of commit.outcomes) outcomes.add({ ...outcome, journal: commit.journal });
  },
  onVoid: (found) => telemetry.observe({ kind: 'void-record', ...found }),
  onStopped: (reason) => {
    telemetry.log.fatal({ reason }, 'the journals can not be folded any further');
    // Whoever supervises starts another one; a gateway without a read model helps nobody.
    process.exit(1);
  },
});
const sender = new CommandSender(log, systemClock);
const { registry } = telemetry;
const app = await gatewayApplication({ settings, model, ring, outcomes, sender, history, log, registry }, (error) =>
  telemetry.log.error({ err: error }, 'a request failed'),
);
const address = await listen(app, settings);
telemetry.log.info({ address: address.url }, 'the gateway listens');
process.once('SIGTERM', () => void close());
process.once('SIGINT', () => void close());

async function close(): Promise<void> {
  app.get(EventStreams).close();
  await address.forget();
  await app.close();
  await Promise.all([model.close(), log.close(), history.close()]);
  process.exit();
}
