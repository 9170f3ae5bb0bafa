import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

export class FolderTaken extends Error {
  constructor(folder: string) {
    super(`another agent runs on ${folder}: stop it, or give this one a folder of its own (ORRERY_AGENT_DIR)`);
    this.name = 'FolderTaken';
  }
}

/**
 * One agent a folder: a socket of the kernel's abstract name space, which goes with its process however that ends, so there
 * is nothing stale to clear away. Containers that share a folder but no network name space are not kept apart.
 */
export function lockFolder(folder: string): Promise<Server> {
  const name = createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32);
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new FolderTaken(folder) : error),
    );
    server.listen(`\0orrery-agent-${name}`, () => resolve(server));
    server.unref();
  });
}
