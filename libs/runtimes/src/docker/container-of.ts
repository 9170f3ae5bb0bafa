import { userInfo } from 'node:os';
import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import type { CpuLimit } from '../cgroups/cgroups.js';
import type { TaskLaunch } from '../runtime.js';
import { TOOLS_PATH } from './node-in-container.js';

/** A folder or file of this machine that the container has at the place where the links of its sandbox lead. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerPlace {
  readonly name: string;
  readonly sandbox: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly cpuLimit: CpuLimit;
}

const BYTES_PER_MIB = 1024 * 1024;
const NANO_CPUS_PER_MILLI = 1_000_000;
/** Linux counts 1024 shares for one processor. */
const sharesOf = (cpusMilli: number) => Math.max(2, Math.round((cpusMilli * 1024) / 1000));

/**
 * The first process of a container: the kernel gives it no signal that it does not catch, and it would have to bury whoever loses
 * its parent, so the task is its child. SIGTERM goes to all of them, as a task of this machine has it with its group.
 */
const FIRST_PROCESS = `cd "$ORRERY_SANDBOX" || exit 126
exec </dev/null >>stdout 2>>stderr
export PATH="$PATH:${TOOLS_PATH}"
/bin/sh -c "$1" &
task=$!
trap 'kill -s TERM -- -1 2>/dev/null' TERM
wait "$task"
status=$?
while kill -0 "$task" 2>/dev/null; do
  wait "$task"
  status=$?
done
exit "$status"`;

/**
 * What an engine is asked for: the image gives the root of the file system, all else is as for a process of this machine: the user of
 * the agent, the network of the machine (ports and addresses are the cluster's own), the sandbox, at the same place as outside.
 */
export function containerOf(
  task: TaskLaunch & { readonly image: string },
  place: ContainerPlace,
): ContainerCreateOptions {
  const { uid, gid } = userInfo();
  return {
    name: place.name,
    Image: task.image,
    Entrypoint: ['/bin/sh', '-c', FIRST_PROCESS, 'task'],
    Cmd: [task.command],
    User: `${uid}:${gid}`,
    Env: Object.entries(environmentOf(task, place.sandbox)).map(([name, value]) => `${name}=${value}`),
    Labels: { ...place.labels },
    HostConfig: {
      NetworkMode: 'host',
      // What it did is asked for afterwards.
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      Mounts: place.mounts.map(({ source, target, readOnly }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      Ulimits: (task.rlimits ?? []).map(([name, Soft, Hard]) => ({
        Name: name.replace(/^RLIMIT_/, '').toLowerCase(),
        ...{ Soft, Hard },
      })),
      ...limitsOf(task, place.cpuLimit),
      ...devicesOf(task.gpuIds),
    },
  };
}

export function environmentOf(
  { environment, secretEnvironment }: Pick<TaskLaunch, 'environment' | 'secretEnvironment'>,
  sandbox: string,
): Record<string, string> {
  return { ...secretEnvironment, ...environment, ORRERY_SANDBOX: sandbox };
}

function limitsOf({ cpusMilli, memoryMib }: TaskLaunch, cpuLimit: CpuLimit): HostConfig {
  const memory = memoryMib * BYTES_PER_MIB;
  return {
    ...(cpuLimit === 'quota' ? { NanoCpus: cpusMilli * NANO_CPUS_PER_MILLI } : { CpuShares: sharesOf(cpusMilli) }),
    // As much with swap as without: nothing of a task is swapped out.
    ...(memory === 0 ? {} : { Memory: memory, MemorySwap: memory }),
  };
}

function devicesOf(gpuIds: readonly string[] = []): HostConfig {
  if (gpuIds.length === 0) return {};
  return { DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: [...gpuIds], Capabilities: [['gpu']] }] };
}
