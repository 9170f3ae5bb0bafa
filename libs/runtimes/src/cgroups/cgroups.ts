import type { Usage } from '../usage/usage.js';

/** Kernel groups that count, limit and find the processes of one launch, also those that left its session. */
export interface Cgroups {
  readonly version: 1 | 2;
  /** What can be limited here. */
  readonly limits: { readonly cpu: boolean; readonly memory: boolean };
  create(launch: string, limits: Limits): CgroupOfLaunch;
  /** The group of a launch of an earlier process of this agent, by the folders that were noted then. */
  reopen(folders: readonly string[]): CgroupOfLaunch;
  /** Removes what is left of this agent's own place in the tree, when no launch is in it. */
  close(): void;
}

export interface Limits {
  /** 0: no limit. */
  readonly cpusMilli: number;
  /** `quota`: never more, as in DC/OS. `weight`: more while nobody else wants it, as requests of Kubernetes. */
  readonly cpuLimit: CpuLimit;
  /** 0: no limit. */
  readonly memoryMib: number;
}

export type CpuLimit = 'quota' | 'weight';

export interface CgroupOfLaunch {
  /** To be noted on disk: where the groups are survives the agent, and its own place in the tree may change. */
  readonly folders: readonly string[];
  /** A process joins by writing 0 into each. */
  readonly procsFiles: readonly string[];
  /** Counts OOM kills in a line `oom_kill <n>`. */
  readonly oomCounter: string | undefined;
  processes(): number[];
  /** What its members used so far, those that ended included, and hold now; as far as this kernel counts it. */
  usage(): Pick<Usage, 'cpuMs' | 'memoryBytes'>;
  /** One pass of SIGKILL over all members; nothing can fork away meanwhile where the kernel lets us freeze. */
  kill(): void;
  /** False while a process is left in it. */
  remove(): boolean;
}

export type CgroupsFound = { readonly cgroups: Cgroups } | { readonly cgroups: undefined; readonly why: string };
