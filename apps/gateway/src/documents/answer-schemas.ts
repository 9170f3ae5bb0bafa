import { Type, type TSchema } from 'typebox';

/** The JSON of answers. Clients ignore fields that they do not know: answers grow. */
const text = Type.String();
const time = Type.String({ format: 'date-time' });
const count = Type.Integer({ minimum: 0 });
const oneOf = (...values: string[]) => Type.Enum(values);
const optional = Type.Optional<TSchema>;
const amounts = Type.Object({ cpus: Type.Number(), memory: count, disk: count, gpus: count });

export const folder = Type.Object({
  path: Type.String(),
  entries: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.Union(['folder', 'file', 'link', 'other'].map((kind) => Type.Literal(kind))),
      size: Type.Integer(),
      modifiedAt: Type.String(),
    }),
  ),
  /** Whether there are more entries than are shown. */
  more: Type.Boolean(),
});
export const anything = Type.Object({}, { additionalProperties: true });
export { text };

export const taskStates = [
  ...['STAGING', 'STARTING', 'RUNNING', 'KILLING', 'FINISHED', 'FAILED', 'KILLED', 'ERROR', 'LOST', 'UNREACHABLE'],
];
export const agentStates = ['ACTIVE', 'UNREACHABLE', 'DRAINING', 'DRAINED', 'GONE'];
export const planStates = [
  ...['PENDING', 'PREPARED', 'STARTING', 'STARTED', 'COMPLETE', 'WAITING', 'DELAYED', 'IN_PROGRESS', 'ERROR'],
];

export const task = Type.Object({
  id: Type.String({ description: 'stable over incarnations, such as hello.web-0.server' }),
  service: text,
  pod: text,
  task: text,
  agent: Type.Union([text, Type.Null()], { description: 'null: it waits for a place' }),
  state: oneOf('PENDING', ...taskStates),
  incarnation: count,
  pid: optional(count),
  // Of a task that an agent knows.
  address: optional(text),
  ports: optional(Type.Record(text, count)),
  ready: Type.Boolean(),
  since: optional(time),
});

const figures = {
  at: time,
  cpus: optional(Type.Number({ description: 'cores, on average over the seconds before' })),
  memory: optional(count),
  disk: optional(count),
  network: optional(Type.Object({ receivedPerSecond: count, sentPerSecond: count })),
};
export const measuredTask = Type.Object({
  ...task.properties,
  asked: optional(Type.Object({ cpus: Type.Number(), memory: count, disk: count })),
  usage: optional(Type.Object(figures, { description: 'left out until its agent has told it' })),
  series: optional(Type.Array(Type.Object(figures), { description: 'what changed noticeably in the last minutes' })),
});

export const historyRow = Type.Object({
  task: text,
  incarnation: count,
  seq: count,
  state: text,
  at: time,
  agent: Type.Union([text, Type.Null()]),
  reason: Type.Union([text, Type.Null()]),
  message: Type.Union([text, Type.Null()]),
  cause: Type.Union([text, Type.Null()]),
});

const someAmounts = Type.Partial(amounts);
const quotaParts = {
  limit: optional(someAmounts),
  guarantee: optional(someAmounts),
  cells: Type.Integer({ minimum: 1, description: 'each cell counts one of so many equal parts' }),
};
export const quota = Type.Object({ role: text, ...quotaParts, used: amounts });
export const role = Type.Object({
  role: text,
  weight: Type.Number(),
  used: Type.Object(amounts.properties, { description: 'by itself' }),
  usedBelow: Type.Object(amounts.properties, { description: 'with all roles below it' }),
  revocableBelow: Type.Object(amounts.properties, { description: 'on call with all below it: no part of the above' }),
  waiting: Type.Integer({ description: 'pods of its own that wait' }),
  quota: optional(Type.Object(quotaParts)),
  shares: optional(
    Type.Array(
      Type.Object({
        cell: count,
        levels: Type.Array(
          Type.Object({
            path: text,
            weight: Type.Number(),
            used: amounts,
            dominant: optional(text),
            share: Type.Number(),
            weightedShare: Type.Number(),
            waits: Type.Boolean(),
            ahead: Type.Integer({ description: 'so many of its rivals come before it; 0: it is next' }),
            rivals: count,
            nearest: optional(Type.Object({ path: text, weightedShare: Type.Number() })),
          }),
        ),
      }),
    ),
  ),
});

