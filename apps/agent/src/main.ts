import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { Telemetry } from '@orrery/telemetry';
import { AgentModule } from './agent.module.js';
import { AgentServer } from './agent-server.js';
import { FolderTaken } from './folder-lock.js';
import { readSettings } from './settings.js';
import { FleetServer } from './simulate/fleet-server.js';
import { readKnobs } from './simulate/knobs.js';

const { values: switches } = parseArgs({ options: { simulate: { type: 'string' }, secrets: { type: 'string' } } });
const agents = switches.simulate === undefined ? undefined : countOf(switches.simulate);

const settings = readSettings(
  switches.secrets === undefined ? process.env : { ...process.env, ORRERY_AGENT_SECRETS: switches.secrets },
);
// An agent reads and writes topics only: it has no database.
const telemetry = new Telemetry(
  { ...settings, app: 'agent', instance: settings.name, cassandra: [], datacenter: '', keyspace: '' },
  process.env,
);
telemetry.endOnBugs();

const app = await NestFactory.createMicroservice(AgentModule, {
  strategy:
    agents === undefined
      ? new AgentServer(settings, telemetry)
      : new FleetServer(settings, telemetry, { agents, knobs: readKnobs(process.env['ORRERY_SIMULATE']) }),
  logger: telemetry.nestLog,
});
app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
try {
  await app.listen();
} catch (error) {
  if (error instanceof FolderTaken) end(undefined, error.message);
  end(error, 'could not start');
}

function end(error: unknown, message: string): never {
  telemetry.log.fatal(error === undefined ? {} : { err: error }, message);
  process.exit(1);
}

/** Of `--simulate N`: so many agents without machines of their own, in this one process. */
function countOf(given: string): number {
  if (/^[1-9]\d{0,5}$/.test(given)) return Number(given);
  throw new Error(`--simulate takes the number of agents, and not ${JSON.stringify(given)}`);
}
