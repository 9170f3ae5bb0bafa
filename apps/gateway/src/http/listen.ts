import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import type { GatewaySettings } from '../settings.js';

const PORTS_TRIED = 50;

export interface Address {
  readonly url: string;
  /** Takes back what was written about it. */
  forget(): Promise<void>;
}

/** Listens on the port that was asked for, or the next free one, and writes down where. */
export async function listen(app: NestFastifyApplication, settings: GatewaySettings): Promise<Address> {
  for (let tried = 0; ; tried += 1) {
    try {
      await app.listen(settings.port === 0 ? 0 : settings.port + tried, settings.host);
      break;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || settings.port === 0 || tried === PORTS_TRIED) throw error;
    }
  }
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://${settings.host}:${port}`;
  const file = settings.addressFile;
  const line = {
    name: settings.process.instance,
    pid: process.pid,
    gateway: url,
    url,
    startedAt: new Date().toISOString(),
  };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify(line)}\n`);
  await rename(`${file}.${process.pid}`, file);
  return { url, forget: () => rm(file, { force: true }) };
}
