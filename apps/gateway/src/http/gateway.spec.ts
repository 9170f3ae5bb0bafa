import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AuditRow, CommandOutcomeRow } from '@orrery/cassandra';
import {
  agentCommandsTopic,
  agentInputTopic,
  agentLogsTopic,
  agentMetricsTopic,
  agentPartition,
  agentReportsTopic,
  decodeAgentReport,
  decodeCommand,
  domainNames,
  idRunsOf,
  journalTopic,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type DomainName,
  type JournalRecord,
  type LaneOrder,
  type LaunchId,
  valueAt,
} from '@orrery/contracts';
import {
  hostDecider,
  provisionJournal,
  systemClock,
  systemRandom,
  type ControlLoop,
  type Hosting,
  type LogReader,
} from '@orrery/control-loop';
import { allocation, cluster, ordersOf, services, type ClusterState } from '@orrery/domain';
import { InMemoryLog, InMemoryRegistry, InMemorySnapshots, ManualHint } from '@orrery/testing';
import { Ajv } from 'ajv';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { CommandSender } from '../commands/command-sender.js';
import { Outcomes } from '../commands/outcomes.js';
import { operations } from '../documents/operations.js';
import { EventRing } from '../events/event-ring.js';
import { History } from '../history.js';
import type { Position } from '../position.js';
import { CatchUpReaders } from '../read-model/catch-up.js';
import { Choices } from '../read-model/choices.js';
import { answered, LiveFold } from '../read-model/live-fold.js';
import { PastWorlds } from '../read-model/past-worlds.js';
import { ReadModel, type Answered, type Asked, type PlacedGrant } from '../read-model/read-model.js';
import { verifyJournals } from '../read-model/verify.js';
import { GatewaySettings } from '../settings.js';
import { gatewayApplication } from './gateway-application.js';

const settings = new GatewaySettings({ ORRERY_KAFKA: 'none:1', ORRERY_CASSANDRA: 'none:1', ORRERY_AGENT_LANES: '1' });
const sizes = { cells: 1, lanes: 1 };

/** The three owners on a log in memory, and an agent that runs whatever it is told to by saying that it does. */
class Plane {
  readonly clock = systemClock;
  readonly log = new InMemoryLog(systemClock);
  readonly registry = new InMemoryRegistry();
  readonly snapshots = new InMemorySnapshots();
  readonly #loops: ControlLoop[] = [];
  readonly input: { readonly text: string; readonly headers: Readonly<Record<string, string>> }[] = [];
  readonly opened: Extract<AgentOrder, { type: 'OpenStream' }>[] = [];
  /** How all that is started ends at once; nothing: it runs. */
  failure: { readonly exit: object; readonly message: string } | undefined;
  /** Whether all that is started has done its work at once. */
  finishes = false;
  readonly #inputs: LogReader[] = [];
  #orders: LogReader | undefined;
  #m = 0;
  #obeyed = 0;

  async start(): Promise<void> {
    for (const domain of domainNames)
      await provisionJournal({ ...this, random: systemRandom }, { domain, cell: 0, cells: 1 });
    await this.#host({ ...hostingOf('cluster', ['services', 'allocation']), ...clusterHosting } as never);
    await this.#host(hostingOf('allocation', ['cluster', 'services']));
    await this.#host(hostingOf('services', ['cluster', 'allocation']));
    this.#orders = this.log.follow(
      { topic: agentCommandsTopic, partition: 0 },
      0,
      ({ messages }) =>
        messages.forEach(({ value }) =>
          this.#obey(JSON.parse(Buffer.from(value!).toString()) as AgentOrder | LaneOrder),
        ),
      (error) => {
        throw error;
      },
    );
    this.#report({ type: 'Inventory', epoch: 0, launches: [], volumes: [], ...facts });
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.#orders?.stop(),
      ...this.#inputs.map((reader) => reader.stop()),
      ...this.#loops.map((loop) => loop.stop()),
    ]);
  }

  #obey(order: AgentOrder | LaneOrder): void {
    this.#obeyed = 'to' in order ? valueAt(order.to.ns, 0) : order.n;
    if (order.type === 'Launches' && this.failure !== undefined) {
      const ended = [{ launches: order.set.launches, state: 'FAILED', reason: 'exit-code', ...this.failure }];
      this.#report({ type: 'TaskStates', epoch: 1, ended });
    } else if (order.type === 'Launches' && this.finishes) {
      const exit = { code: 0 };
      const ended = [{ launches: order.set.launches, state: 'FINISHED', reason: 'finished', exit }];
      this.#report({ type: 'TaskStates', epoch: 1, ended });
    } else if (order.type === 'Launches') {
      const running = [{ launches: order.set.launches, sinceFrom: Date.now(), since: [0], pids: [42], ready: true }];
      this.#report({ type: 'TaskStates', epoch: 1, running });
    }
    if (order.type === 'Kills') {
      const ended = order.launches.map((launches) => ({ launches, state: 'KILLED', reason: 'killed' }));
      this.#report({ type: 'TaskStates', epoch: 1, ended });
    }
    if (order.type === 'OpenStream') {
      this.opened.push(order);
      if (order.kind === 'exec') return this.#execute(order);
      const failure = order.path === '../x' ? { 'orrery-error': 'it leads out', 'orrery-code': 'outside-sandbox' } : {};
      const headers = { 'orrery-stream': order.stream, 'orrery-offset': '0', 'orrery-end': '1', ...failure };
      const said =
        order.kind === 'files' ? JSON.stringify({ path: order.path, entries: [], more: false }) : 'it said this\n';
      const value = Buffer.from('orrery-error' in headers ? '' : said);
      void this.log.append({ topic: agentLogsTopic, partition: 0 }, { key: order.stream, headers, value });
    }
  }

  /** Says hello in two outputs, then what it was given, and ends with 3. */
  #execute({ stream }: Extract<AgentOrder, { type: 'OpenStream' }>): void {
    const say = (text: string, more: Readonly<Record<string, string>>) => {
      const headers = { 'orrery-stream': stream, 'orrery-offset': '0', ...more };
      const value = Buffer.from(text);
      void this.log.append({ topic: agentLogsTopic, partition: 0 }, { key: stream, headers, value });
    };
    const reader = this.log.follow(
      { topic: agentInputTopic, partition: 0 },
      0,
      ({ messages }) => {
        for (const { headers, value } of messages.filter((message) => message.headers['orrery-stream'] === stream)) {
          this.input.push({ text: Buffer.from(value ?? []).toString(), headers });
          if (headers['orrery-end'] === undefined) continue;
          say(Buffer.from(value ?? []).toString(), { 'orrery-output': 'stderr' });
          say('', { 'orrery-end': 'true', 'orrery-exit': '3' });
        }
      },
      (error) => {
        throw error;
      },
    );
    this.#inputs.push(reader);
    say('hello', { 'orrery-output': 'stdout' });
  }

  #report(report: Readonly<Record<string, unknown>> & { readonly epoch: number }): void {
    const m = report.epoch === 0 ? 0 : (this.#m += 1);
    const whole = { agent, session: 's', obeyed: this.#obeyed, m, ...report } as unknown as AgentReport;
    const partition = agentPartition(agent, 0, sizes);
    void this.log.append(
      { topic: agentReportsTopic, partition },
      { key: agent, value: Buffer.from(JSON.stringify(whole)) },
    );
  }

  async #host(hosting: Hosting<never, never, never, never, object, never>): Promise<void> {
    const hint = new ManualHint();
    const loop = hostDecider(
      hosting,
      { ...this, random: systemRandom, hint, observe: () => undefined },
      { instance: 'a', cells: 1 },
    );
    this.#loops.push(loop);
    await loop.start();
    hint.name(0);
  }
}

