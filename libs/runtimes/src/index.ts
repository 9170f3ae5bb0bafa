export { ArtifactCache, type ArtifactCacheOptions } from './artifacts/artifact-cache.js';
export { copyMavenClosure } from './artifacts/maven.js';
export type { Artifact } from './artifacts/fetch-artifact.js';
export { detectCgroups } from './cgroups/detect-cgroups.js';
export type { CgroupOfLaunch, Cgroups, CgroupsFound, CpuLimit, Limits } from './cgroups/cgroups.js';
export { DockerEngine } from './docker/docker-engine.js';
export { DockerRuntime, needsEngine, type DockerRuntimeOptions } from './docker/docker-runtime.js';
export { ExecRuntime, type ExecRuntimeOptions } from './exec/exec-runtime.js';
export { isSafeName } from './exec/launch-folder.js';
export { OutsideSandbox } from './exec/sandbox.js';
export { SecretFolder, SecretProblem } from './secrets/secret-folder.js';
export { NoTerminal } from './terminal-session.js';
export type {
  Ended,
  Observation,
  Probe,
  ProbeResult,
  Running,
  RunningCommand,
  Runtime,
  TaskCommand,
  TaskLaunch,
  TerminalSize,
} from './runtime.js';
export { networkOf } from './usage/usage-files.js';
export type { NetworkUsage, Usage } from './usage/usage.js';
