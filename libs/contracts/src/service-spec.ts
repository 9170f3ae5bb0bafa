import { Type, type Static } from 'typebox';
import { Priority } from './preemption.js';
import { portFields } from './ports.js';
import { Affinity, PlacementSpec, Spread } from './rules.js';

/**
 * What users write (YAML or JSON). Field names are those of the DC/OS SDK; memory and disk are MiB, cpus are cores with up
 * to three decimals, times are seconds. Published at `/schemas/service.json`.
 */
const strict = { additionalProperties: false } as const;
const name = (description: string) =>
  Type.String({
    pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
    description: `${description}: lower-case letters, digits, dashes, at most 63`,
  });
const seconds = (minimum: number, maximum: number, description: string) =>
  Type.Number({ minimum, maximum, description });
const cpus = Type.Number({ minimum: 0, maximum: 4096, multipleOf: 0.001, description: 'cores, up to three decimals' });
const mebibytes = (description: string) =>
  Type.Integer({ minimum: 0, maximum: 1_073_741_824, description: `${description}, MiB` });

export const CheckSpec = Type.Object(
  {
    cmd: Type.Optional(Type.String({ minLength: 1, maxLength: 65_536 })),
    http: Type.Optional(
      Type.Object(
        {
          port: Type.String({ description: 'name of a port of this task' }),
          path: Type.Optional(Type.String({ pattern: '^/' })),
        },
        strict,
      ),
    ),
    tcp: Type.Optional(Type.Object({ port: Type.String({ description: 'name of a port of this task' }) }, strict)),
    interval: Type.Optional(seconds(0.1, 3600, 'between two runs')),
    timeout: Type.Optional(seconds(0.1, 3600, 'after which a run has failed')),
    delay: Type.Optional(seconds(0, 3600, 'before the first run')),
    'grace-period': Type.Optional(seconds(0, 86_400, 'failures do not count so long after the start')),
    'max-consecutive-failures': Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  },
  { ...strict, description: 'exactly one of cmd, http, tcp' },
);

export const PortSpec = Type.Object(
  {
    ...portFields,
    'env-key': Type.Optional(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' })),
    advertise: Type.Optional(Type.Boolean()),
    vip: Type.Optional(
      Type.Object({ prefix: name('VIP prefix'), port: Type.Integer({ minimum: 1, maximum: 65_535 }) }, strict),
    ),
  },
  strict,
);

export const VolumeSpec = Type.Object(
  {
    path: Type.String({
      pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$',
      maxLength: 255,
      description: 'below the sandbox',
    }),
    type: Type.Optional(
      Type.Union([Type.Literal('ROOT'), Type.Literal('PATH'), Type.Literal('MOUNT')], {
        description: 'a part of the disk of the agent (default), a part of a disk of its own, or all of one',
      }),
    ),
    size: mebibytes('size; MOUNT: at least'),
    disk: Type.Optional(name('PATH, MOUNT: name of the disk; absent: any that fits')),
    shared: Type.Optional(Type.Boolean({ description: 'one volume, mounted by all pods of the service that name it' })),
    of: Type.Optional(name('service of the same role whose shared volume of this name it is')),
  },
  strict,
);

export const ResourceSetSpec = Type.Object(
  { cpus: Type.Optional(cpus), memory: Type.Optional(mebibytes('memory')), disk: Type.Optional(mebibytes('disk')) },
  { ...strict, description: 'reserved with each pod, for one task of a plan step at a time' },
);

export const DiscoverySpec = Type.Object(
  {
    prefix: Type.Optional(name('discovery prefix')),
    visibility: Type.Optional(
      Type.Union([Type.Literal('EXTERNAL'), Type.Literal('CLUSTER'), Type.Literal('FRAMEWORK')], {
        description: 'who is to find it: anybody, whoever runs in the cluster (default), this service alone',
      }),
    ),
    labels: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$' }), Type.String({ maxLength: 255 }), {
        maxProperties: 32,
        description: 'told with its endpoints',
      }),
    ),
  },
  { ...strict, description: 'how others find this task: by the name <prefix>-<index>, beside its address' },
);

