import { NestFactory } from '@nestjs/core';
import { Telemetry } from '@orrery/telemetry';
import { AgentModule } from './agent.module.js';
import { AgentServer } from './agent-server.js';
import { FolderTaken } from './folder-lock.js';
import { readSettings } from './settings.js';

const settings = readSettings(process.env);
// An agent reads and writes topics only: it has no database.
const telemetry = new Telemetry(
  { ...settings, app: 'agent', instance: settings.name, cassandra: [], datacenter: '', keyspace: '' },
  process.env,
);
telemetry.endOnBugs();

const app = await NestFactory.createMicroservice(AgentModule, {
  strategy: new AgentServer(settings, telemetry),
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
