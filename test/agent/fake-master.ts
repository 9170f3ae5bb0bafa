import {
  agentCommandsTopic,
  agentReportsTopic,
  decodeAgentReport,
  idRunsOf,
  idsIn,
  MembersBuilder,
  valueAt,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type LaneOrder,
  type LaunchId,
  type LaunchSet,
  type TasksRun,
  type TaskEnds,
  type TaskTemplate,
  agentRunsOf,
  type LaneHeads,
} from '@orrery/contracts';
import type { Log, LogReader } from '@orrery/control-loop';
import type { Launch } from '../../apps/agent/src/agent-state/agent-state.js';

type OrderBody = AgentOrder extends infer Order
  ? Order extends AgentOrder
    ? Omit<Order, 'journalId' | 'agent' | 'session' | 'epoch' | 'n'>
    : never
  : never;
type LaneBody = LaneOrder extends infer Order
  ? Order extends LaneOrder
    ? Omit<Order, 'journalId' | 'to'>
    : never
  : never;
/** A launch by its id and what matters about it. */
export type LaunchPlan = Partial<Omit<Launch, 'launch'>> & { readonly launch: string };
/** What a report says of one launch. */
export type Told =
  | { readonly state: 'STARTING' }
  | { readonly state: 'RUNNING'; readonly pid: number; readonly since: number; readonly ready: boolean }
  | { readonly state: 'READY'; readonly ready: boolean }
  | Omit<TaskEnds, 'launches'>;
type Inventory = Extract<AgentReport, { type: 'Inventory' }>;

/**
 * The master's side of the protocol for one agent, as little of it as the agent can tell: registrations, numbers, the set of
 * wanted launches, and every report in the order of the log. It keeps the rules of m and complains about gaps.
 */
export class FakeMaster {
  readonly journalId = 'journal-1';
  readonly reports: AgentReport[] = [];
  readonly inventories: Inventory[] = [];
  /** What was told of each launch, in order, over all registrations. */
  readonly told = new Map<string, Told[]>();
  readonly wanted = new Map<LaunchId, { readonly set: LaunchSet; readonly template: TaskTemplate }>();
  readonly unwanted = new Set<LaunchId>();
  readonly problems: string[] = [];
  agent: AgentId | undefined;
  session = '';
  epoch = 0;
  ordered = 0;
  reported = 0;
  readonly #log: Log;
  readonly #reader: LogReader;
  readonly #partition: number;

