import { reject, type Decision } from '@orrery/kernel';
import type { ServiceSpec } from '@orrery/contracts';

/** Of a part of a DNS name. */
const NAME_LENGTH_MAX = 63;

/** Names by which tasks are found are of one task each, and so are those that all of its pods share. */
export function refusalOfDiscovery(spec: ServiceSpec): Decision<never> | undefined {
  const prefixes = new Map<string, string>();
  for (const [pod, { count = 1, tasks }] of Object.entries(spec.pods)) {
    for (const [task, { discovery, ports = {} }] of Object.entries(tasks)) {
      const path = `/pods/${pod}/tasks/${task}`;
      const prefix = discovery?.prefix;
      const vips = new Map<string, string>();
      for (const [port, { vip, count: numbers = 1 }] of Object.entries(ports)) {
        if (vip === undefined) continue;
        const field = `${path}/ports/${port}/vip`;
        if (numbers > 1)
          return invalid(field, `leads to one number, and the port has ${numbers}`, 'count 1, or no vip');
        const address = `${vip.prefix}:${vip.port}`;
        const other = vips.get(address);
        if (other !== undefined) return invalid(field, `is ${address}, as that of port ${other}`, 'another vip');
        vips.set(address, port);
      }
      if (prefix === undefined) continue;
      const field = `${path}/discovery/prefix`;
      const other = prefixes.get(prefix);
      if (other !== undefined) return invalid(field, `is ${prefix}, as that of ${other}`, 'another prefix');
      prefixes.set(prefix, `task ${task} of ${pod}`);
      const longest = `${prefix}-${Math.max(0, count - 1)}`.length;
      if (longest > NAME_LENGTH_MAX)
        return invalid(field, `makes names of ${longest} characters, ${NAME_LENGTH_MAX} are possible`, 'a shorter one');
    }
  }
  return undefined;
}

function invalid(field: string, message: string, remedy: string): Decision<never> {
  return reject('invalid-spec', `${field} ${message}`, { field, remedy });
}
