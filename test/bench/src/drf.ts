import {
  rangesOf,
  type AgentId,
  type AllocationEvent,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
  countIn,
} from '@orrery/contracts';
import { allocation, allocationViolations, type AllocationState } from '@orrery/domain';
import type { DecisionContext } from '@orrery/kernel';
import type { BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { figuresOf } from './statistics.js';

const AGENTS = 10_000;
const ROLES = 1_000;
const ORGANISATIONS = 50;
const RUNS = 5;
/** More than there is: what is shared is all of it. */
const PODS_A_ROLE = 120;

/** Four sizes of machines and five kinds of pods, so that no resource alone decides. */
const machines = [
  { cpusMilli: 8_000, memoryMib: 32_768 },
  { cpusMilli: 16_000, memoryMib: 65_536 },
  { cpusMilli: 32_000, memoryMib: 65_536 },
  { cpusMilli: 16_000, memoryMib: 131_072 },
];
const pods = [
  { cpusMilli: 2_000, memoryMib: 4_096 },
  { cpusMilli: 4_000, memoryMib: 4_096 },
  { cpusMilli: 1_000, memoryMib: 8_192 },
  { cpusMilli: 500, memoryMib: 4_096 },
  { cpusMilli: 3_000, memoryMib: 16_384 },
];

/**
 * One round of the allocator, decided and folded in memory on one core: 1,000 roles of 50 organisations with weights all
 * want more than their part of 10,000 empty agents, and get it turn by turn until nobody's next pod fits.
 */
export async function drf({ runs: count = RUNS }: BenchmarkOptions): Promise<BenchmarkResult> {
  const runs = Array.from({ length: count }, () => round());
  const { metrics, spread } = figuresOf({
    round_s: runs.map(({ roundS }) => roundS),
    round_cpu_s: runs.map(({ processorS }) => processorS),
  });
  const { placed, decisions, worstLag } = runs[0]!;
  return {
    name: 'drf',
    durability: 'in memory: decisions and their fold, no log',
    settings: { agents: AGENTS, roles: ROLES, organisations: ORGANISATIONS, wanted: ROLES * PODS_A_ROLE },
    metrics: { ...metrics, placed, decisions, worst_lag_percent: worstLag },
    spread,
  };
}

interface RoundResult {
  readonly roundS: number;
  /** Of all threads, those that collect garbage included: says the same on a busy machine. */
  readonly processorS: number;
  readonly placed: number;
  readonly decisions: number;
  readonly worstLag: number;
}

function round(): RoundResult {
  const state = allocation.initialState();
  for (let agent = 1; agent <= AGENTS; agent += 1) allocation.evolve(state, opened(agent));
  for (let role = 0; role < ROLES; role += 1) {
    allocation.evolve(state, { type: 'RoleSet', data: { role: nameOf(role), weight: 1 + (role % 2) } });
    allocation.evolve(state, { type: 'RequestQueued', data: wishOf(role) });
  }
  let placed = 0;
  let decisions = 0;
  const startedAt = performance.now();
  const used = process.cpuUsage();
  while (allocation.continues!(state)) {
    decisions += 1;
    const decision = allocation.decide(
      { kind: 'internal', internal: { type: 'continue' } },
      state,
      contextOf(decisions),
    );
    if (!decision.accepted) throw new Error(decision.refusal.message);
    for (const event of decision.events) {
      allocation.evolve(state, event);
      if (event.type === 'Placed') placed += countIn(event.data.indexes);
    }
  }
  const roundS = Math.round(performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(used);
  const processorS = Math.round((user + system) / 1000) / 1000;
  const violations = allocationViolations(state);
  if (violations.length > 0) throw new Error(violations.join('\n'));
  return { roundS, processorS, placed, decisions, worstLag: lagOf(state) };
}

/** How far the role that has least is behind the middle one, among those of one weight that still want. */
function lagOf(state: AllocationState): number {
  const { capacity } = state.ledger.get('all')!;
  const shares = Array.from(state.requests.entries(), ([, { role }]) => state.roles.get(role)!)
    .filter(({ weight }) => weight === 1)
    .map(({ used }) => Math.max(used.cpusMilli / capacity.cpusMilli, used.memoryMib / capacity.memoryMib))
    .sort((left, right) => left - right);
  const [least, middle] = [shares[0], shares[shares.length >> 1]];
  return least === undefined || middle === undefined ? 0 : Math.round((1 - least / middle) * 1000) / 10;
}

function opened(number: number): AllocationEvent {
  const machine = machines[number % machines.length]!;
  return {
    type: 'AgentOpened',
    data: {
      agent: `agent-${number}` as AgentId,
      number,
      epoch: 1,
      hostname: `host-${number}`,
      capacity: { ...machine, diskMib: 1_000_000, gpuIds: [], ports: [] },
      attributes: {},
      faultDomain: { region: 'eu', zone: `z${number % 3}` },
    },
  };
}

function wishOf(role: number): PlacementRequest {
  return {
    request: `1.${role}` as RequestId,
    service: `service-${role}` as ServiceName,
    generation: 1,
    role: nameOf(role),
    pod: 'web',
    indexes: rangesOf(Array.from({ length: PODS_A_ROLE }, (_, index) => index)),
    needs: { ...pods[role % pods.length]!, diskMib: 100, gpus: 0, ports: [], volumes: [] },
    constraints: [],
    policy: 'pack',
    attempt: 1,
    avoid: [],
    replaces: [],
  };
}

function nameOf(role: number): RoleName {
  return `organisation-${role % ORGANISATIONS}/team-${Math.floor(role / ORGANISATIONS)}` as RoleName;
}

function contextOf(seq: number): DecisionContext {
  let ordinal = 0;
  return {
    at: 0,
    seed: 1,
    seq,
    nextId: () => `${seq}.${ordinal++}`,
    nextIds: (count) => (ordinal += count) - count,
  };
}
