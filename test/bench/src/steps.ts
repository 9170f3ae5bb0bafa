import {
  eachIdRun,
  IdRunsBuilder,
  MembersBuilder,
  numbersIn,
  type AgentId,
  type AllocationEvent,
  type ClusterEvent,
  type GrantId,
  type PlacementRequest,
  type ServicesCommand,
  type ServicesEvent,
  type ServicesEventOf,
  type VolumeId,
} from '@orrery/contracts';
import { services, type ServicesState } from '@orrery/domain';
import { assert, partsOf, UndoLog, type DecisionContext, type DomainState } from '@orrery/kernel';
import type { BenchmarkOptions } from './options.js';
import { applyStored } from './plans.js';
import type { BenchmarkResult } from './report.js';
import { figuresOf } from './statistics.js';

const AGENTS = 500;
const SERVICES = 1000;
const PODS = 10;
const RUNS = 3;
/** Inputs that become one commit, and launches that one report of the master tells of: as `plans` has them at this size. */
const INPUTS_A_COMMIT = 64;
const LAUNCHES_A_REPORT = 4;

type Command = { readonly type: string; readonly body: unknown };
type Fact = AllocationEvent | ClusterEvent;

/**
 * What `plans` asks of the service-manager, decided, encoded and folded in memory on one core, without a log: services of ten
 * pods with volumes are applied, updated pod by pod and uninstalled, and every place, start and end that they wait for comes
 * at once. What is left in memory is what a removed service leaves behind.
 */
export async function steps({ tasks = SERVICES * PODS, runs = RUNS }: BenchmarkOptions): Promise<BenchmarkResult> {
  const names = Array.from({ length: Math.ceil(tasks / PODS) }, (_, index) => `stored-${index}`);
  const plane = new Plane(names.length * PODS);
  const lived = Array.from({ length: runs + 1 }, () => liveThrough(plane, names)).slice(1);
  const { metrics, spread } = figuresOf(
    Object.fromEntries(
      (['applied', 'updated', 'removed'] as const).flatMap((phase) => [
        [`${phase}_cpu_us_per_step`, lived.map((life) => life[phase].cpuUs)],
        [`${phase}_events_per_step`, lived.map((life) => life[phase].events)],
        [`${phase}_bytes_per_step`, lived.map((life) => life[phase].bytes)],
      ]),
    ),
  );
  return {
    name: 'steps',
    durability: 'in memory: decisions and their fold, no log',
    settings: { agents: AGENTS, services: names.length, podsPerService: PODS, inputsPerCommit: INPUTS_A_COMMIT },
    metrics: { ...metrics, rows_left: plane.rows },
    spread,
  };
}

interface Cost {
  readonly cpuUs: number;
  readonly events: number;
  readonly bytes: number;
}

function liveThrough(plane: Plane, names: readonly string[]): Record<'applied' | 'updated' | 'removed', Cost> {
  return {
    applied: plane.through(names.map((name) => applyStored(name, 1))),
    updated: plane.through(names.map((name) => applyStored(name, 2))),
    removed: plane.through(names.map((name) => ({ type: 'UninstallService', body: { name } }) as const)),
  };
}

/** The service-manager, and others that do at once whatever it asks of them. */
class Plane {
  readonly #state: ServicesState = services.initialState();
  readonly #undo = new UndoLog();
  readonly #steps: number;
  #facts: Fact[] = [];
  #running = new IdRunsBuilder();
  #ended = new IdRunsBuilder();
  #seq = 1;
  #ordinal = 0;
  #inputs = 0;
  #events = 0;
  #bytes = 0;
  #turn = 0;

