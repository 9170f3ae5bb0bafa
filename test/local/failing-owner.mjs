// The process of an owner on a log of its own. Its decider breaks on the first command, which comes once the shard is owned.
import { commandTopic } from '@orrery/contracts';
import { provisionJournal, systemClock, systemRandom } from '@orrery/control-loop';
import { runOwner, Telemetry } from '@orrery/telemetry';
import {
  commandMessage,
  InMemoryLog,
  InMemoryRegistry,
  InMemorySnapshots,
  ManualHint,
  toyHosting,
} from '@orrery/testing';

const settings = {
  app: 'service-manager',
  instance: 'service-manager-0',
  home: process.env.ORRERY_HOME,
  cells: 1,
  lanes: 1,
  kafka: [],
  cassandra: [],
  datacenter: '',
  keyspace: '',
};
const log = new InMemoryLog(systemClock);
const registry = new InMemoryRegistry();
await provisionJournal(
  { log, registry, clock: systemClock, random: systemRandom },
  { domain: 'services', cell: 0, cells: 1 },
);
const decide = () => {
  throw new Error('the decider broke');
};
const hosting = { ...toyHosting, decider: { ...toyHosting.decider, decide } };
const hint = new ManualHint();
hint.name(0);
const close = async () => undefined;
const telemetry = new Telemetry(settings, process.env);
const message = commandMessage('1', { type: 'Add', counter: 'a', amount: 1 }, { nowMs: systemClock.nowMs() });
await log.append({ topic: commandTopic('services'), partition: 0 }, message);
await runOwner(settings, telemetry, hosting, {
  kafka: { log, hint, close },
  cassandra: { snapshots: new InMemorySnapshots(), registry, close },
});
