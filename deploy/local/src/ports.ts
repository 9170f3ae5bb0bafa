import { mkdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { releaseLock, takeLock } from './lock.js';

export const loopback = '127.0.0.1';

const TRIED_MAX = 500;

/** Blocks of `size` ports each, from `first` up to `last`. */
export interface PortBlocks {
  readonly first: number;
  readonly last: number;
  readonly size: number;
}

/**
 * Chooses ports for processes that will listen on them a little later. Until `release` a chosen port is reserved on this
 * machine: launchers that start at the same moment would else choose the same one, and one of them find the other's Kafka.
 */
export class Ports {
  private readonly reserved: number[] = [];

  constructor(private readonly folder: string = join(tmpdir(), `orrery-ports-${userInfo().uid}`)) {
    mkdirSync(folder, { recursive: true });
  }

  /** The preferred port when it is free and nobody's, else the next one that is; 0 is any. */
  async choose(preferred: number): Promise<number> {
    for (let tried = 0; tried < TRIED_MAX; tried += 1) {
      const port = preferred === 0 ? await anyPort() : preferred + tried;
      if (this.reserved.includes(port) || takeLock(this.lockFile(port), 'up') !== undefined) continue;
      if (await isFree(port)) {
        this.reserved.push(port);
        return port;
      }
      releaseLock(this.lockFile(port));
    }
    throw new Error(`no free port from ${preferred} to ${preferred + TRIED_MAX} on ${loopback}`);
  }

  /** The first port of a block that no other launcher has chosen: the preferred one, else any. */
  chooseBlock(preferred: number | undefined, { first, last, size }: PortBlocks): number {
    const blocks = Array.from({ length: Math.floor((last + 1 - first) / size) }, (_, index) => first + index * size);
    const candidates = blocks.filter((port) => port === preferred).concat(blocks);
    const block = candidates.find(
      (port) => !this.reserved.includes(port) && takeLock(this.lockFile(port), 'up') === undefined,
    );
    if (block === undefined)
      throw new Error(`all blocks of ${size} ports from ${first} to ${last} are taken: stop a cluster`);
    this.reserved.push(block);
    return block;
  }

  release(): void {
    for (const port of this.reserved.splice(0)) releaseLock(this.lockFile(port));
  }

  private lockFile(port: number): string {
    return join(this.folder, String(port));
  }
}

/** True when this process could listen there, on the loopback and on all addresses. */
async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, loopback)) && (await canListen(port, '0.0.0.0'));
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen({ port: 0, host: loopback }, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(false) : reject(error),
    );
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
