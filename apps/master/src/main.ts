import { cassandraOfOwner } from '@orrery/cassandra';
import { systemClock } from '@orrery/control-loop';
import { kafkaOfOwner } from '@orrery/kafka';
import { processSettings, runOwner, Telemetry } from '@orrery/telemetry';
import { clusterHosting } from './hosting.js';

const settings = processSettings('master', process.env);
const telemetry = new Telemetry(settings, process.env);
const kafka = kafkaOfOwner('cluster', settings, telemetry.lines('kafka'));
const cassandra = cassandraOfOwner(settings, telemetry.lines('cassandra'));
const leases = telemetry.log.child({ part: 'leases' });
const held = telemetry.gauge('orrery_lapses_held', 'Agents that would count as lost if the budget allowed it', [
  'cell',
]);

const hosting = clusterHosting(settings, {
  log: kafka.log,
  clock: systemClock,
  onTrouble: (error) => leases.warn({ err: error }, 'heartbeats can not be followed for the moment'),
  onLapsesHeld: (cell, count) => {
    held.set({ cell }, count);
    leases.warn({ cell, count }, `${count} lapses are held until the budget of losses refills or they are confirmed`);
  },
});
await runOwner(settings, telemetry, hosting, { kafka, cassandra });
