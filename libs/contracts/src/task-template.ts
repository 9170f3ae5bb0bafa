import { encodePlain, sha256, type Plain } from '@orrery/kernel';
import type { Rlimit, TaskArtifact, TaskCheck, TaskSecret, TaskTemplate } from './cluster.js';
import { portNumbersOf } from './ports.js';
import type { CheckSpec, PodSpec, RlimitSpec, SecretSpec, TaskSpec, UriSpec } from './service-spec.js';

/** How a task of a pod runs, in the form that launches carry. */
export function taskTemplateOf(
  task: TaskSpec,
  { image, uris = [], secrets = {}, rlimits = {}, 'resource-sets': sets }: Partial<PodSpec> = {},
): TaskTemplate {
  const set = task['resource-set'] === undefined ? undefined : sets?.[task['resource-set']];
  const artifacts = [...uris, ...(task.uris ?? [])].map(artifactOf);
  const readiness = task['readiness-check'];
  const health = task['health-check'];
  return {
    cmd: task.cmd,
    goal: task.goal ?? 'RUNNING',
    env: task.env ?? {},
    ...(image === undefined ? {} : { image }),
    cpusMilli: milli((set ?? task).cpus),
    memoryMib: (set ?? task).memory ?? 0,
    diskMib: (set ?? task).disk ?? 0,
    killGraceMs: millis(task['kill-grace-period'] ?? 0),
    portEnv: Object.fromEntries(
      Object.entries(task.ports ?? {}).flatMap(([port, spec]) =>
        portNumbersOf(port, spec).map(({ name, suffix }) => [name, `${spec['env-key'] ?? port}${suffix}`]),
      ),
    ),
    ...(readiness === undefined ? {} : { readinessCheck: checkOf(readiness) }),
    ...(health === undefined ? {} : { healthCheck: checkOf(health) }),
    ...(artifacts.length === 0 ? {} : { artifacts }),
    ...(Object.keys(rlimits).length === 0 ? {} : { rlimits: Object.entries(rlimits).map(rlimitOf) }),
    ...(Object.keys(secrets).length === 0 ? {} : { secrets: Object.values(secrets).map(secretOf) }),
    configs: Object.values(task.configs ?? {}).map(({ template, dest }) => ({ template, dest })),
  };
}

/** sha256 of the canonical template: first 16 hex digits. */
export function templateDigestOf(template: TaskTemplate): string {
  return sha256(encodePlain(template as unknown as Plain)).slice(0, 16);
}

function artifactOf({ dest, ...artifact }: UriSpec): TaskArtifact {
  return { ...artifact, dest: dest ?? placeOf(artifact.uri) };
}

function rlimitOf([name, { soft, hard }]: [string, RlimitSpec]): Rlimit {
  return [name, soft, hard];
}

function secretOf({ secret, 'env-key': env, file }: SecretSpec): TaskSecret {
  return { secret, ...(env === undefined ? {} : { env }), ...(file === undefined ? {} : { file }) };
}

/** Where it lies below the sandbox when nobody says. */
export function placeOf(uri: string): string {
  if (uri.startsWith('mvn:')) return 'lib';
  const last = uri.replace(/[?#].*$/, '').replace(/\/+$/, '');
  return last.slice(last.lastIndexOf('/') + 1);
}

function checkOf(check: CheckSpec): TaskCheck {
  return {
    probe: probeOf(check),
    intervalMs: millis(check.interval ?? 1),
    timeoutMs: millis(check.timeout ?? 5),
    delayMs: millis(check.delay ?? 0),
    gracePeriodMs: millis(check['grace-period'] ?? 0),
    failuresMax: check['max-consecutive-failures'] ?? 1,
  };
}

function probeOf({ cmd, http, tcp }: CheckSpec): TaskCheck['probe'] {
  if (http !== undefined) return { kind: 'http', port: http.port, path: http.path ?? '/' };
  return tcp === undefined ? { kind: 'cmd', cmd: cmd! } : { kind: 'tcp', port: tcp.port };
}

/** Cores as whole milli-cores. */
export function milli(cores: number | undefined): number {
  return Math.round((cores ?? 0) * 1000);
}

function millis(seconds: number): number {
  return Math.round(seconds * 1000);
}