export const SecretSpec = Type.Object(
  {
    secret: Type.String({
      pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$',
      maxLength: 255,
      description:
        'name of a secret that agents have; one in a folder, such as eng/web/key, is for services of that role and below',
    }),
    'env-key': Type.Optional(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' })),
    file: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$',
        maxLength: 255,
        description: 'below the sandbox',
      }),
    ),
  },
  {
    ...strict,
    description: 'a value that stands nowhere but on the agents: its task finds it by env-key, file, or both',
  },
);

/** Resource limits of Linux, by the names of the SDK. */
const resourceLimits = [
  ...['AS', 'CORE', 'CPU', 'DATA', 'FSIZE', 'LOCKS', 'MEMLOCK', 'MSGQUEUE', 'NICE', 'NOFILE', 'NPROC', 'RSS'],
  ...['RTPRIO', 'RTTIME', 'SIGPENDING', 'STACK'],
].map((limit) => `RLIMIT_${limit}`);

const rlimit = Type.Integer({ minimum: -1, maximum: Number.MAX_SAFE_INTEGER, description: '-1: no limit' });
export const RlimitSpec = Type.Object({ soft: rlimit, hard: rlimit }, strict);
const RlimitSpecs = Type.Unsafe<Readonly<Record<string, RlimitSpec>>>(
  Type.Object(Object.fromEntries(resourceLimits.map((limit) => [limit, Type.Optional(RlimitSpec)])), {
    ...strict,
    description: 'of each process of its tasks; a process may raise soft up to hard',
  }),
);

export const UriSpec = Type.Object(
  {
    uri: Type.String({
      pattern: '^(https?://|file:///|mvn:[^:+/]+:[^:+/]+:[^:+/]+(\\+[^:+/]+:[^:+/]+:[^:+/]+)*$)',
      maxLength: 2048,
      description:
        'http, https, file, or mvn:group:artifact:version with all that it needs at run time, several joined by +',
    }),
    sha256: Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: 'of the file; with mvn: of what sha256sum * says of the jars',
    }),
    dest: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$',
        maxLength: 255,
        description: 'below the sandbox; default: the last part of the uri, with mvn: lib',
      }),
    ),
    extract: Type.Optional(Type.Boolean({ description: 'an archive: dest is a folder with what is in it' })),
    executable: Type.Optional(Type.Boolean()),
  },
  { ...strict, description: 'fetched before the start, once a machine, and linked read-only into the sandbox' },
);
const uris = Type.Optional(Type.Array(UriSpec, { maxItems: 256 }));

export const TaskSpec = Type.Object(
  {
    goal: Type.Optional(Type.Union([Type.Literal('RUNNING'), Type.Literal('FINISH'), Type.Literal('ONCE')])),
    essential: Type.Optional(Type.Boolean()),
    cmd: Type.String({ minLength: 1, maxLength: 65_536, description: 'run by /bin/sh -c' }),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String({ maxLength: 65_536 })),
    ),
    cpus: Type.Optional(cpus),
    memory: Type.Optional(mebibytes('memory')),
    disk: Type.Optional(mebibytes('disk')),
    gpus: Type.Optional(Type.Integer({ minimum: 0, maximum: 64, description: 'whole devices' })),
    ports: Type.Optional(Type.Record(name('port name'), PortSpec)),
    configs: Type.Optional(
      Type.Record(
        name('config name'),
        Type.Object(
          {
            template: Type.String({ maxLength: 262_144 }),
            dest: Type.String({ pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$' }),
          },
          strict,
        ),
      ),
    ),
    uris,
    'readiness-check': Type.Optional(CheckSpec),
    'health-check': Type.Optional(CheckSpec),
    'kill-grace-period': Type.Optional(seconds(0, 86_400, 'from SIGTERM to SIGKILL')),
    'resource-set': Type.Optional(name('resource set of the pod, in place of cpus, memory and disk')),
    discovery: Type.Optional(DiscoverySpec),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  strict,
);

const amountOrPart = (maximum: number, description: string) =>
  Type.Union([Type.Integer({ minimum: 0, maximum }), Type.String({ pattern: '^(100|[1-9]?[0-9])%$' })], {
    description,
  });

export const UpdateSpec = Type.Object(
  {
    'max-unavailable': Type.Optional(
      amountOrPart(
        1_000_000,
        'pods, or part of the count rounded down, that may be away at once; default 1, with surge 0',
      ),
    ),
    'max-surge': Type.Optional(
      amountOrPart(1_000_000, 'pods, or part of the count rounded up, that stand in while others change; default 0'),
    ),
    'minimum-up': Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 86_400,
        description:
          'seconds that a pod stays ready without a failure before its step is complete and it counts as up; ' +
          'default: 2 for pods that change, where no task has a readiness check, otherwise 0',
      }),
    ),
  },
  { ...strict, description: 'how its pods are changed, restarted and drained; absent: changed one after the other' },
);

