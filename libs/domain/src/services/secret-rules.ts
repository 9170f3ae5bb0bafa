import { reject, type Decision } from '@orrery/kernel';
import { portNumbersOf, type PodSpec, type ServiceSpec } from '@orrery/contracts';

/** What the schema can't say about the secrets of a pod whose defaults are written out. */
export function refusalOfSecrets({ role = '*' }: ServiceSpec, pod: PodSpec, path: string): Decision<never> | undefined {
  const keys = new Map<string, string>();
  for (const [name, { secret, 'env-key': key, file }] of Object.entries(pod.secrets ?? {})) {
    const field = `${path}/secrets/${name}`;
    const space = secret.slice(0, Math.max(0, secret.lastIndexOf('/')));
    if (!isWithin(role, space)) {
      const message = `${field}/secret is for services of the role ${space} and below it, and this one has the role ${role}`;
      return reject('secret-of-others', message, {
        field: `${field}/secret`,
        remedy: 'a secret of the role of the service, of one above it, or one in no folder',
      });
    }
    if (key === undefined && file === undefined) return invalid(field, 'is given to nobody', 'env-key, file, or both');
    const takenKey = key === undefined ? undefined : takenKeyOf(pod, key, keys);
    if (takenKey !== undefined) return invalid(`${field}/env-key`, takenKey, 'another env-key');
    if (key !== undefined) keys.set(key, name);
    const takenPlace = file === undefined ? undefined : takenPlaceOf(pod, file, name);
    if (takenPlace !== undefined) return invalid(`${field}/file`, takenPlace, 'another file below the sandbox');
  }
  return undefined;
}

/** Whether services of a role may have what is kept in this folder: it is that of the role, or of one above it. */
function isWithin(role: string, space: string): boolean {
  return space === '' || role === space || role.startsWith(`${space}/`);
}

function takenKeyOf(pod: PodSpec, key: string, others: ReadonlyMap<string, string>): string | undefined {
  if (key.startsWith('ORRERY_')) return 'is set by the agent';
  if (others.has(key)) return `is ${key}, as that of ${others.get(key)}`;
  for (const [task, { env = {}, ports = {} }] of Object.entries(pod.tasks)) {
    if (Object.hasOwn(env, key)) return `is ${key}, which task ${task} has in its env`;
    for (const [port, spec] of Object.entries(ports)) {
      if (portNumbersOf(port, spec).some(({ suffix }) => `${spec['env-key']}${suffix}` === key))
        return `is ${key}, which tells port ${port} of task ${task}`;
    }
  }
  return undefined;
}

/** A volume outlives the launch that its secret is for. */
function takenPlaceOf(pod: PodSpec, file: string, name: string): string | undefined {
  const parts = file.split('/');
  if (parts.includes('..') || parts.includes('.')) return 'leaves the sandbox';
  if (file === 'stdout' || file === 'stderr') return 'is a file of the runtime';
  const volume = Object.entries(pod.volumes ?? {}).find(([, { path }]) => overlaps(path, file));
  if (volume !== undefined) return `lies in the place of volume ${volume[0]}`;
  const twin = Object.entries(pod.secrets ?? {}).find(
    ([other, { file: place }]) => other !== name && place !== undefined && overlaps(place, file),
  );
  if (twin !== undefined) return `lies in the place of secret ${twin[0]}`;
  for (const [task, { configs = {} }] of Object.entries(pod.tasks)) {
    const config = Object.entries(configs).find(([, { dest }]) => overlaps(dest, file));
    if (config !== undefined) return `lies in the place of config ${config[0]} of task ${task}`;
  }
  return undefined;
}

function overlaps(left: string, right: string): boolean {
  return left === right || left.startsWith(`${right}/`) || right.startsWith(`${left}/`);
}

function invalid(field: string, message: string, remedy: string): Decision<never> {
  return reject('invalid-spec', `${field} ${message}`, { field, remedy });
}