  constructor(steps: number) {
    this.#steps = steps;
    for (const part of partsOf(this.#state as unknown as DomainState)) part.recordTo(this.#undo);
    for (let number = 1; number <= AGENTS; number += 1) {
      const data = { number, agent: `a${number}` as AgentId, address: '127.0.0.1' };
      services.evolve(this.#state, { type: 'AgentNamed', data });
    }
  }

  get rows(): number {
    const parts = Object.values(this.#state) as readonly { readonly size: number }[];
    return parts.reduce((sum, { size }) => sum + size, 0) - AGENTS;
  }

  /** Sends all of these commands and does what follows, to the end. */
  through(commands: readonly Command[]): Cost {
    [this.#events, this.#bytes] = [0, 0];
    const began = process.cpuUsage();
    for (const { type, body } of commands) {
      const command = { type, body } as ServicesCommand;
      this.#decide({ kind: 'command', id: `${type}${this.#seq}.${this.#ordinal}`, actor: 'bench', command });
    }
    for (;;) {
      const facts = this.#takeFacts();
      for (const event of facts) {
        this.#decide({ kind: 'foreign', domain: 'any', journalId: 'any', seq: this.#seq, event });
      }
      while (services.continues!(this.#state)) this.#decide({ kind: 'internal', internal: { type: 'continue' } });
      if (facts.length === 0) break;
    }
    const { user, system } = process.cpuUsage(began);
    const aStep = (total: number) => Math.round((total / this.#steps) * 10) / 10;
    return { cpuUs: aStep(user + system), events: aStep(this.#events), bytes: aStep(this.#bytes) };
  }

  #takeFacts(): Fact[] {
    this.#tellRunning();
    this.#tellEnded();
    const facts = this.#facts;
    this.#facts = [];
    return facts;
  }

  #decide(input: Parameters<typeof services.decide>[0]): void {
    const decision = services.decide(input, this.#state, this.#context());
    assert(decision.accepted, 'refused', decision as never);
    const { events, prepared } = decision;
    prepared?.apply();
    for (const [index, event] of events.entries()) {
      this.#events += 1;
      this.#bytes += prepared!.encoded[index]!.length;
      this.#answer(event);
    }
    this.#inputs += 1;
    if (this.#inputs % INPUTS_A_COMMIT > 0) return;
    this.#undo.forget();
    this.#seq += 1;
    this.#ordinal = 0;
  }

  #context(): DecisionContext {
    return {
      at: 1_800_000_000_000 + this.#seq,
      seed: this.#seq,
      seq: this.#seq,
      nextId: () => `${this.#seq}.${this.#ordinal++}`,
      nextIds: (count) => (this.#ordinal += count) - count,
    };
  }

  #answer(event: ServicesEvent): void {
    switch (event.type) {
      case 'PlacementRequested':
        this.#facts.push({ type: 'RequestQueued', data: event.data }, this.#placed(event.data));
        return;
      case 'LaunchOrdered': {
        const { template: _, plan: __, ...set } = event.data;
        this.#facts.push({ type: 'LaunchAccepted', data: { ...set, at: 0 } });
        addAll(this.#running, event.data.launches);
        if (this.#running.count >= LAUNCHES_A_REPORT) this.#tellRunning();
        return;
      }
      case 'KillOrdered':
        this.#facts.push({ type: 'KillAccepted', data: { launches: event.data.launches } });
        addAll(this.#ended, event.data.launches);
        if (this.#ended.count >= LAUNCHES_A_REPORT) this.#tellEnded();
        return;
      case 'GrantReturned':
        this.#facts.push({ type: 'GrantReleased', data: { grants: event.data.grants } });
        return;
      default:
    }
  }

  #placed(request: PlacementRequest): Fact {
    const members = new MembersBuilder();
    const grants = new IdRunsBuilder();
    for (const index of numbersIn(request.indexes)) {
      this.#turn += 1;
      const volumes = request.needs.volumes.map(({ name, path, sizeMib }) => ({
        ...{ volume: `${this.#turn}.0.${name}` as VolumeId, name, path, sizeMib },
      }));
      members.add({ index, agent: 1 + (this.#turn % AGENTS), epoch: 1, ports: {}, gpuIds: [], volumes });
      grants.addId(`${this.#turn}.0` as GrantId);
    }
    const { request: id, service, generation, role, pod, needs } = request;
    const head = { request: id, service, generation, role, pod, needs };
    return { type: 'Placed', data: { ...head, ...members.members, grants: grants.runs } };
  }

  #tellRunning(): void {
    const { runs, count } = this.#running;
    if (count === 0) return;
    this.#running = new IdRunsBuilder();
    const since = Array.from({ length: count }, () => 0);
    this.#facts.push({ type: 'TasksRunning', data: { launches: runs, sinceFrom: 0, since, pids: since } });
  }

  #tellEnded(): void {
    const { runs, count } = this.#ended;
    if (count === 0) return;
    this.#ended = new IdRunsBuilder();
    this.#facts.push({
      type: 'TasksEnded',
      data: { ends: [{ launches: runs, state: 'KILLED', reason: 'killed' }] },
    });
  }
}

function addAll(builder: IdRunsBuilder, runs: ServicesEventOf<'KillOrdered'>['data']['launches']): void {
  eachIdRun(runs, (seq, first, last) => {
    for (let ordinal = first; ordinal <= last; ordinal += 1) builder.add(seq, ordinal);
  });
}