export const PodSpec = Type.Object(
  {
    count: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    'allow-decommission': Type.Optional(
      Type.Boolean({
        description:
          'whether a lower count takes pods down, with their volumes; default: true, false for pods with volumes',
      }),
    ),
    image: Type.Optional(
      Type.String({
        pattern: '^[^\\s]{1,255}$',
        description:
          'its tasks run as containers of this image, on agents with a container engine; absent: as processes of the machine',
      }),
    ),
    placement: Type.Optional(PlacementSpec),
    policy: Type.Optional(
      Type.Union([Type.Literal('pack'), Type.Literal('spread')], {
        description: 'fill agents up, or keep load even (default)',
      }),
    ),
    priority: Type.Optional(Priority),
    revocable: Type.Optional(
      Type.Boolean({ description: 'best effort: beyond quota and share, and the first to go; not with volumes' }),
    ),
    affinities: Type.Optional(Type.Array(Affinity, { maxItems: 16 })),
    spreads: Type.Optional(Type.Array(Spread, { maxItems: 16 })),
    update: Type.Optional(UpdateSpec),
    gang: Type.Optional(
      Type.Union([Type.Boolean(), name('gang')], {
        description:
          'pods that are added together get their places all at once, or none of them; pod types that name the same gang are one, true: named as the pod type',
      }),
    ),
    volumes: Type.Optional(Type.Record(name('volume name'), VolumeSpec)),
    'resource-sets': Type.Optional(Type.Record(name('resource set'), ResourceSetSpec)),
    peers: Type.Optional(
      Type.Record(name('pod type'), Type.Union([Type.Literal('placed'), Type.Literal('all')]), {
        description:
          'pods of this service whose addresses and ports the tasks are told; all: the first start waits until each of them has its place',
      }),
    ),
    uris,
    secrets: Type.Optional(Type.Record(name('secret of the pod'), SecretSpec, { maxProperties: 64 })),
    rlimits: Type.Optional(RlimitSpecs),
    tasks: Type.Record(name('task name'), TaskSpec, { minProperties: 1, maxProperties: 64 }),
  },
  strict,
);

export const PlanStrategy = Type.Union([
  Type.Literal('serial'),
  Type.Literal('parallel'),
  Type.Literal('serial-canary'),
  Type.Literal('parallel-canary'),
]);

const stepPods = Type.Union([Type.Literal('default'), Type.Integer({ minimum: 0, maximum: 999_999 })]);
const stepTasks = Type.Array(name('task name'), { minItems: 1, maxItems: 64 });

// JSON Schema 2020-12 calls the places of a tuple `prefixItems`.
export const StepSpec = Type.Unsafe<[Static<typeof stepPods>, Static<typeof stepTasks>]>({
  type: 'array',
  prefixItems: [stepPods, stepTasks],
  minItems: 2,
  maxItems: 2,
  description: '[index of a pod or default, [task, ...]]: tasks of one entry one after the other, entries likewise',
});

export const ParameterSpec = Type.Object(
  {
    type: Type.Union([
      Type.Literal('string'),
      Type.Literal('integer'),
      Type.Literal('number'),
      Type.Literal('boolean'),
    ]),
    default: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
    required: Type.Optional(Type.Boolean()),
    pattern: Type.Optional(Type.String({ maxLength: 1024, description: 'regular expression for the whole value' })),
    description: Type.Optional(Type.String({ maxLength: 1024 })),
  },
  { ...strict, description: 'told to the tasks of the steps as an environment variable' },
);

