import {
  IdRunsBuilder,
  ordinalOf,
  seqOf,
  type AgentFacts,
  type AgentReport,
  type ClusterEvent,
  type InventoryItem,
  type LaunchId,
  type TaskEnds,
} from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import { drainedAfter, nameOf } from './agents.js';
import { canAdvance } from './evolve-launches.js';
import { launchesOnAgent } from './find.js';
import { Findings } from './findings.js';
import { lapseDropped } from './lapses.js';
import { noted } from './reports.js';
import type { AgentRow, ClusterState, LaunchRow } from './state.js';
import { firstSync, syncOf } from './syncs.js';

type Inventory = Extract<AgentReport, { type: 'Inventory' }>;

/** Differences that one decision takes; an agent with more of them is asked for its inventory again. */
const DIFFERENCES_MAX = 1000;

/**
 * Rows 16 and 17: an inventory comes at the start of a process (a registration) or because it was asked for (the same
 * registration). Each one is answered with a Sync, which also tells a new process its epoch.
 */
export function decideInventory(report: Inventory, state: ClusterState): Decision<ClusterEvent> {
  const agent = state.agents.get(report.agent);
  if (agent === undefined) return register(report, state, undefined);
  if (agent.standing === 'GONE') return standDown(report, agent);
  if (agent.session !== report.session) {
    // Of a process that a later registration replaced: the relay told it to stand down then.
    return agent.pastSessions.includes(report.session) ? accept() : register(report, state, agent);
  }
  const stale =
    report.m < state.counters.reported(agent.number) || (report.epoch !== 0 && report.epoch !== agent.epoch);
  return stale ? accept() : compare(report, state, agent);
}

function register(report: Inventory, state: ClusterState, before: AgentRow | undefined): Decision<ClusterEvent> {
  // Above whatever the agent remembers, even if it was of another journal.
  const epoch = Math.max(before?.epoch ?? 0, report.epoch) + 1;
  const number = before?.number ?? state.agents.nextNumber;
  const now = { agent: report.agent, number, epoch, standing: before?.standing ?? 'ACTIVE' } as const;
  const { events, more } = answer(report, state, { ...now, m: 0 });
  return accept<ClusterEvent>(
    {
      type: 'AgentRegistered',
      data: { agent: report.agent, number, epoch, session: report.session, ...factsOf(report), ...standingOf(before) },
    },
    ...events,
    firstSync(report.agent, epoch, more),
  );
}

function compare(report: Inventory, state: ClusterState, agent: AgentRow): Decision<ClusterEvent> {
  const back: ClusterEvent[] = [];
  if (!agent.reachable) back.push({ type: 'AgentReturned', data: { ...nameOf(agent), ...standingOf(agent) } });
  else if (agent.lapseHeld) back.push(lapseDropped(agent));
  const { events, more } = answer(report, state, { ...agent, m: report.m });
  return accept(...back, ...events, syncOf(state, agent, 'inventory', more));
}

interface Now extends Pick<AgentRow, 'agent' | 'number' | 'epoch' | 'standing'> {
  /** Number of the last report that the inventory covers. */
  readonly m: number;
}

/** What the inventory changes, and whether there is more than this. */
function answer(report: Inventory, state: ClusterState, now: Now): { events: ClusterEvent[]; more: boolean } {
  const { findings, more } = differences(report, state);
  const events = findings.events(now.agent, now.epoch, now.m, 'not-on-agent');
  if (now.m > 0 && !events.some(({ data }) => 'm' in data)) events.push(noted(now, now.m));
  events.push(...drainedAfter(state, now, findings.ends));
  const volumes = goneVolumes(report, state);
  if (volumes.length > 0) events.push({ type: 'VolumesGone', data: { ...nameOf(now), volumes } });
  return { events, more };
}

/**
 * Launches that the state holds as living on the agent, against what the agent has. What it has beyond them is killed or
 * forgotten by the Sync. What it never heard of starts by the Sync, since a launch id runs at most once there. What is
 * neither wanted nor there could still be on its way: only the inventory of an agent that obeyed everything proves that it
 * never started.
 */