const agent = 'ada' as AgentId;
const facts = {
  ...{ hostname: 'ada', address: '127.0.0.1', attributes: { rack: 'r1' }, faultDomain: { region: 'r', zone: 'z' } },
  capacity: { cpusMilli: 4000, memoryMib: 4096, diskMib: 4096, gpuIds: [], ports: [[31_000, 31_100]] },
};
const deciders = { cluster, allocation, services };

function hostingOf(
  domain: DomainName,
  foreign: readonly DomainName[],
): Hosting<never, never, never, never, object, never> {
  return {
    domain,
    decider: deciders[domain] as never,
    decodeCommand: (name, version, body) => decodeCommand(domain, name, version, body) as never,
    foreign: (cell) => foreign.map((each) => ({ domain: each, cell })),
  };
}

const clusterHosting = {
  reports: () => [{ topic: agentReportsTopic, partition: 0 }],
  decodeReport: decodeAgentReport,
  relay: ({ events, journalId, at }: { events: never; journalId: string; at: number }, state: ClusterState) =>
    ordersOf(events, state, { journalId, at, partitionOf: () => 0 }).map(({ partition, order }) => ({
      topic: agentCommandsTopic,
      partition,
      key: agent,
      value: Buffer.from(JSON.stringify(order)),
    })),
};

/** The read model without its threads. */
class ReadModelHere extends ReadModel {
  readonly #past: PastWorlds;
  readonly #readers: CatchUpReaders;
  readonly #choices: Choices;

  constructor(
    private readonly plane: Plane,
    private readonly live: LiveFold,
  ) {
    super();
    this.#past = new PastWorlds(1, plane);
    this.#readers = new CatchUpReaders(1, plane);
    this.#choices = new Choices(plane);
  }

