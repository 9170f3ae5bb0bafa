import type { AgentFacts, AgentReport, ClusterEvent, InventoryItem, LaunchId } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import { drainedAfter, nameOf } from './agents.js';
import { Draft } from './draft.js';
import { Findings, type Sighting } from './findings.js';
import { lapseDropped } from './lapses.js';
import { noted } from './reports.js';
import type { AgentRow, ClusterState } from './state.js';
import { syncOf } from './syncs.js';

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
  const stale = report.m < agent.reported || (report.epoch !== 0 && report.epoch !== agent.epoch);
  return stale ? accept() : compare(report, state, agent);
}

function register(report: Inventory, state: ClusterState, before: AgentRow | undefined): Decision<ClusterEvent> {
  const draft = new Draft(state);
  draft.restartOrders(report.agent);
  // Above whatever the agent remembers, even if it was of another journal.
  const epoch = Math.max(before?.epoch ?? 0, report.epoch) + 1;
  const standing = standingOf(before);
  const now = { agent: report.agent, epoch, standing: before?.standing ?? 'ACTIVE' } as const;
  draft.add({
    type: 'AgentRegistered',
    data: { agent: report.agent, epoch, session: report.session, ...factsOf(report), ...standing },
  });
  return answer(draft, report, { ...now, m: 0, reason: 'registered' });
}

function compare(report: Inventory, state: ClusterState, agent: AgentRow): Decision<ClusterEvent> {
  const draft = new Draft(state);
  if (!agent.reachable) draft.add({ type: 'AgentReturned', data: { ...nameOf(agent), ...standingOf(agent) } });
  else if (agent.lapseHeld) draft.add(lapseDropped(agent));
  const { epoch, standing } = agent;
  return answer(draft, report, { agent: agent.agent, epoch, standing, m: report.m, reason: 'inventory' });
}

interface Answer extends Pick<AgentRow, 'agent' | 'epoch' | 'standing'> {
  /** Number of the last report that the inventory covers. */
  readonly m: number;
  readonly reason: string;
}

function answer(draft: Draft, report: Inventory, now: Answer): Decision<ClusterEvent> {
  const { state } = draft;
  const { findings, more } = differences(report, state);
  const found = findings.events(now.epoch, now.m, 'not-on-agent');
  draft.add(...found);
  if (now.m > 0 && !found.some(({ data }) => 'm' in data)) draft.add(noted(now, now.m));
  draft.add(...drainedAfter(state, now, findings.ends));
  const volumes = goneVolumes(report, state);
  if (volumes.length > 0) draft.add({ type: 'VolumesGone', data: { agent: now.agent, epoch: now.epoch, volumes } });
  return draft.add(syncOf(now, draft.nextOrder(now.agent), now.reason, more)).accept();
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
  const findings = new Findings(state, report.agent);
  let unproven = false;
  for (const [launch, row] of state.launches.by('liveOn', report.agent)) {
    if (findings.count >= DIFFERENCES_MAX) return { findings, more: true };
    const item = items.get(launch);
    if (item !== undefined) findings.see(sightingOf(item));
    else if (row.phase !== 'STAGING') findings.miss(launch);
    else if (row.unwanted && obeyedAll) findings.see({ launch, phase: 'KILLED', reason: 'never-started' });
    else if (row.unwanted) unproven = true;
  }
  return { findings, more: unproven };
}

function hasObeyedAll(report: Inventory, state: ClusterState): boolean {
  const agent = state.agents.get(report.agent);
  return agent?.session === report.session && agent.epoch === report.epoch && report.obeyed >= agent.ordered;
}

function goneVolumes(report: Inventory, state: ClusterState) {
  const there = new Set(report.volumes);
  return [...state.volumes.keysBy('agent', report.agent)].filter((volume) => !there.has(volume));
}

/** A machine that was declared gone comes back: it kills all and joins under a new id. Told once a process. */
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

function factsOf({ hostname, address, capacity, attributes, faultDomain }: AgentFacts): AgentFacts {
  return { hostname, address, capacity, attributes, faultDomain };
}

function sightingOf({ state, ...item }: InventoryItem): Sighting {
  return { ...item, phase: state === 'ORDERED' ? 'STARTING' : state };
}
