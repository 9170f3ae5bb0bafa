import { createServer, type AddressInfo } from 'node:net';

export const loopback = '127.0.0.1';

/** The preferred port when nobody listens there, else the next free one; 0 is any. Ports handed out are not given again. */
export async function choosePort(preferred: number, taken: Set<number> = new Set()): Promise<number> {
  if (preferred === 0) return anyPort();
  for (let port = preferred; port < preferred + 200; port += 1) {
    if (!taken.has(port) && (await isFree(port))) {
      taken.add(port);
      return port;
    }
  }
  throw new Error(`no free port from ${preferred} to ${preferred + 199} on ${loopback}`);
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
