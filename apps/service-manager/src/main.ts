import { cassandraOfOwner } from '@orrery/cassandra';
import { kafkaOfOwner } from '@orrery/kafka';
import { processSettings, runOwner, Telemetry } from '@orrery/telemetry';
import { servicesHosting } from './hosting.js';

const settings = processSettings('service-manager', process.env);
const telemetry = new Telemetry(settings, process.env);
const kafka = kafkaOfOwner('services', settings, telemetry.lines('kafka'));
const cassandra = cassandraOfOwner(settings, telemetry.lines('cassandra'));

await runOwner(settings, telemetry, servicesHosting(settings), { kafka, cassandra });