function differences(report: Inventory, state: ClusterState): { findings: Findings; more: boolean } {
  const items = new Map<LaunchId, InventoryItem>(report.launches.map((item) => [item.launch, item]));
  const obeyedAll = hasObeyedAll(report, state);
  const found = new Differences();
  let unproven = false;
  for (const row of launchesOnAgent(state, report.agent)) {
    if (found.count >= DIFFERENCES_MAX) return { findings: found.findings(), more: true };
    const item = items.get(row.launch);
    if (item !== undefined) found.see(row, item);
    else if (row.phase !== 'STAGING') found.miss(row);
    else if (row.unwanted && obeyedAll) found.end(row, { state: 'KILLED', reason: 'never-started' });
    else if (row.unwanted) unproven = true;
  }
  return { findings: found.findings(), more: unproven };
}

/** What an inventory says of single launches, gathered into sets. */
class Differences {
  readonly #findings = new Findings();
  readonly #starting = new IdRunsBuilder();
  readonly #running = { launches: new IdRunsBuilder(), since: [] as number[], pids: [] as number[] };
  readonly #ready = new IdRunsBuilder();
  readonly #unready = new IdRunsBuilder();
  readonly #ended = new Map<string, { readonly end: Omit<TaskEnds, 'launches'>; readonly launches: IdRunsBuilder }>();
  count = 0;

  see(row: LaunchRow, { state, since = 0, pid = 0, ready, ...item }: InventoryItem): void {
    if (state !== 'ORDERED' && state !== 'RUNNING') {
      const { reason = 'unknown', exit, message } = item;
      const more = { ...(exit === undefined ? {} : { exit }), ...(message === undefined ? {} : { message }) };
      return this.end(row, { state, reason, ...more });
    }
    if (state === 'ORDERED' && canAdvance(row.phase, 'STARTING')) this.#add(this.#starting, row);
    if (state === 'RUNNING' && canAdvance(row.phase, 'RUNNING')) {
      this.#add(this.#running.launches, row);
      this.#running.since.push(since);
      this.#running.pids.push(pid);
    }
    if (ready !== undefined && ready !== row.ready) this.#add(ready ? this.#ready : this.#unready, row);
  }

  end(row: LaunchRow, end: Omit<TaskEnds, 'launches'>): void {
    const key = JSON.stringify([end.state, end.reason, end.exit, end.message]);
    let alike = this.#ended.get(key);
    if (alike === undefined) this.#ended.set(key, (alike = { end, launches: new IdRunsBuilder() }));
    this.#add(alike.launches, row);
  }

  miss({ launch }: LaunchRow): void {
    this.#findings.lost(seqOf(launch), ordinalOf(launch));
    this.count += 1;
  }

  findings(): Findings {
    const { launches, since, pids } = this.#running;
    this.#findings.starting(this.#starting.runs);
    const sinceFrom = Math.min(...since);
    this.#findings.running({ launches: launches.runs, sinceFrom, since: since.map((at) => at - sinceFrom), pids });
    this.#findings.readiness(this.#ready.runs, true);
    this.#findings.readiness(this.#unready.runs, false);
    for (const { end, launches: ended } of this.#ended.values()) {
      this.#findings.ended({ launches: ended.runs, ...end });
    }
    return this.#findings;
  }

  #add(launches: IdRunsBuilder, { launch }: LaunchRow): void {
    launches.addId(launch);
    this.count += 1;
  }
}

function hasObeyedAll(report: Inventory, state: ClusterState): boolean {
  const agent = state.agents.get(report.agent);
  return (
    agent?.session === report.session &&
    agent.epoch === report.epoch &&
    report.obeyed >= state.counters.ordered(agent.number)
  );
}

function goneVolumes(report: Inventory, state: ClusterState) {
  const there = new Set(report.volumes);
  return [...state.volumes.keysBy('agent', report.agent)].filter((volume) => !there.has(volume));
}

/** A machine that was declared gone comes back: it kills all and joins under a new id. Told once a session. */
function standDown(report: Inventory, agent: AgentRow): Decision<ClusterEvent> {
  if (agent.session === report.session) return accept();
  return accept({
    type: 'StandDownOrdered',
    data: { agent: report.agent, session: report.session, reason: 'agent-gone' },
  });
}

function standingOf(agent: AgentRow | undefined): { readonly standing?: 'DRAINING' | 'DRAINED' } {
  return agent?.standing === 'DRAINING' || agent?.standing === 'DRAINED' ? { standing: agent.standing } : {};
}

function factsOf({ hostname, address, capacity, attributes, faultDomain, reservations }: AgentFacts): AgentFacts {
  const reserved = reservations === undefined ? {} : { reservations };
  return { hostname, address, capacity, attributes, faultDomain, ...reserved };
}