export const fairness = Type.Object({
  scarce: Type.Array(text, { description: 'nobody falls behind for holding these' }),
  cells: Type.Array(Type.Object({ cell: count, capacity: amounts })),
});
const preemptor = Type.Object({ request: text, service: text, pod: text, role: text, priority: count });
export const preemption = Type.Object({
  perMinute: optional(Type.Integer({ description: 'as set; 0: off; absent: 1 % of what runs, at least 10' })),
  at: Type.String({
    format: 'date-time',
    description: 'of the newest commit: time stands still while nothing happens',
  }),
  cells: Type.Array(
    Type.Object({
      cell: count,
      budget: Type.Integer({ description: 'pods that may be preempted in a minute as things are' }),
      spent: Type.Integer({ description: 'of that in the minute before' }),
      open: Type.Integer({ description: 'orders that are under way' }),
      orders: Type.Array(
        Type.Object({
          preemption: text,
          for: preemptor,
          pods: Type.Integer({ description: 'that room is kept for' }),
          awaited: Type.Integer({ description: 'that have not made way yet' }),
          until: time,
        }),
        { description: 'the first of them' },
      ),
    }),
  ),
});
const reserved = {
  ...amounts.properties,
  ports: optional(Type.Array(Type.Object({ begin: count, end: count }))),
  disks: optional(Type.Array(text, { description: 'disks of their own, by name' })),
};
export const reservation = Type.Object({
  id: text,
  agent: text,
  role: text,
  resources: Type.Object(reserved, { description: 'less what was refined out of it' }),
  idle: Type.Object(reserved, { description: 'what of it nobody uses' }),
  labels: Type.Record(text, text),
  refines: optional(text),
  static: optional(Type.Boolean({ description: 'declared by its agent: it ends when the agent registers without it' })),
});
export const volume = Type.Object({
  id: text,
  agent: Type.Union([text, Type.Null()]),
  state: oneOf('held', 'destroying', 'detached', 'lost'),
  name: text,
  type: oneOf('ROOT', 'PATH', 'MOUNT'),
  disk: Type.Union([text, Type.Null()], { description: 'the disk of its own that it is on' }),
  size: count,
  shared: optional(Type.Boolean()),
  users: optional(Type.Integer({ description: 'pods that mount a shared one now' })),
  service: text,
  generation: count,
  role: text,
  pod: text,
  adopter: optional(Type.Object({ service: text, pod: text })),
});
/** Who adopts a volume. */
export const adoption = Type.Object({ service: text, pod: text }, { additionalProperties: false });

const share = Type.Object({ used: Type.Number(), of: Type.Number() });
export const agent = Type.Object({
  id: text,
  hostname: text,
  state: oneOf(...agentStates),
  resources: amounts,
  used: amounts,
  attributes: Type.Record(text, text),
  domain: Type.Object({ region: text, zone: text }),
  machine: optional(
    Type.Object(
      { at: time, cpus: share, memory: share, disk: share, load: Type.Number() },
      { description: 'what of it is used, by whomever; only of now' },
    ),
  ),
  disks: optional(
    Type.Array(Type.Object({ name: text, type: oneOf('PATH', 'MOUNT'), path: text, size: count, free: count })),
  ),
  staying: optional(
    Type.Array(Type.Object({ service: text, pod: text, volumes: Type.Array(text) }), {
      description: 'of one agent that is drained: pods that wait there with their data until they are replaced',
    }),
  ),
});

export const service = Type.Object({
  name: text,
  version: count,
  role: text,
  state: text,
  pods: Type.Record(
    text,
    Type.Object({
      ...{ count, running: count, priority: count, revocable: optional(Type.Boolean()) },
      /** Of one service alone: version → pods that run it. */
      versions: optional(Type.Record(text, count)),
    }),
  ),
  plan: anything,
  package: optional(Type.Object({ name: text, version: text })),
});

export const packageLine = Type.Object({
  name: text,
  version: text,
  versions: Type.Array(text),
  description: text,
  tags: Type.Array(text),
  repository: text,
});

