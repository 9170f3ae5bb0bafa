import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { ProcessSettings } from './process-settings.js';

/** Whether a process serves, and what there is to say about it. */
export interface Health {
  readonly ready: boolean;
  readonly details: unknown;
}

/**
 * `/metrics`, `/livez` and `/readyz` of one process, on a loopback port of the system's choice; the address stands in
 * `run/<instance>.json` of ORRERY_HOME.
 */
export class TelemetryServer {
  readonly #settings: ProcessSettings;
  readonly #server: Server;

  constructor(settings: ProcessSettings, registry: Registry, health: () => Health) {
    this.#settings = settings;
    this.#server = createServer((request, response) => {
      answer(request.url ?? '/', response, registry, health).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const line = { name: this.#settings.instance, pid: process.pid, url, startedAt: new Date().toISOString() };
    const file = this.#file();
    await mkdir(join(this.#settings.home, 'run'), { recursive: true });
    await writeFile(`${file}.${process.pid}`, `${JSON.stringify(line)}\n`);
    await rename(`${file}.${process.pid}`, file);
    return url;
  }

  async stop(): Promise<void> {
    await rm(this.#file(), { force: true });
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #file(): string {
    return join(this.#settings.home, 'run', `${this.#settings.instance}.json`);
  }
}

async function answer(url: string, response: ServerResponse, registry: Registry, health: () => Health): Promise<void> {
  const path = url.split('?')[0];
  if (path === '/metrics') {
    response.setHeader('content-type', registry.contentType).end(await registry.metrics());
  } else if (path === '/livez') {
    response.setHeader('content-type', 'text/plain').end('alive\n');
  } else if (path === '/readyz') {
    const { ready, details } = health();
    response.statusCode = ready ? 200 : 503;
    response.setHeader('content-type', 'application/json').end(`${JSON.stringify({ ready, details })}\n`);
  } else {
    response.statusCode = 404;
    response.end();
  }
}
