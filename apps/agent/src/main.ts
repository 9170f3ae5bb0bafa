import { NestFactory } from '@nestjs/core';
import { AgentModule } from './agent.module.js';
import { AgentServer } from './agent-server.js';
import { FolderTaken } from './folder-lock.js';
import { readSettings } from './settings.js';

const app = await NestFactory.createMicroservice(AgentModule, { strategy: new AgentServer(readSettings(process.env)) });
app.enableShutdownHooks();
try {
  await app.listen();
} catch (error) {
  process.stderr.write(`${error instanceof FolderTaken ? error.message : String((error as Error).stack)}\n`);
  process.exit(1);
}