  constructor(log: Log, partition = 0) {
    this.#log = log;
    this.#partition = partition;
    this.#reader = log.follow(
      { topic: agentReportsTopic, partition },
      0,
      async ({ messages }) => {
        for (const { value } of messages) {
          const decoded = decodeAgentReport(JSON.parse(Buffer.from(value!).toString()));
          if (decoded.ok) await this.#take(decoded.report);
          else this.problems.push(decoded.refusal.message);
        }
      },
      (error) => this.problems.push(error.message),
    );
  }

  stop(): Promise<void> {
    return this.#reader.stop();
  }

  /** Wants these launches and orders them. */
  async launch(template: Partial<TaskTemplate>, ...launches: LaunchPlan[]): Promise<void> {
    const { set, template: whole } = launchSet(this.epoch, template, launches);
    for (const launch of launches) this.want(launch, template);
    await this.lane({ type: 'Launches', set, template: whole });
  }

  want(launch: LaunchPlan, template: Partial<TaskTemplate>): void {
    const { set, template: whole } = launchSet(this.epoch, template, [launch]);
    this.wanted.set(launch.launch as LaunchId, { set, template: whole });
  }

  async kill(launch: string, graceMs?: number): Promise<void> {
    this.unwanted.add(launch as LaunchId);
    const launches = [idRunsOf([launch])];
    await this.lane({ type: 'Kills', launches, ...(graceMs !== undefined && { graceMs }) });
  }

  /** To the whole lane, where the agent finds itself. */
  lane(body: LaneBody): Promise<void> {
    this.ordered += 1;
    return this.sendLane({
      journalId: this.journalId,
      to: headOf(NUMBER, this.epoch, this.ordered, this.reported),
      ...body,
    });
  }

  sendLane(order: LaneOrder): Promise<void> {
    const value = Buffer.from(JSON.stringify(order));
    return this.#log.publish(agentCommandsTopic, [{ value, partition: this.#partition }]);
  }

  order(body: OrderBody): Promise<void> {
    this.ordered += 1;
    return this.send({ ...this.head(), ...body });
  }

  head() {
    const { journalId, session, epoch, ordered: n, reported } = this;
    return { journalId, agent: this.agent!, session, epoch, n, reported };
  }

  send(order: AgentOrder): Promise<void> {
    const value = Buffer.from(JSON.stringify(order));
    return this.#log.publish(agentCommandsTopic, [{ key: order.agent, value, partition: this.#partition }]);
  }

  /** The whole truth, made from what is wanted and has not ended. */
  async sync(askInventory = false): Promise<void> {
    const live = [...this.wanted].filter(([launch]) => this.endOf(launch) === undefined);
    const keep = live.filter(([launch]) => !this.unwanted.has(launch)).map(([, { set }]) => set);
    await this.order({
      type: 'Sync',
      number: NUMBER,
      keep: keep.map((set) => ({ ...set, agents: agentRunsOf([[NUMBER, this.epoch, 1]]) })),
      templates: Object.fromEntries(live.map(([, { set, template }]) => [set.templateDigest, template])),
      kill: idRunsOf(live.filter(([launch]) => this.unwanted.has(launch)).map(([launch]) => launch)),
      volumes: [],
      streams: [],
      askInventory,
    });
  }

  statesOf(launch: string): string[] {
    return (this.told.get(launch) ?? []).map(({ state }) => state);
  }

  endOf(launch: string): Extract<Told, { reason: string }> | undefined {
    return this.told.get(launch)?.find((item) => 'reason' in item);
  }

  runningOf(launch: string): Extract<Told, { pid: number }> | undefined {
    return this.told.get(launch)?.find((item) => 'pid' in item);
  }

  async #take(report: AgentReport): Promise<void> {
    this.reports.push(report);
    if (report.type === 'Inventory') return this.#takeInventory(report);
    if (report.session !== this.session || report.epoch !== this.epoch || report.m <= this.reported) return;
    if (report.m !== this.reported + 1) this.problems.push(`report ${report.m} came after ${this.reported}`);
    this.reported = report.m;
    if (report.type === 'TaskStates') this.#seeAll(report);
  }

  async #takeInventory(report: Inventory): Promise<void> {
    this.inventories.push(report);
    this.agent = report.agent;
    if (report.session !== this.session) {
      Object.assign(this, { session: report.session, epoch: this.epoch + 1, ordered: 0, reported: 0 });
    }
    for (const { launch, state, reason, exit } of report.launches) {
      if (reason !== undefined) this.#see(launch, { state, reason, exit } as Told);
    }
    await this.sync();
  }

  #seeAll({ starting = [], running = [], ready = [], unready = [], ended = [] }: TaskStates): void {
    for (const launch of idsIn(starting)) this.#see(launch, { state: 'STARTING' });
    for (const tasks of running) for (const [launch, told] of ranIn(tasks)) this.#see(launch, told);
    for (const launch of idsIn(ready)) this.#see(launch, { state: 'READY', ready: true });
    for (const launch of idsIn(unready)) this.#see(launch, { state: 'READY', ready: false });
    for (const { launches, ...end } of ended) for (const launch of idsIn(launches)) this.#see(launch, end);
  }

  #see(launch: string, told: Told): void {
    if (this.endOf(launch) !== undefined) return;
    this.told.set(launch, [...(this.told.get(launch) ?? []), told]);
  }
}

type TaskStates = Extract<AgentReport, { type: 'TaskStates' }>;

function* ranIn({ launches, sinceFrom, since, pids, ready }: TasksRun): IterableIterator<[string, Told]> {
  let position = 0;
  for (const launch of idsIn(launches)) {
    const at = sinceFrom + valueAt(since, position);
    yield [launch, { state: 'RUNNING', pid: valueAt(pids, position), since: at, ready: ready === true }];
    position += 1;
  }
}

/** Of the agent, in the cluster journal. */
const NUMBER = 5;

export function launchSet(
  epoch: number,
  template: Partial<TaskTemplate>,
  launches: readonly LaunchPlan[],
): { readonly set: LaunchSet; readonly template: TaskTemplate } {
  const whole: TaskTemplate = {
    cmd: 'exec sleep 600',
    goal: 'RUNNING',
    env: {},
    cpusMilli: 500,
    memoryMib: 64,
    diskMib: 0,
    killGraceMs: 2000,
    portEnv: {},
    configs: [],
    ...template,
  };
  const members = new MembersBuilder();
  launches.forEach((launch, position) => {
    const empty = { index: position, ports: {}, gpuIds: [], volumes: [] };
    const { index, ports, gpuIds, volumes } = { ...empty, ...launch };
    members.add({ index, agent: NUMBER, epoch, ports, gpuIds, volumes });
  });
  const set = {
    service: 'hello',
    generation: 1,
    version: 1,
    pod: 'web',
    task: 'server',
    incarnation: 1,
    templateDigest: `digest of ${JSON.stringify(whole)}`,
    ...members.members,
    launches: idRunsOf(launches.map(({ launch }) => launch)),
    grants: idRunsOf(launches.map((_, position) => `1.${position}`)),
  } as unknown as LaunchSet;
  return { set, template: whole };
}

/** Of an order for one agent. */
export function headOf(number: number, epoch: number, n: number, reported = 0): LaneHeads {
  return { numbers: [number], epochs: [epoch], ns: [n], reported: [reported] };
}