  async ask({ query, moment, minPosition }: Asked): Promise<Answered> {
    if (moment === undefined || (await this.live.isAsAt(moment))) return this.live.ask(query, minPosition);
    return answered(await this.#past.at(moment), query);
  }

  watch = async (on: boolean) => this.live.watch(on);
  catchUp = (from: Position, signal: AbortSignal) => this.#readers.read(from, signal);
  positionBefore = async (atMs: number) => (await this.#past.at({ kind: 'time', atMs: atMs - 1 })).position;
  verify = (signal: AbortSignal) => verifyJournals(1, this.plane, signal);
  choiceOf = (placed: PlacedGrant) => this.#choices.of(placed);
  status = () => this.live.status();
}

function message(value: object) {
  return { partition: 0, key: 'ada', value: Buffer.from(JSON.stringify(value)) };
}

class HistoryDouble extends History {
  readonly outcomes = new Map<string, CommandOutcomeRow>();
  readonly rows: AuditRow[] = [];
  readTask = async () => [];
  agentHistory = async () => [];
  serviceVersions = async () => [];
  positions = async () => [];
  outcome = async (id: string) => this.outcomes.get(id);
  audit = async () => this.rows;
}

const spec = (count: number, more: object = {}) => ({
  name: 'hello',
  pods: {
    web: {
      count,
      tasks: { server: { cmd: 'sleep 1', cpus: 0.1, memory: 16, ports: { http: { advertise: true } } } },
      ...more,
    },
  },
});

describe('the gateway', () => {
  let plane: Plane;
  let live: LiveFold;
  let app: NestFastifyApplication;
  let history: HistoryDouble;
  let outcomes: Outcomes;

  beforeEach(async () => {
    plane = new Plane();
    await plane.start();
    const ring = new EventRing();
    outcomes = new Outcomes();
    live = new LiveFold(
      {
        cells: 1,
        onStart: (position) => ring.begin(position),
        onCommit: (commit) => {
          ring.append(commit);
          for (const outcome of commit.outcomes) outcomes.add({ ...outcome, journal: commit.journal });
        },
        onVoid: () => undefined,
        onStopped: (error) => {
          throw error;
        },
      },
      plane,
    );
    await live.start();
    history = new HistoryDouble();
    const parts = { settings, ring, outcomes, history, log: plane.log, registry: new Registry() };
    const model = new ReadModelHere(plane, live);
    const sender = new CommandSender(plane.log, systemClock);
    app = await gatewayApplication({ ...parts, model, sender }, (error) => {
      throw error;
    });
    await app.listen(0, '127.0.0.1');
  });

  afterEach(async () => {
    await app.close();
    await live.stop();
    await plane.stop();
  });

  type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
  async function ask(method: Method, url: string, body?: unknown, headers: Record<string, string> = {}) {
    const { port } = app.getHttpServer().address() as AddressInfo;
    const payload = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`http://127.0.0.1:${port}${url}`, {
      method,
      ...payload,
      headers: { ...type, ...headers },
    });
    const text = await response.text();
    const contentType = response.headers.get('content-type') ?? '';
    const json = (
      contentType.includes('json') && !contentType.includes('ndjson') ? JSON.parse(text) : undefined
    ) as never;
    return { status: response.status, headers: Object.fromEntries(response.headers), text, json };
  }

  const wait = { prefer: 'wait=10' };

  async function eventually(check: () => Promise<boolean>): Promise<void> {
    for (const deadlineMs = Date.now() + 5000; !(await check());) {
      if (Date.now() > deadlineMs) throw new Error('not in time');
      await new Promise((turn) => setImmediate(turn));
    }
  }

  async function runs(count: number, wanted: object = spec(count)): Promise<void> {
    expect((await ask('PUT', '/v1/services/hello', wanted, wait)).status).toBe(200);
    await eventually(async () => {
      const { state, pods } = (await ask('GET', '/v1/services/hello')).json as {
        state: string;
        pods: { web: { running: number } };
      };
      return state === 'RUNNING' && pods.web.running === count;
    });
  }

  it('takes a service from its spec to running tasks', async () => {
    const applied = await ask('PUT', '/v1/services/hello', spec(2), {
      ...wait,
      'orrery-reason': 'a%20try',
      'orrery-actor': 'ann',
    });
    expect(applied).toMatchObject({
      status: 200,
      json: {
        status: 'accepted',
        type: 'ApplyService',
        subject: 'hello',
        actor: 'ann',
        reason: 'a try',
        plans: [{ plan: 'deploy' }],
      },
    });
    await runs(2);
    const { json: tasks } = await ask('GET', '/v1/tasks');
    expect(tasks).toMatchObject({
      items: [
        {
          id: 'hello.web-0.server',
          service: 'hello',
          pod: 'web-0',
          task: 'server',
          agent: 'ada',
          state: 'RUNNING',
          incarnation: 1,
          pid: 42,
        },
        {
          id: 'hello.web-1.server',
          address: '127.0.0.1',
          ports: { http: expect.any(Number) },
          ready: true,
          since: expect.stringMatching(/Z$/),
        },
      ],
      next: null,
    });
    const shown = await ask('GET', '/v1/services/hello');
    expect(shown.json).toMatchObject({ name: 'hello', version: 1, role: '*', pods: { web: { count: 2, running: 2 } } });
    expect(shown.headers['etag']).toBe('"1"');
    expect((await ask('GET', '/v1/agents/ada')).json).toMatchObject({
      ...{ id: 'ada', hostname: 'ada', state: 'ACTIVE', resources: { cpus: 4, memory: 4096, disk: 4096, gpus: 0 } },
      ...{
        used: { cpus: 0.2, memory: 32, disk: 0, gpus: 0 },
        attributes: { rack: 'r1' },
        domain: { region: 'r', zone: 'z' },
      },
    });
    expect((await ask('GET', '/v1/services/hello/pods/web-1')).json).toMatchObject({
      name: 'web-1',
      state: 'READY',
      agent: 'ada',
    });
    expect((await ask('GET', '/v1/services/hello/plans/deploy')).json).toMatchObject({
      status: 'COMPLETE',
      phases: [{ total: 2 }],
    });
    expect((await ask('GET', '/v1/services/hello/endpoints')).json).toMatchObject({
      items: [{ name: 'http' }],
      next: null,
    });
    expect((await ask('GET', '/v1/tasks/hello.web-1.server/why')).json).toMatchObject({
      state: 'RUNNING',
      agent: 'ada',
      choice: {
        ...{ commit: expect.stringMatching(/^allocation-0:\d+$/), policy: 'spread', agents: 1, fitting: 1 },
        ...{ funnel: expect.any(Array), scores: [{ agent: 'ada', hostname: 'ada', score: expect.any(Number) }] },
      },
    });
  });

  it('tells with endpoints how others find them', async () => {
    const discovery = { prefix: 'front', visibility: 'EXTERNAL', labels: { tier: 'web' } };
    const ports = { http: { count: 2, advertise: true }, admin: { vip: { prefix: 'hello', port: 80 } } };
    const server = { cmd: 'sleep 1', cpus: 0.1, memory: 16, ports, discovery };
    await runs(2, spec(2, { tasks: { server } }));
    const found = { names: ['front-0', 'front-1'], visibility: 'EXTERNAL', labels: { tier: 'web' } };
    expect((await ask('GET', '/v1/services/hello/endpoints')).json['items']).toMatchObject([
      { name: 'admin', vip: 'hello:80', ...found },
      { name: 'http', ...found },
      { name: 'http-1', ...found },
    ]);
  });

  it('takes YAML, and a body without the name that stands in the address', async () => {
    const yaml = 'pods:\n  web:\n    count: 1\n    tasks:\n      server: { cmd: sleep 1, cpus: 0.1, memory: 16 }\n';
    expect((await ask('PUT', '/v1/services/hello', yaml, { ...wait, 'content-type': 'application/yaml' })).status).toBe(
      200,
    );
    const other = await ask('PUT', '/v1/services/other', spec(1), wait);
    expect(other).toMatchObject({ status: 400, json: { code: 'invalid-field', field: '/name' } });
  });

  it('lets a client read what it wrote, by its position alone', async () => {
    const { status, json, headers } = await ask('PUT', '/v1/services/hello', spec(1));
    expect(status).toBe(202);
    const { position, commandId } = json as { position: string; commandId: string };
    expect(headers['orrery-position']).toBe(position);
    expect(headers['location']).toBe(`/v1/commands/${commandId}`);
    const read = await ask('GET', '/v1/services/hello', undefined, { 'orrery-min-position': position });
    expect(read).toMatchObject({ status: 200, json: { version: 1 } });
    expect((await ask('GET', `/v1/commands/${commandId}`)).json).toMatchObject({ status: 'accepted', commandId });
  });

  it('does a command once, however often it is sent', async () => {
    const headers = { ...wait, 'idempotency-key': 'one' };
    const first = await ask('PUT', '/v1/services/hello', spec(1), headers);
    const again = await ask('PUT', '/v1/services/hello', spec(1), headers);
    expect(again.json).toMatchObject({ seq: (first.json as { seq: number }).seq, status: 'accepted' });
    const other = await ask('PUT', '/v1/services/hello', spec(2), headers);
    expect(other).toMatchObject({ status: 409, json: { code: 'id-reused' } });
    expect((await ask('GET', '/v1/services/hello')).json).toMatchObject({ version: 1 });
    const fresh = { ...spec(2), name: 'fresh', pods: { a: spec(2).pods.web, b: spec(1).pods.web } };
    const both = (await ask('PUT', '/v1/services/fresh?dry-run=true', fresh)).json as {
      pods: { effect: string }[];
      places: { pod: string }[];
    };
    expect(both).toMatchObject({ version: null, plan: { strategy: 'serial' } });
    expect(both.pods.map(({ effect }) => effect)).toEqual(['new', 'new']);
    expect(both.places.map(({ pod }) => pod).sort()).toEqual(['a', 'b']);
  });

  it('refuses with code, field and remedy', async () => {
    await runs(1);
    const problem = async (...request: Parameters<typeof ask>) => {
      const { status, headers, json } = await ask(...request);
      expect(headers['content-type']).toContain('application/problem+json');
      const { code } = json as { code: string };
      expect(json).toMatchObject({
        type: `/docs#problem-${code}`,
        title: expect.any(String),
        status,
        detail: expect.any(String),
        instance: request[1],
      });
      return [status, code];
    };
    expect(await problem('PUT', '/v1/services/hello', '{"name":')).toEqual([400, 'malformed']);
    expect(await problem('PUT', '/v1/services/hello', { ...spec(1), colour: 'red' })).toEqual([400, 'unknown-field']);
    expect(await problem('PUT', '/v1/services/hello', spec(-1))).toEqual([400, 'invalid-field']);
    expect(await problem('PUT', '/v1/services/hello', JSON.stringify('x'.repeat(600_000)))).toEqual([413, 'too-large']);
    expect(await problem('PUT', '/v1/services/hello', 'a', { 'content-type': 'text/plain' })).toEqual([
      415,
      'unsupported-media-type',
    ]);
    expect(await problem('POST', '/v1/services/none/scale', { pod: 'web', count: 2 }, wait)).toEqual([
      404,
      'unknown-service',
    ]);
    expect(
      await problem('POST', '/v1/services/hello/scale', { pod: 'web', count: 2 }, { ...wait, 'if-match': '"7"' }),
    ).toEqual([412, 'version-conflict']);
    expect(await problem('POST', '/v1/services/hello/plans/deploy/explode')).toEqual([404, 'no-such-verb']);
    expect(await problem('GET', '/v1/services/none')).toEqual([404, 'unknown-service']);
    expect(await problem('GET', '/v1/tasks/none')).toEqual([404, 'unknown-task']);
    expect(await problem('GET', '/v1/agents/none')).toEqual([404, 'unknown-agent']);
    expect(await problem('GET', '/v1/services/hello/plans/none')).toEqual([404, 'unknown-plan']);
    expect(await problem('GET', '/v1/services/hello/pods/web-9')).toEqual([404, 'unknown-pod']);
    expect(await problem('GET', '/v1/services/hello/diff?from=1&to=9')).toEqual([404, 'unknown-version']);
    expect(await problem('GET', '/v1/commands/none')).toEqual([404, 'unknown-command']);
    expect(await problem('GET', '/v1/nothing')).toEqual([404, 'unknown-address']);
    expect(await problem('PATCH', '/v1/services/hello')).toEqual([405, 'method-not-allowed']);
    expect((await ask('PATCH', '/v1/services/hello')).headers['allow']).toBe('DELETE, GET, PUT');
    expect(await problem('GET', '/v1/tasks?limit=0')).toEqual([400, 'invalid-parameter']);
    expect(await problem('GET', '/v1/tasks?state=GONE')).toEqual([400, 'invalid-parameter']);
    expect(await problem('GET', '/v1/tasks?colour=red')).toEqual([400, 'invalid-parameter']);
    expect(await problem('GET', '/v1/tasks?at=soon')).toEqual([400, 'invalid-parameter']);
    expect(await problem('GET', '/v1/tasks?at=2001-01-01')).toEqual([404, 'before-the-beginning']);
    expect(await problem('GET', '/v1/events?from=soon')).toEqual([400, 'invalid-parameter']);
    const fromElsewhere = { 'sec-fetch-site': 'cross-site' };
    expect(await problem('POST', '/v1/agents/ada/drain', undefined, fromElsewhere)).toEqual([403, 'other-site']);
  });

  it('pages through a list without loss and without repeat', async () => {
    await runs(25);
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const { json } = await ask('GET', `/v1/tasks?limit=7${cursor === null ? '' : `&cursor=${cursor}`}`);
      const page = json as { items: { id: string }[]; next: string | null };
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== null);
    expect([...ids].sort()).toEqual(Array.from({ length: 25 }, (_, index) => `hello.web-${index}.server`).sort());
    expect(
      ((await ask('GET', '/v1/tasks?service=hello&agent=ada&state=RUNNING&limit=10000')).json as { items: [] }).items,
    ).toHaveLength(25);
    expect(((await ask('GET', '/v1/tasks?service=hell')).json as { items: [] }).items).toHaveLength(0);
  });

  it('shows what was true at a moment of the past, by time, commit and position', async () => {
    await runs(2);
    const before = await ask('GET', '/v1/state');
    const { position, at } = before.json as { position: string; at: string };
    await eventually(async () => Date.now() > Date.parse(at) + 2);
    const between = new Date().toISOString();
    await eventually(async () => Date.now() > Date.parse(between) + 2);
    await runs(5);
    const tasksAt = async (moment: string) =>
      ((await ask('GET', `/v1/state?at=${encodeURIComponent(moment)}`)).json as { tasks: [] }).tasks.length;
    expect([await tasksAt(between), await tasksAt(position), await tasksAt(new Date().toISOString())]).toEqual([
      2, 2, 5,
    ]);
    expect(await tasksAt('services-0:1')).toBe(0);
    const { changes } = (await ask('GET', `/v1/diff?from=${position}`)).json as {
      changes: { kind: string; name: string; change: string }[];
    };
    expect(changes.filter(({ kind }) => kind === 'task').map(({ name, change }) => [name, change])).toEqual(
      [2, 3, 4].map((index) => [`hello.web-${index}.server`, 'added']),
    );
    const old = await ask('GET', `/v1/services/hello?at=${position}`);
    expect(old).toMatchObject({
      json: { version: 1, pods: { web: { count: 2 } } },
      headers: { 'orrery-position': expect.any(String) },
    });
  });

  it('streams events that can be resumed at any of them', async () => {
    await runs(2);
    const lines = async (query: string, headers: Record<string, string> = {}) =>
      (
        await ask('GET', `/v1/events?follow=false&${query}`, undefined, { accept: 'application/x-ndjson', ...headers })
      ).text
        .trim()
        .split('\n')
        .map(
          (line) =>
            JSON.parse(line) as { position: string; type: string; journal: string; seq: number; service?: string },
        );
    const all = await lines('from=beginning');
    expect(all.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['AgentRegistered', 'ServiceApplied', 'Placed', 'TasksRunning']),
    );
    const third = all[3]!;
    expect(await lines(`from=${third.position}`)).toEqual(all.slice(4));
    expect(await lines('', { 'last-event-id': third.position })).toEqual(all.slice(4));
    const running = await lines('from=beginning&service=hello&type=TasksRunning');
    expect(running.map(({ type, service }) => [type, service])).toEqual(running.map(() => ['TasksRunning', 'hello']));
    const { text, headers } = await ask('GET', '/v1/events?follow=false&from=beginning&type=ServiceApplied');
    expect(headers['content-type']).toBe('text/event-stream');
    expect(text).toMatch(/^id: \S+\nevent: ServiceApplied\ndata: \{"position":/);
  });

  it('catches a stream up from before its ring', async () => {
    await runs(3);
    const late = new EventRing();
    late.begin(live.position);
    const readers = new CatchUpReaders(1, plane);
    const gone = new AbortController();
    const seen: string[] = [];
    for await (const commits of readers.read(
      { journals: new Map([['services-0', 1]]), commands: new Map() },
      gone.signal,
    )) {
      seen.push(...commits.map(({ journal, seq }) => `${journal}:${seq}`));
      if (seen.includes(`services-0:${live.position.journals.get('services-0')}`)) gone.abort();
    }
    expect(seen).not.toContain('services-0:1');
    expect(seen).toEqual(expect.arrayContaining(['services-0:2', 'cluster-0:0', 'allocation-0:0']));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('says what an apply would do, and does nothing', async () => {
    await runs(1);
    const dry = await ask('PUT', '/v1/services/hello?dry-run=true', spec(3));
    expect(dry).toMatchObject({
      status: 200,
      json: { changes: [{ path: '/pods/web/count', before: 1, after: 3 }], plan: { name: expect.any(String) } },
    });
    const { places } = dry.json as { places: { agent: string; indexes: number[] }[] };
    expect(places.flatMap(({ agent: on, indexes }) => indexes.map((index) => [on, index]))).toEqual([
      ['ada', 1],
      ['ada', 2],
    ]);
    expect((await ask('PUT', '/v1/services/hello?dry-run=true', spec(1))).json).toMatchObject({
      changes: [],
      plan: null,
      places: [],
    });
    expect((await ask('GET', '/v1/services/hello')).json).toMatchObject({ version: 1 });
  });

  it('tells Prometheus where guests are that have figures of their own', async () => {
    const ports = { metrics: {}, http: {} };
    const pods = { web: { count: 1, tasks: { server: { cmd: 'sleep 1', cpus: 0.1, memory: 16, ports } } } };
    await runs(1, { ...spec(1), pods });
    const port = ((await ask('GET', '/v1/tasks/hello.web-0.server')).json as { ports: { metrics: number } }).ports
      .metrics;
    const labels = { service: 'hello', role: '*', pod: 'web-0', task: 'hello.web-0.server', agent: 'ada' };
    expect((await ask('GET', '/v1/metrics/targets')).json).toEqual([{ targets: [`127.0.0.1:${port}`], labels }]);
    expect((await ask('GET', '/v1/packages/kafka/alerts')).text).toContain('alert: KafkaOfflinePartitions');
    expect((await ask('GET', '/v1/packages/hello/alerts')).status).toBe(404);
    expect((await ask('GET', '/v1/packages/kafka')).json).toMatchObject({
      alerts: expect.arrayContaining([{ name: 'KafkaBrokerDown', severity: 'warning', summary: expect.any(String) }]),
    });
  });

  it('makes a service of a package, gives it other options, and keeps what was chosen', async () => {
    const found = (await ask('GET', '/v1/packages?query=servers')).json as { items: { name: string }[] };
    expect(found.items.map(({ name }) => name)).toContain('hello');
    expect((await ask('GET', '/v1/packages/hello')).json).toMatchObject({ version: '1.0.0', repository: 'orrery' });
    const wrong = { name: 'greeters', options: { web: { cuont: 1 } } };
    expect(await ask('POST', '/v1/packages/hello/install', wrong)).toMatchObject({
      status: 400,
      json: { code: 'unknown-option', field: '/web/cuont', remedy: expect.stringContaining('count') },
    });
    const body = { name: 'greeters', options: { web: { count: 1, memory: 64 } } };
    expect((await ask('POST', '/v1/packages/hello/install?dry-run=true', body)).json).toMatchObject({ version: null });
    const installed = await ask('POST', '/v1/packages/hello/install', body, wait);
    expect(installed).toMatchObject({ status: 200, json: { subject: 'greeters', plans: [{ plan: 'deploy' }] } });
    expect((await ask('POST', '/v1/packages/hello/install', body, wait)).status).toBe(200);
    const taken = await ask('POST', '/v1/packages/web/install', { name: 'greeters' });
    expect(taken).toMatchObject({ status: 409, json: { code: 'package-already-installed' } });

    const more = { name: 'greeters', options: { web: { count: 2 } } };
    expect((await ask('POST', '/v1/packages/hello/update', more, wait)).status).toBe(200);
    const { json } = await ask('GET', '/v1/services/greeters');
    expect(json).toMatchObject({
      version: 2,
      package: { name: 'hello', version: '1.0.0' },
      spec: { package: { options: { web: { count: 2, memory: 64 } } }, pods: { web: { count: 2 } } },
    });
    expect(await ask('POST', '/v1/packages/web/update', more)).toMatchObject({
      status: 404,
      json: { code: 'package-not-installed' },
    });
    expect(await ask('POST', '/v1/packages/hello/update', { ...more, version: '0.9' })).toMatchObject({
      status: 404,
      json: { code: 'unknown-package-version' },
    });
  });

  it('knows roles, and sets their weight', async () => {
    await runs(2);
    expect((await ask('GET', '/v1/roles')).json).toMatchObject({ items: [{ role: '*', weight: 1, waiting: 0 }] });
    expect((await ask('PUT', '/v1/roles/eng/web', { weight: 3 }, wait)).status).toBe(200);
    expect((await ask('GET', '/v1/roles/eng%2Fweb')).json).toMatchObject({ role: 'eng/web', weight: 3, waiting: 0 });
    expect(await ask('PUT', '/v1/roles/eng', { weight: 0 }, wait)).toMatchObject({
      status: 400,
      json: { field: '/weight' },
    });
    expect((await ask('GET', '/v1/roles/ops')).status).toBe(404);
    expect((await ask('PUT', '/v1/fairness', { scarce: ['gpus'] }, wait)).status).toBe(200);
    expect((await ask('GET', '/v1/fairness')).json).toMatchObject({
      ...{ scarce: ['gpus'], cells: [{ cell: 0, capacity: { cpus: 4, memory: 4096 } }] },
    });
    expect(await ask('PUT', '/v1/fairness', { scarce: ['tapes'] }, wait)).toMatchObject({
      ...{ status: 400, json: { field: '/scarce/0' } },
    });
  });

  it('explains why a task waits', async () => {
    await ask('PUT', '/v1/services/hello', spec(1, { placement: [['hostname', 'IS', 'nowhere']] }), wait);
    await eventually(async () => (await ask('GET', '/v1/tasks/hello.web-0.server/why')).text.includes('"reasons"'));
    expect((await ask('GET', '/v1/tasks/hello.web-0.server/why')).json).toMatchObject({
      state: 'PENDING',
      sentence: expect.stringContaining('no place on any of 1 agents'),
      reasons: { agents: 1, funnel: expect.any(Array), remedy: expect.any(String) },
    });
  });

  it('lists, behind the tasks that agents know, those that wait and those that have done their work', async () => {
    await runs(2);
    plane.finishes = true;
    const once = { count: 3, tasks: { job: { goal: 'FINISH', cmd: 'true', cpus: 0.1, memory: 16 } } };
    await ask('PUT', '/v1/services/batch', { name: 'batch', pods: { work: once } }, wait);
    const nowhere = { ...spec(1, { placement: [['hostname', 'IS', 'nowhere']] }), name: 'stuck' };
    await ask('PUT', '/v1/services/stuck', nowhere, wait);
    await eventually(async () => (await ask('GET', '/v1/tasks/stuck.web-0.server/why')).text.includes('"reasons"'));
    await eventually(
      async () => ((await ask('GET', '/v1/services/batch')).json as { state: string }).state === 'FINISHED',
    );
    const listed = async (query: string) =>
      (await ask('GET', `/v1/tasks?${query}`)).json as { items: { id: string; state: string }[]; next: string | null };
    const idsOf = ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id);
    const works = ['batch.work-0.job', 'batch.work-1.job', 'batch.work-2.job'];
    expect(idsOf(await listed('state=FINISHED'))).toEqual(works);
    expect((await listed('state=PENDING')).items).toMatchObject([
      { id: 'stuck.web-0.server', state: 'PENDING', message: expect.stringContaining('no place on any of 1 agents') },
    ]);
    const all = idsOf(await listed('unlaunched=true'));
    expect(all.toSorted()).toEqual([...works, 'hello.web-0.server', 'hello.web-1.server', 'stuck.web-0.server']);
    const paged: string[] = [];
    for (let query = 'unlaunched=true&limit=1', turns = 0; query !== '' && turns < 10; turns += 1) {
      const page = await listed(query);
      paged.push(...idsOf(page));
      query = page.next === null ? '' : `unlaunched=true&limit=1&cursor=${page.next}`;
    }
    expect(paged).toEqual(all);
    expect(idsOf(await listed('unlaunched=true&service=stuck'))).toEqual(['stuck.web-0.server']);
    expect((await ask('GET', '/v1/tasks?unlaunched=maybe')).status).toBe(400);
  });

  it('tells who would make way for a pod, why nobody does, and for whom one did', async () => {
    const whole = (name: string, priority: number) => ({
      ...{ name, priority, pods: { web: { count: 1, tasks: { server: { cmd: 'sleep 1', cpus: 4, memory: 16 } } } } },
    });
    const why = async (id: string) => (await ask('GET', `/v1/tasks/${id}/why`)).json as Record<string, unknown>;
    const isRunning = async (id: string) => (await why(id))['state'] === 'RUNNING';
    expect((await ask('PUT', '/v1/preemption', { perMinute: 0 }, wait)).status).toBe(200);
    expect((await ask('PUT', '/v1/preemption', { perMinute: -1 }, wait)).json).toMatchObject({ field: '/perMinute' });
    await ask('PUT', '/v1/services/low', whole('low', 20), wait);
    await eventually(() => isRunning('low.web-0.server'));
    await ask('PUT', '/v1/services/high', whole('high', 80), wait);
    await eventually(async () => 'reasons' in (await why('high.web-0.server')));
    expect(await why('high.web-0.server')).toMatchObject({
      ...{ state: 'PENDING', sentence: expect.stringContaining('would fit after preempting 1 pod of low web') },
      reasons: { preemption: { standing: 'off', pods: 1, victims: [{ service: 'low', priority: 20, pods: 1 }] } },
    });
    expect((await ask('GET', '/v1/preemption')).json).toEqual({
      ...{ perMinute: 0, at: expect.any(String), cells: [{ cell: 0, budget: 0, spent: 0, open: 0, orders: [] }] },
    });
    expect((await ask('PUT', '/v1/preemption', {}, wait)).status).toBe(200);
    await eventually(() => isRunning('high.web-0.server'));
    expect((await ask('GET', '/v1/preemption')).json).toEqual({
      at: expect.any(String),
      cells: [{ cell: 0, budget: 10, spent: 1, open: 0, orders: [] }],
    });
    await eventually(async () => 'reasons' in (await why('low.web-0.server')));
    expect(await why('low.web-0.server')).toMatchObject({
      ...{
        state: 'PENDING',
        sentence: expect.stringMatching(/^it made way for high web \(\*, priority 80\); no place/),
      },
      ...{ reasons: { preemptedBy: { service: 'high' } }, pod: { preemptedBy: { service: 'high', priority: 80 } } },
    });
    expect((await ask('GET', '/v1/services/low/pods/web-0')).json).toMatchObject({ preemptedBy: { service: 'high' } });
    expect((await ask('GET', '/v1/services/low')).json).toMatchObject({ pods: { web: { priority: 20 } } });
  });

  it('tells what tasks and machines use against what they asked for, and sums for Prometheus', async () => {
    await runs(2);
    const launchOf = async (id: string) => ((await ask('GET', `/v1/tasks/${id}`)).json as { launch: LaunchId }).launch;
    const launches = idRunsOf([await launchOf('hello.web-0.server'), await launchOf('hello.web-1.server')]);
    const host = { cpusMilli: 1500, cores: 4, memoryUsedMib: 10, memoryMib: 100, diskUsedMib: 1, diskMib: 9, load: 1 };
    const round = { agent: 'ada', session: 's', at: Date.now(), host, launches, services: [['hello', 2]], gone: [] };
    const tell = (cpusMilli: number[]) =>
      plane.log.publish(agentMetricsTopic, [
        message({ ...round, round: 1, whole: true, columns: { cpusMilli, memoryMib: [30] } }),
      ]);
    await plane.log.publish(agentMetricsTopic, [message({ agent: 'ada', launches: [[1, 0, 1e15]] })]);
    await tell([20, 70]);
    const top = async (query: string) =>
      ((await ask('GET', `/v1/tasks/metrics${query}`)).json as { items: { id: string }[] }).items;
    await eventually(async () => (await top('')).length === 2);
    expect(await top('?sort=cpu&limit=1')).toMatchObject([
      { id: 'hello.web-1.server', usage: { cpus: 0.07, memory: 30 }, asked: { cpus: 0.1, memory: 16 } },
    ]);
    await tell([90, 70]);
    await eventually(async () => (await top('?service=hello'))[0]?.id === 'hello.web-0.server');
    const one = (await ask('GET', '/v1/tasks/hello.web-0.server/metrics')).json as { series: { cpus: number }[] };
    expect(one.series.map(({ cpus }) => cpus)).toEqual([0.02, 0.09]);
    expect((await ask('GET', '/v1/agents/ada')).json).toMatchObject({ machine: { cpus: { used: 1.5, of: 4 } } });
    const { text } = await ask('GET', '/metrics');
    expect(text).toContain('orrery_service_cpu_cores{service="hello",role="*"} 0.16');
    expect(text).toContain('orrery_gateway_unreadable_figures 1');
    expect((await ask('GET', '/v1/tasks/metrics?sort=colour')).status).toBe(400);
    expect((await ask('GET', '/v1/tasks/hello.web-7.server/metrics')).status).toBe(404);
  });

  it('passes on what a task wrote', async () => {
    await runs(1);
    const logs = await ask('GET', '/v1/tasks/hello.web-0.server/logs?stream=stdout');
    expect(logs).toMatchObject({ status: 200, text: 'it said this\n' });
    expect((await ask('GET', '/v1/tasks/hello.web-7.server/logs')).status).toBe(404);
  });

  it('lists and reads the sandbox of a task', async () => {
    await runs(1);
    const files = '/v1/tasks/hello.web-0.server/files';
    expect(await ask('GET', `${files}?path=data`)).toMatchObject({ status: 200, json: { path: 'data', entries: [] } });
    expect(await ask('GET', `${files}/content?path=stdout`)).toMatchObject({ status: 200, text: 'it said this\n' });
    for (const address of [`${files}?path=../x`, `${files}/content?path=../x`]) {
      expect(await ask('GET', address)).toMatchObject({ status: 422, json: { code: 'outside-sandbox' } });
    }
    expect(await ask('GET', `${files}/content`)).toMatchObject({ status: 400, json: { field: 'path' } });
    expect((await ask('GET', '/v1/tasks/hello.web-7.server/files')).status).toBe(404);
  });

  it('runs a command in a task', async () => {
    await runs(1);
    const exec = '/v1/tasks/hello.web-0.server/exec';
    const { status, text } = await ask('POST', exec, { cmd: ['cat'], stdin: 'given' });
    expect(status).toBe(200);
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { stream: 'stdout', data: Buffer.from('hello').toString('base64') },
      { stream: 'stderr', data: Buffer.from('given').toString('base64') },
      { exit: 3 },
    ]);
    for (const [body, field] of [
      [{}, '/cmd'],
      [{ cmd: 'ls', stdin: 'x'.repeat(65_537) }, '/stdin'],
      [{ cmd: 'ls', tty: true }, '/tty'],
      [{ cmd: 'ls', 'ttl-secs': 4000 }, '/ttl-secs'],
      [{ cmd: 'ls', stdin: 'x', interactive: true }, '/stdin'],
      [{ cmd: 'ls', terminal: { rows: 0, columns: 80 } }, '/terminal/rows'],
      [{ cmd: [''] }, '/cmd'],
    ] as const) {
      expect(await ask('POST', exec, body)).toMatchObject({ status: 400, json: { field } });
    }
    expect((await ask('POST', '/v1/tasks/hello.web-7.server/exec', { cmd: 'ls' })).status).toBe(404);
  });