const step = Type.Object({ name: text, status: oneOf(...planStates) });
const phase = Type.Object({
  name: text,
  status: oneOf(...planStates),
  strategy: text,
  total: count,
  complete: count,
  message: optional(text),
  steps: Type.Array(step),
});
export const plan = Type.Object({
  name: text,
  status: oneOf(...planStates),
  strategy: text,
  phases: Type.Array(phase),
  /** Of one plan alone: pod type → version → pods that run it. */
  running: optional(Type.Record(text, Type.Record(text, count))),
});
export const pod = Type.Object({
  name: text,
  state: text,
  preemptedBy: optional(preemptor),
  tasks: Type.Array(task),
});
export const version = Type.Object({ version: count, digest: text });
export const metricsTargets = Type.Array(
  Type.Object({ targets: Type.Array(text), labels: Type.Record(Type.String(), text) }),
);
export const owned = Type.Object({
  service: text,
  tasks: count,
  volumes: count,
  reservations: count,
  agents: Type.Array(Type.Object({ agent: text, hostname: text, state: text })),
});
export const endpoint = Type.Object({
  name: text,
  address: Type.Array(text),
  vip: optional(text),
  names: optional(Type.Array(text)),
  visibility: optional(oneOf('EXTERNAL', 'CLUSTER', 'FRAMEWORK')),
  labels: optional(Type.Record(Type.String(), text)),
});
const choice = Type.Object({
  commit: text,
  unknown: optional(text),
  sentence: optional(text),
  policy: optional(oneOf('pack', 'spread')),
  agents: optional(count),
  funnel: optional(Type.Array(Type.Object({ filter: text, rejected: count, left: count }))),
  fitting: optional(count),
  scores: optional(Type.Array(Type.Object({ agent: text, hostname: text, score: Type.Number() }))),
});
export const explanation = Type.Object({ task: text, choice: optional(choice) }, { additionalProperties: true });

const change = Type.Object({ path: text, before: optional(Type.Unknown()), after: optional(Type.Unknown()) });
export const difference = Type.Object({ from: count, to: count, changes: Type.Array(change) });

export const outcome = Type.Object({
  commandId: text,
  position: text,
  status: oneOf('pending', 'accepted', 'refused'),
  plans: optional(Type.Array(Type.Object({ service: text, plan: text, run: text }))),
});

export const state = Type.Object({
  at: time,
  position: text,
  services: Type.Array(service),
  agents: Type.Array(agent),
  tasks: Type.Array(task),
});

export const stateDifference = Type.Object({
  from: time,
  to: time,
  changes: Type.Array(Type.Object({ kind: text, name: text, change: oneOf('added', 'removed', 'changed') })),
});

export const auditEntry = Type.Object({
  commandId: optional(text),
  at: time,
  actor: Type.String({ description: '`orrery`: nobody asked, the plane did it by itself' }),
  type: text,
  subject: text,
  object: optional(
    Type.Object({ kind: text, name: text }, { description: 'what it is about, such as pod hello.web-0' }),
  ),
  status: text,
});
export const auditLine = Type.Object({ kind: oneOf('progress', 'journal', 'void', 'snapshot', 'finding', 'result') });
export const diagnosis = Type.Object({ check: text, ok: Type.Boolean(), message: text });
export const event = Type.Object({ position: text, at: time, journal: text, seq: count, type: text, data: anything });
export const schemas = Type.Object({
  items: Type.Array(Type.Object({ name: text, title: text, kind: text, url: text })),
});
export const readiness = Type.Object({ ready: Type.Boolean(), problems: Type.Array(text) });

export const problem = Type.Object({
  type: text,
  title: text,
  status: count,
  code: Type.String({ description: 'stable: programs decide by it' }),
  detail: text,
  field: optional(Type.String({ description: 'JSON pointer, or the name of a parameter' })),
  remedy: optional(Type.String({ description: 'what would make it pass' })),
  also: optional(
    Type.Array(Type.Object({ message: text, field: optional(text), remedy: optional(text) }), {
      description: 'what else is wrong with the same body',
    }),
  ),
  instance: text,
});
