import { cassandraOfOwner } from '@orrery/cassandra';
import { kafkaOfOwner } from '@orrery/kafka';
import { processSettings, runOwner, Telemetry } from '@orrery/telemetry';
import { allocationHosting } from './hosting.js';

const settings = processSettings('allocator', process.env);
const telemetry = new Telemetry(settings, process.env);
const kafka = kafkaOfOwner('allocation', settings, telemetry.lines('kafka'));
const cassandra = cassandraOfOwner(settings, telemetry.lines('cassandra'));

await runOwner(settings, telemetry, allocationHosting(), { kafka, cassandra });