  it('gives an interactive command what comes, piece by piece, and cancels it when its client has gone', async () => {
    await runs(1);
    const { port } = app.getHttpServer().address() as AddressInfo;
    const exec = '/v1/tasks/hello.web-0.server/exec';
    const open = async (body: object) => {
      const leave = new AbortController();
      const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      const response = await fetch(`http://127.0.0.1:${port}${exec}`, { ...init, signal: leave.signal });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const { input } = JSON.parse((await reader.read()).value!.split('\n')[0]!) as { input: string };
      return { input, leave, reader };
    };
    const { input, reader } = await open({ cmd: ['cat'], terminal: { rows: 24, columns: 80 } });
    const order = plane.opened.at(-1)!;
    expect(order).toMatchObject({ kind: 'exec', terminal: { rows: 24, columns: 80 }, follow: true });
    expect(input).toBe(`${exec}/${order.stream}`);
    const data = Buffer.from('given').toString('base64');
    for (const [body, field] of [
      [{ data }, '/offset'],
      [{ data: 'no base64!', offset: 0 }, '/data'],
      [{ offset: -1 }, '/offset'],
      [{ terminal: { rows: 24 } }, '/terminal/columns'],
    ] as const) {
      expect(await ask('POST', input, body)).toMatchObject({ status: 400, json: { field } });
    }
    expect((await ask('POST', input, { terminal: { rows: 30, columns: 100 } })).status).toBe(200);
    expect((await ask('POST', input, { offset: 0, data })).status).toBe(200);
    expect((await ask('POST', input, { offset: 5, end: true })).status).toBe(200);
    let text = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    expect(text.trim().split('\n').at(-1)).toBe('{"exit":3}');
    expect(plane.input.map(({ text, headers }) => [text, headers['orrery-offset'], headers['orrery-size']])).toEqual([
      ['', '0', '30x100'],
      ['given', '0', undefined],
      ['', '5', undefined],
    ]);
    const { leave } = await open({ cmd: ['cat'], interactive: true, 'ttl-secs': 20 });
    expect(plane.opened.at(-1)).toMatchObject({ follow: false });
    leave.abort();
    await eventually(async () => plane.input.at(-1)?.headers['orrery-error'] === 'cancelled');
  });