export const PhaseSpec = Type.Object(
  {
    pod: name('pod type'),
    strategy: Type.Optional(PlanStrategy),
    steps: Type.Optional(Type.Array(StepSpec, { minItems: 1, maxItems: 1024 })),
    'max-attempts': Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'failures in a row after which a step is in ERROR' }),
    ),
    'deadline-secs': Type.Optional(
      seconds(1, 31_536_000, 'after which a step that is not complete is in ERROR; default 600, of tasks a day'),
    ),
  },
  strict,
);

export const PlanSpec = Type.Object(
  {
    strategy: Type.Optional(PlanStrategy),
    parameters: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), ParameterSpec)),
    'deadline-secs': Type.Optional(seconds(1, 31_536_000, 'after which the plan is in ERROR if it is not complete')),
    'on-failure': Type.Optional(
      Type.Union([Type.Literal('pause'), Type.Literal('rollback'), Type.Literal('continue')], {
        description:
          'when a step fails: start nothing more (default), apply the version before it again, or go on without it',
      }),
    ),
    phases: Type.Record(name('phase name'), PhaseSpec, { minProperties: 1 }),
  },
  strict,
);

export const PackageRef = Type.Object(
  {
    name: name('package name'),
    version: Type.String({ minLength: 1, maxLength: 63 }),
    options: Type.Record(Type.String(), Type.Unknown(), { description: 'those that were chosen, without defaults' }),
  },
  { ...strict, description: 'what the service was rendered from; written by install and update' },
);

export const ServiceSpec = Type.Object(
  {
    name: name('service name'),
    package: Type.Optional(PackageRef),
    role: Type.Optional(Type.String({ pattern: '^(\\*|[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)$', maxLength: 255 })),
    cell: Type.Optional(Type.Integer({ minimum: 0, description: 'absent: by the hash of the name' })),
    priority: Type.Optional(Priority),
    pods: Type.Record(name('pod type'), PodSpec, { minProperties: 1, maxProperties: 64 }),
    'replacement-failure-policy': Type.Optional(
      Type.Object(
        {
          'permanent-failure-timeout-secs': Type.Optional(
            seconds(0, 31_536_000, 'after which a pod with volumes on a lost agent is replaced'),
          ),
          'min-replace-delay-secs': Type.Optional(seconds(0, 31_536_000, 'between two replacements')),
          'unreachable-replace-secs': Type.Optional(
            seconds(0, 31_536_000, 'after which a pod without volumes on a lost agent is replaced'),
          ),
        },
        strict,
      ),
    ),
    backoff: Type.Optional(
      Type.Object(
        {
          'initial-secs': Type.Optional(seconds(0, 3600, 'before the second start in a row that failed')),
          factor: Type.Optional(Type.Number({ minimum: 1, maximum: 10 })),
          'max-secs': Type.Optional(seconds(0, 86_400, 'longest delay')),
        },
        { ...strict, description: 'restart of failed tasks' },
      ),
    ),
    plans: Type.Optional(Type.Record(name('plan name'), PlanSpec)),
  },
  {
    ...strict,
    $id: 'https://orrery.dev/schemas/service.json',
    title: 'Service',
    description: 'What runs, where it may run, and how it is brought there',
  },
);

export type ServiceSpec = Static<typeof ServiceSpec>;
export type PodSpec = Static<typeof PodSpec>;
export type TaskSpec = Static<typeof TaskSpec>;
export type CheckSpec = Static<typeof CheckSpec>;
export type PortSpec = Static<typeof PortSpec>;
export type SecretSpec = Static<typeof SecretSpec>;
export type DiscoverySpec = Static<typeof DiscoverySpec>;
export type RlimitSpec = Static<typeof RlimitSpec>;
export type UriSpec = Static<typeof UriSpec>;
export type VolumeSpec = Static<typeof VolumeSpec>;
export type ResourceSetSpec = Static<typeof ResourceSetSpec>;
export type ParameterSpec = Static<typeof ParameterSpec>;
export type PhaseSpec = Static<typeof PhaseSpec>;
export type PackageRef = Static<typeof PackageRef>;
export type PlanSpec = Static<typeof PlanSpec>;
export type PlanStrategy = Static<typeof PlanStrategy>;
