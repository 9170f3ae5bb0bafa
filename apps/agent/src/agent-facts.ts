import { readdirSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';
import {
  ENGINE_ATTRIBUTE,
  reservedOf,
  staticProblem,
  type AgentFacts,
  type Capacity,
  type Disk,
  type StaticReservation,
} from '@orrery/contracts';
import type { GivenDisk, GivenReservation, Settings } from './settings.js';

const MIB = 1024 * 1024;
/** Left to the machine itself, where nothing else was said. */
const OFFERED_SHARE = 0.9;
const PORTS_DEFAULT: readonly (readonly [number, number])[] = [[31_000, 32_000]];

/** What of its runtime is told as attributes. */
export interface RuntimeFacts {
  readonly isolation: string;
  /** Pods with images are placed where one is. */
  readonly engine: string | undefined;
}

/** What this machine offers: as given, else as found. */
export function agentFacts({ resources, address, folder }: Settings, { isolation, engine }: RuntimeFacts): AgentFacts {
  const { cpus, memory, disk, ports = PORTS_DEFAULT, gpus, disks, attributes, region, zone } = resources;
  const capacity: Capacity = {
    cpusMilli: Math.round((cpus ?? availableParallelism()) * 1000),
    memoryMib: Math.floor(memory ?? (totalmem() / MIB) * OFFERED_SHARE),
    diskMib: Math.floor(disk ?? freeDiskMib(folder) * OFFERED_SHARE),
    gpuIds: [...(gpus ?? foundGpus())],
    ports: ports.map(([first, last]) => [first, last]),
    ...(disks === undefined ? {} : { disks: disks.map(diskOf) }),
  };
  const reservations = reservationsOf(capacity, resources.reservations ?? []);
  return {
    hostname: resources.hostname ?? hostname(),
    address,
    capacity,
    attributes: {
      isolation: isolation.split(/[: ]/)[0]!,
      ...attributes,
      ...(engine === undefined ? {} : { [ENGINE_ATTRIBUTE]: engine }),
    },
    faultDomain: { region: region ?? 'default', zone: zone ?? 'default' },
    ...(reservations.length === 0 ? {} : { reservations }),
  };
}

/** What the master would refuse is said here, where it can be mended. */
function reservationsOf(capacity: Capacity, given: readonly GivenReservation[]): StaticReservation[] {
  const reservations = given.map(({ role, resources, labels = {} }) => ({
    ...{ role, labels },
    resources: reservedOf(resources),
  }));
  const problem = staticProblem(capacity, reservations);
  if (problem === undefined) return reservations;
  throw new Error(`ORRERY_AGENT_RESOURCES ${problem.field}: ${problem.message}; ${problem.remedy}`);
}

/** The folder has to be there: a disk that is not mounted must not be taken for an empty one. */
function diskOf({ name, path, size, type }: GivenDisk): Disk {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`disk ${name} is to be the folder ${path}, which is not there`);
  return { name, path, type, sizeMib: size ?? sizeOfDiskMib(path) };
}

/** All of it, not what is free: what is free shrinks with what volumes hold. */
function sizeOfDiskMib(folder: string): number {
  const { blocks, bsize } = statfsSync(folder);
  return Math.floor((blocks * bsize) / MIB);
}

function freeDiskMib(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return (bavail * bsize) / MIB;
}

/** The driver numbers its devices from 0, as CUDA_VISIBLE_DEVICES takes them. */
function foundGpus(): string[] {
  try {
    return readdirSync('/proc/driver/nvidia/gpus').map((_, index) => `${index}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