  it('kills a task, and its service starts it again', async () => {
    await runs(1);
    expect((await ask('POST', '/v1/tasks/hello.web-0.server/kill', {}, wait)).status).toBe(200);
    await eventually(async () => (await ask('GET', '/v1/tasks/hello.web-0.server')).text.includes('"incarnation":2'));
  });

  it('says with a pod that waits for its next try, and with the step of its plan, how the last one ended', async () => {
    plane.failure = { exit: { code: 7 }, message: 'no such table' };
    await ask('PUT', '/v1/services/hello', spec(1));
    const message = 'waits for its next try; server: exited with code 7: no such table';
    await eventually(async () => (await ask('GET', '/v1/services/hello/pods/web-0')).text.includes(message));
    expect((await ask('GET', '/v1/services/hello/plans/deploy')).json).toMatchObject({
      phases: [{ steps: [{ name: 'web-0', status: 'DELAYED', message }] }],
    });
    expect((await ask('GET', '/v1/services/hello/plans')).text).toContain(message);
  });

  it('writes, in a life of many events, nothing that its published schemas do not allow', async () => {
    await runs(3);
    await ask('POST', '/v1/tasks/hello.web-0.server/kill', {}, wait);
    await eventually(async () => (await ask('GET', '/v1/tasks/hello.web-0.server')).text.includes('"incarnation":2'));
    await ask('POST', '/v1/services/hello/pods/web-1/replace', {}, wait);
    await ask('POST', '/v1/services/hello/scale', { pod: 'web', count: 100 }, wait);
    await runs(1);
    await ask('POST', '/v1/services/nobody/scale', { pod: 'web', count: 1 }, wait);
    await plane.log.append({ topic: 'orrery.services.commands', partition: 0 }, { value: Buffer.from('garbage') });
    await ask('POST', '/v1/agents/ada/drain', {}, wait);
    await ask('DELETE', '/v1/services/hello', undefined, wait);
    await eventually(async () => (await ask('GET', '/v1/services/hello')).status === 404);
    const fits = async (name: string) =>
      new Ajv({ strict: false }).compile((await ask('GET', `/schemas/${name}.json`)).json as object);
    const seen = new Set<string>();
    for (const domain of domainNames) {
      const schemas = new Map<string, Awaited<ReturnType<typeof fits>>>();
      for (const name of [`journal.Genesis`, `journal.TermStarted`, `${domain}.Commit`]) {
        schemas.set(name.split('.')[1]!, await fits(name));
      }
      for (const { value } of plane.log.messagesOf({ topic: journalTopic(domain), partition: 0 })) {
        const record = JSON.parse(Buffer.from(value!).toString()) as JournalRecord;
        const validate = schemas.get(record.kind)!;
        expect([record.seq, validate(record), validate.errors]).toEqual([record.seq, true, null]);
        for (const { type } of record.kind === 'Commit' ? record.events : []) seen.add(type);
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...[
          'CommandAccepted',
          'CommandRefused',
          'InputQuarantined',
          'AgentRegistered',
          'AgentDraining',
          'LaunchAccepted',
        ],
        ...['TasksRunning', 'TasksEnded', 'KillAccepted', 'AgentOpened', 'Placed', 'PlacementPending', 'GrantReleased'],
        ...['ServiceApplied', 'LaunchOrdered', 'TasksObserved', 'GrantReturned', 'ServiceRemoved'],
      ]),
    );
    const orders = new Map<string, Awaited<ReturnType<typeof fits>>>();
    for (const { value } of plane.log.messagesOf({ topic: agentCommandsTopic, partition: 0 })) {
      const order = JSON.parse(Buffer.from(value!).toString()) as { type: string };
      const validate = orders.get(order.type) ?? (await fits(`agents.${order.type}Order`));
      orders.set(order.type, validate);
      expect([order.type, validate(order), validate.errors]).toEqual([order.type, true, null]);
    }
    expect([...orders.keys()]).toEqual(expect.arrayContaining(['Sync', 'Launches', 'Kills']));
  });

  it('tells who asks for one task of events about many', async () => {
    await runs(3);
    const told = async (task: string) => {
      const { text } = await ask('GET', `/v1/events?from=beginning&follow=false&task=${task}`, undefined, {
        accept: 'application/x-ndjson',
      });
      const lines = text.trim() === '' ? [] : text.trim().split('\n');
      return lines.map((line) => (JSON.parse(line) as { type: string }).type);
    };
    expect(await told('hello.web-2.server')).toEqual(
      expect.arrayContaining([
        'PlacementRequested',
        'Placed',
        'LaunchOrdered',
        'LaunchAccepted',
        'TasksRunning',
        'TasksObserved',
      ]),
    );
    expect(await told('hello.web-3.server')).toEqual([]);
    expect((await ask('GET', '/v1/events?task=hello')).status).toBe(400);
  });

  it('verifies its journals', async () => {
    await runs(1);
    const lines = (await ask('GET', '/v1/audit/verify')).text.trim().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ kind: 'result', ok: true });
    await plane.log.append({ topic: 'orrery.services.journal', partition: 0 }, { value: Buffer.from('forged') });
    const found = (await ask('GET', '/v1/audit/verify')).text;
    expect(found).toContain('"kind":"finding","journal":"services-0"');
    expect(JSON.parse(found.trim().split('\n').at(-1)!)).toMatchObject({ ok: false });
  });

  it('names what does not agree, and what to do', async () => {
    await runs(1);
    const lines = (await ask('GET', '/v1/doctor')).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { check: string; ok: boolean; about: string; remedy?: string });
    expect(lines.filter(({ ok }) => !ok).map(({ check, about }) => [check, about])).toEqual([
      ['tasks', 'hello.web-0.server'],
      ['result', undefined],
    ]);
    expect(new Set(lines.map(({ check }) => check))).toEqual(
      new Set(['fold', 'agents', 'services', 'history', 'tasks', 'journals', 'result']),
    );
  });

  it('reads old outcomes and the audit log from the history', async () => {
    const row = {
      at: 5,
      domain: 'services',
      cell: 0,
      seq: 9,
      n: 0,
      commandType: 'orrery.services.ScaleService.v1',
      subject: 'hello',
    } as const;
    history.outcomes.set('old', { commandId: 'old', outcome: 'accepted', actor: 'ann', ...row });
    expect((await ask('GET', '/v1/commands/old')).json).toMatchObject({
      commandId: 'old',
      status: 'accepted',
      type: 'ScaleService',
      actor: 'ann',
    });
    const detail = JSON.stringify({ status: 'accepted', followed: ['ServiceApplied'] });
    history.rows.push({
      at: 5,
      journal: 'services/0',
      seq: 9,
      n: 0,
      type: 'ScaleService',
      actor: 'ann',
      subject: 'hello',
      commandId: 'old',
      detail,
    });
    expect((await ask('GET', '/v1/audit?service=hello')).json).toEqual({
      items: [
        {
          ...{
            commandId: 'old',
            at: '1970-01-01T00:00:00.005Z',
            actor: 'ann',
            type: 'ScaleService',
            subject: 'hello',
            seq: 9,
          },
          ...{ journal: 'services-0', status: 'accepted', followed: ['ServiceApplied'] },
        },
      ],
      next: null,
    });
  });

  it('shows roles with their shares, and holds them to quotas', async () => {
    await runs(1);
    expect((await ask('PUT', '/v1/roles/eng/search', { weight: 2 }, wait)).status).toBe(200);
    expect((await ask('PUT', '/v1/quotas/eng%2Fsearch', { limit: { cpus: 0.3 } }, wait)).status).toBe(200);
    const nowhere = await ask('PUT', '/v1/quotas/ads', { limit: { cpus: 1 } }, wait);
    expect(nowhere).toMatchObject({ status: 404, json: { code: 'unknown-role', field: '/role' } });
    const nothing = { cpus: 0, memory: 0, disk: 0, gpus: 0 };
    expect((await ask('GET', '/v1/roles')).json).toMatchObject({
      items: [
        { role: '*', weight: 1, used: { cpus: 0.1, memory: 16 }, waiting: 0 },
        { role: 'eng', weight: 1, used: nothing, usedBelow: nothing },
        { role: 'eng/search', weight: 2, quota: { limit: { cpus: 0.3 }, cells: 1 } },
      ],
      next: null,
    });
    expect((await ask('GET', '/v1/quotas')).json).toEqual({
      items: [{ role: 'eng/search', limit: { cpus: 0.3 }, cells: 1, used: nothing }],
      next: null,
    });
    expect((await ask('GET', '/v1/roles/eng/search')).json).toMatchObject({
      role: 'eng/search',
      shares: [
        {
          cell: 0,
          levels: [
            { path: 'eng', rivals: 0 },
            { path: 'eng/search', weight: 2, waits: false },
          ],
        },
      ],
    });
    await ask('PUT', '/v1/services/other', { ...spec(5), name: 'other', role: 'eng/search' }, wait);
    await eventually(async () => {
      const { used, waiting } = (await ask('GET', '/v1/roles/eng%2Fsearch')).json as {
        used: { cpus: number };
        waiting: number;
      };
      return used.cpus === 0.3 && waiting === 2;
    });
    expect((await ask('DELETE', '/v1/quotas/eng/search', undefined, wait)).status).toBe(200);
    await eventually(async () => {
      const { waiting } = (await ask('GET', '/v1/roles/eng%2Fsearch')).json as { waiting: number };
      return waiting === 0;
    });
  });

  it('keeps parts of agents for roles, and lists what is kept', async () => {
    await runs(1);
    const asking = { agent: 'ada', role: 'eng', resources: { cpus: 3, memory: 64 }, labels: { team: 'x' } };
    expect((await ask('POST', '/v1/reservations', asking, wait)).status).toBe(200);
    const { json } = await ask('GET', '/v1/reservations');
    const [kept] = (json as { items: { id: string }[] }).items;
    expect(kept).toMatchObject({ ...asking, resources: { cpus: 3, memory: 64, disk: 0, gpus: 0 } });
    const again = await ask('POST', '/v1/reservations', asking, wait);
    expect(again).toMatchObject({ status: 422, json: { code: 'reservation-too-large', field: '/resources' } });
    await ask('PUT', '/v1/services/other', { ...spec(20), name: 'other' }, wait);
    await eventually(async () => {
      const { waiting } = (await ask('GET', '/v1/roles/*')).json as { waiting: number };
      return waiting === 11;
    });
    expect((await ask('DELETE', `/v1/reservations/${kept!.id}`, undefined, wait)).status).toBe(200);
    await eventually(async () => ((await ask('GET', '/v1/roles/*')).json as { waiting: number }).waiting === 0);
    expect(await ask('DELETE', `/v1/reservations/${kept!.id}`, undefined, wait)).toMatchObject({ status: 404 });
    expect((await ask('GET', '/v1/volumes')).json).toEqual({ items: [], next: null });
    expect(await ask('DELETE', '/v1/volumes/1.1', undefined, wait)).toMatchObject({
      ...{ status: 404, json: { code: 'unknown-volume' } },
    });
  });

  it('describes every address that it serves, and no other', async () => {
    const served = (app.getHttpAdapter().getInstance() as { printRoutes(options: object): string }).printRoutes({
      commonPrefix: false,
      includeHooks: false,
    });
    expect(served).toContain('(');
    const { json: document } = await ask('GET', '/openapi.json');
    const { paths, openapi } = document as { paths: Record<string, object>; openapi: string };
    expect(openapi).toBe('3.1.0');
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(operations.map(({ method, path }) => `${method} ${path}`).sort());
    for (const { method, path } of operations) {
      const url = path.replace(/\{\w+\}/g, 'none');
      if (/events|verify|doctor/.test(path)) continue;
      const { json } = await ask(
        method.toUpperCase() as Method,
        url,
        method === 'put' || method === 'post' ? {} : undefined,
      );
      expect([path, (json as { code?: string } | undefined)?.code]).not.toEqual([path, 'unknown-address']);
    }
    expect((await ask('GET', '/asyncapi.json')).json).toMatchObject({
      asyncapi: '3.0.0',
      channels: { 'orrery.services.commands': {} },
    });
    expect((await ask('GET', '/schemas/service.json')).text).toContain('"title":"Service"');
    expect((await ask('GET', '/docs')).text).toContain('problem-version-conflict');
  });

  it('says how it is', async () => {
    expect((await ask('GET', '/livez')).status).toBe(200);
    expect((await ask('GET', '/readyz?verbose')).json).toMatchObject({
      ready: true,
      journals: [{ lag: 0 }, {}, {}],
      problems: [],
    });
    expect((await ask('GET', '/metrics')).text).toContain('orrery_gateway_journal_seq{journal="services-0"}');
    await live.stop();
    expect((await ask('GET', '/readyz')).status).toBe(503);
    expect(await ask('GET', '/v1/tasks')).toMatchObject({
      status: 503,
      json: { code: 'not-ready' },
      headers: { 'retry-after': '1' },
    });
  });
});
