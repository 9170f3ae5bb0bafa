import { join } from 'node:path';
import { WrongSetting } from './wrong-setting.js';

/** Which local agents there are and what they declare, in the words of `up`; where nothing is said, what was said last holds. */
export interface GivenDeclarations {
  /** A cell. */
  readonly agents?: number;
  readonly disks?: readonly string[];
  readonly reserve?: readonly string[];
  readonly secrets?: string;
}

/** Instead of a disk or a reservation: there are to be none any more. */
const NONE = 'none';
const AGENTS = 3;

export interface Declarations {
  readonly agentsPerCell: number;
  readonly disks: readonly DeclaredDisk[];
  readonly reserved: readonly DeclaredReservation[];
  /** Folder that they find secrets in; absent: that of the home. */
  readonly secrets?: string;
}

export interface DeclaredDisk {
  /** Absent: every local agent has one. */
  readonly agent?: string;
  readonly name: string;
  readonly type: 'PATH' | 'MOUNT';
  readonly sizeMib: number;
  /** A folder with one in it for each agent; absent: in the home. */
  readonly path?: string;
}

export interface DeclaredReservation {
  readonly agent?: string;
  readonly role: string;
  readonly resources: object;
}

/** Throws a `WrongSetting` where the words can't be meant. */
export function declarationsIn({
  agents = AGENTS,
  disks = [],
  reserve = [],
  secrets,
}: GivenDeclarations): Declarations {
  return {
    agentsPerCell: agents,
    disks: unlessNone('--disk', disks).map(declaredDisk),
    reserved: unlessNone('--reserve', reserve).flatMap(declaredReservations),
    ...(secrets === undefined ? {} : { secrets }),
  };
}

function unlessNone(flag: string, words: readonly string[]): readonly string[] {
  if (!words.includes(NONE)) return words;
  if (words.length > 1) throw new WrongSetting(`${flag} ${NONE} stands alone, found ${words.join(' ')}`);
  return [];
}

/** `[AGENT=]NAME:TYPE:MIB[:PATH]`, such as `fast:MOUNT:512`. */
function declaredDisk(text: string): DeclaredDisk {
  const { agent, rest } = forWhom(text);
  const [, name, type, size, path] =
    /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?):(PATH|MOUNT):([1-9]\d{0,11})(?::(\/.+))?$/.exec(rest) ?? [];
  if (name === undefined)
    throw new WrongSetting(
      `--disk is [AGENT=]NAME:PATH|MOUNT:MIB[:/FOLDER] such as fast:MOUNT:512, and not ${JSON.stringify(text)}`,
    );
  return {
    ...agent,
    name,
    type: type as DeclaredDisk['type'],
    sizeMib: Number(size),
    ...(path === undefined ? {} : { path }),
  };
}

/**
 * Written as Mesos writes what an agent has: `[AGENT=]RESOURCE(ROLE):VALUE;…`, such as
 * `cpus(eng):2;memory(eng):512;ports(eng):[7100-7110,7200]`. One reservation for each role.
 */
function declaredReservations(text: string): DeclaredReservation[] {
  const { agent, rest } = forWhom(text);
  const byRole = new Map<string, Record<string, unknown>>();
  for (const part of rest.split(';').filter((each) => each.trim() !== '')) {
    const [, resource, role, value] = /^\s*([a-z]+)\(([^()]+)\)\s*:\s*(.+?)\s*$/.exec(part) ?? [];
    const parsed = value === undefined ? undefined : valueOf(resource!, value);
    if (parsed === undefined)
      throw new WrongSetting(
        `--reserve is [AGENT=]RESOURCE(ROLE):VALUE;… of cpus, memory, disk, gpus, ports, disks, such as ` +
          `cpus(eng):2;ports(eng):[7100-7110], and not ${JSON.stringify(part)}`,
      );
    const resources = byRole.get(role!) ?? {};
    if (parsed.name in resources) throw new WrongSetting(`--reserve names ${parsed.name} of ${role} twice`);
    byRole.set(role!, { ...resources, [parsed.name]: parsed.value });
  }
  if (byRole.size === 0) throw new WrongSetting('--reserve names nothing');
  return Array.from(byRole, ([role, resources]) => ({ ...agent, role, resources }));
}

const words: Readonly<Record<string, string>> = {
  ...{ cpus: 'cpus', memory: 'memory', mem: 'memory', disk: 'disk', gpus: 'gpus' },
  ...{ ports: 'ports', disks: 'disks' },
};

function valueOf(word: string, text: string): { readonly name: string; readonly value: unknown } | undefined {
  const name = words[word];
  if (name === undefined) return undefined;
  const list = text.replace(/^\[(.*)\]$/, '$1').split(',');
  if (name === 'disks') return { name, value: list.map((disk) => disk.trim()) };
  if (name !== 'ports') return /^\d+(\.\d{1,3})?$/.test(text) ? { name, value: Number(text) } : undefined;
  const ranges = list.map((range) => /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(range));
  if (ranges.includes(null)) return undefined;
  return { name, value: ranges.map((range) => ({ begin: Number(range![1]), end: Number(range![2] ?? range![1]) })) };
}

function forWhom(text: string): { readonly agent: { readonly agent?: string }; readonly rest: string } {
  const [, agent, rest] = /^(agent-\d+)=(.*)$/s.exec(text) ?? [];
  return agent === undefined ? { agent: {}, rest: text } : { agent: { agent }, rest: rest! };
}

/** What one agent declares of these. */
export function declarationsFor(
  agent: string,
  home: string,
  { disks, reserved }: Declarations,
): { readonly disks?: readonly { readonly path: string }[]; readonly reservations?: readonly object[] } {
  const isOwn = ({ agent: of }: { readonly agent?: string }) => of === undefined || of === agent;
  const own = disks.filter(isOwn).map(({ name, type, sizeMib, path = join(home, 'disks') }) => ({
    ...{ name, type, size: sizeMib },
    path: join(path, agent, name),
  }));
  const kept = reserved.filter(isOwn).map(({ role, resources }) => ({ role, resources }));
  return {
    ...(own.length === 0 ? {} : { disks: own }),
    ...(kept.length === 0 ? {} : { reservations: kept }),
  };
}
