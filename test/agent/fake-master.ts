import {
  agentCommandsTopic,
  agentReportsTopic,
  decodeAgentReport,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type Launch,
  type LaunchId,
  type LaunchSet,
  type TaskStateReport,
  type TaskTemplate,
} from '@orrery/contracts';
import type { Log, LogReader } from '@orrery/control-loop';

type OrderBody = AgentOrder extends infer Order
  ? Order extends AgentOrder
    ? Omit<Order, 'journalId' | 'agent' | 'session' | 'epoch' | 'n'>
    : never
  : never;
/** A launch by its id and what matters about it. */
export type LaunchPlan = Partial<Omit<Launch, 'launch'>> & { readonly launch: string };
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
  readonly told = new Map<string, TaskStateReport[]>();
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
    const { set, template: whole } = launchSet(this.agent!, this.epoch, template, launches);
    for (const launch of set.launches) this.want({ ...set, launches: [launch] }, whole);
    await this.order({ type: 'Launch', set, template: whole });
  }

  want(set: LaunchSet, template: TaskTemplate): void {
    for (const { launch } of set.launches) this.wanted.set(launch, { set, template });
  }

  async kill(launch: string, graceMs?: number): Promise<void> {
    this.unwanted.add(launch as LaunchId);
    await this.order({ type: 'Kill', launches: [launch as LaunchId], ...(graceMs !== undefined && { graceMs }) });
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
      keep: keep.map((set) => ({ set: { ...set, epoch: this.epoch }, templateDigest: set.templateDigest })),
      templates: Object.fromEntries(live.map(([, { set, template }]) => [set.templateDigest, template])),
      kill: live.filter(([launch]) => this.unwanted.has(launch)).map(([launch]) => launch),
      volumes: [],
      streams: [],
      askInventory,
    });
  }

  statesOf(launch: string): string[] {
    return (this.told.get(launch) ?? []).map(({ state }) => state);
  }

  endOf(launch: string): Extract<TaskStateReport, { reason: string }> | undefined {
    return this.told.get(launch)?.find((item) => 'reason' in item);
  }

  runningOf(launch: string): Extract<TaskStateReport, { pid: number }> | undefined {
    return this.told.get(launch)?.find((item) => item.state === 'RUNNING');
  }

  async #take(report: AgentReport): Promise<void> {
    this.reports.push(report);
    if (report.type === 'Inventory') return this.#takeInventory(report);
    if (report.session !== this.session || report.epoch !== this.epoch || report.m <= this.reported) return;
    if (report.m !== this.reported + 1) this.problems.push(`report ${report.m} came after ${this.reported}`);
    this.reported = report.m;
    if (report.type === 'TaskStates') for (const item of report.tasks) this.#see(item);
  }

  async #takeInventory(report: Inventory): Promise<void> {
    this.inventories.push(report);
    this.agent = report.agent;
    if (report.session !== this.session) {
      Object.assign(this, { session: report.session, epoch: this.epoch + 1, ordered: 0, reported: 0 });
    }
    for (const { launch, state, reason, exit } of report.launches) {
      if (reason !== undefined) this.#see({ launch, state, reason, exit, agentTime: 0 } as TaskStateReport);
    }
    await this.sync();
  }

  #see(item: TaskStateReport): void {
    if (this.endOf(item.launch) !== undefined) return;
    this.told.set(item.launch, [...(this.told.get(item.launch) ?? []), item]);
  }
}

export function launchSet(
  agent: AgentId,
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
  const set = {
    service: 'hello',
    generation: 1,
    version: 1,
    pod: 'web',
    task: 'server',
    templateDigest: `digest of ${JSON.stringify(whole)}`,
    agent,
    epoch,
    launches: launches.map((launch, index) => ({
      grant: `g.${launch.launch}`,
      index,
      incarnation: 1,
      ports: {},
      gpuIds: [],
      volumes: [],
      ...launch,
    })),
  } as unknown as LaunchSet;
  return { set, template: whole };
}
