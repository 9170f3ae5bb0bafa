import { createHash } from 'node:crypto';
import { getContainerRuntimeClient, ImageName, type ContainerRuntimeClient } from 'testcontainers';
import { loopback } from './ports.js';

/** A container that is kept like a child process. Its port is the same inside and on the loopback outside. */
export interface KeptContainer {
  readonly name: string;
  /** The home it belongs to: with the name, what a left-over is found by. */
  readonly home: string;
  readonly image: string;
  readonly port: number;
  readonly user?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
}

const STOP_WITHIN_S = 20;
const HOME_LABEL = 'orrery.home';
const CONTAINER_LABEL = 'orrery.container';

/** Fetches an image unless the engine has it. */
export async function pullImage(image: string): Promise<void> {
  const client = await getContainerRuntimeClient();
  await client.image.pull(ImageName.fromString(image), { force: false, platform: undefined });
}

/**
 * Runs a container until it ends or this process is told to stop, and writes its log to stdout. The exit code is that of
 * the container, so that a supervisor of processes supervises containers as well. What an earlier keeper of the same home
 * and name did not live to stop is removed first: two servers on one folder of data would destroy it.
 */
export async function keepContainer(kept: KeptContainer): Promise<number> {
  const client = await getContainerRuntimeClient();
  await removeLeftOver(client, kept);
  const container = await client.container.create(createOptions(kept));
  const told = new Promise<'stop'>((resolve) => process.once('SIGTERM', () => resolve('stop')));
  try {
    await client.container.start(container);
    const log = await client.container.logs(container);
    log.pipe(process.stdout);
    const ended = container.wait().then(({ StatusCode: code }: { StatusCode: number }) => code);
    const outcome = await Promise.race([ended, told]);
    if (outcome !== 'stop') return outcome;
    await container.stop({ t: STOP_WITHIN_S });
    return 0;
  } finally {
    await container.remove({ force: true, v: true });
  }
}

function createOptions({ name, home, image, port, user, environment, mounts }: KeptContainer) {
  return {
    Image: image,
    name: `orrery-${createHash('sha256').update(home).digest('hex').slice(0, 8)}-${name}`,
    Labels: { [HOME_LABEL]: home, [CONTAINER_LABEL]: `${home}/${name}` },
    Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    ExposedPorts: { [`${port}/tcp`]: {} },
    HostConfig: {
      // Without an address the engine would serve the whole network.
      PortBindings: { [`${port}/tcp`]: [{ HostIp: loopback, HostPort: String(port) }] },
      Binds: mounts.map(({ source, target }) => `${source}:${target}:z`),
    },
    ...(user === undefined ? {} : { User: user }),
  };
}

async function removeLeftOver({ container: containers }: ContainerRuntimeClient, kept: KeptContainer): Promise<void> {
  const left = await containers.dockerode.listContainers({
    all: true,
    filters: { label: [`${CONTAINER_LABEL}=${kept.home}/${kept.name}`] },
  });
  await Promise.all(left.map(({ Id: id }) => containers.getById(id).remove({ force: true, v: true })));
}
