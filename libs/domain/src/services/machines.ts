import {
  idRunsOf,
  numbersIn,
  rangesOf,
  type AgentId,
  type AllocationEventOf,
  type ClusterEventOf,
  type GrantId,
  type ServicesEventOf,
} from '@orrery/contracts';
import { addressOf } from './agents.js';
import { orderKills } from './launch.js';
import { keysByService, podAt, podByKey, podsAvoiding, podsOn } from './pods.js';
import { askWithoutAvoiding, requestPlaces } from './placement.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { keyOf, pursueOwner } from './recovery.js';
import { dropSizes } from './resizing.js';
import { launchesOf, ownerKey, type LeavingRow, type PodRow, type ServiceRow } from './state.js';
import { leaveBehind } from './uninstall.js';
import { holdsData, isWanted, replacementPolicy, targetSpec } from './wanted.js';

type ReplaceCause = ServicesEventOf<'ReplaceStarted'>['data']['cause'];
type Standing = ServicesEventOf<'AgentNoted'>['data']['state'];

/** Pods of one machine that one decision deals with. */
const PODS_PER_DECISION_MAX = 1000;

/** Row 13: what can't be reached may still run. Pods without data get another place, the others wait. */
export function agentUnreachable(
  proposal: Proposal,
  { agent, epoch }: Pick<ClusterEventOf<'AgentUnreachable'>['data'], 'agent' | 'epoch'>,
): void {
  const leaving = leavingOn(proposal, agent);
  const all = podsOn(proposal.state, agent);
  if (all.length === 0 && leaving.length === 0) return;
  const seated = all.filter(({ status }) => status === 'live' || status === 'stopping');
  const pods = seated.slice(0, PODS_PER_DECISION_MAX);
  note(proposal, agent, epoch, 'UNREACHABLE', seated.length > pods.length);
  for (const [name, keys] of keysByService(pods)) {
    loseSight(proposal, proposal.state.services.get(name)!, agent, keys);
    pursue(proposal, name, keys);
  }
  for (const row of distinctOwners(leaving)) pursueOwner(proposal, row, []);
}

function loseSight(proposal: Proposal, service: ServiceRow, agent: AgentId, keys: readonly string[]): void {
  const rows = keys.map((key) => podByKey(proposal.state, key)!);
  const living = rows.filter((row) => launchesOf(row).length > 0);
  const wanted = rows.filter((row) => isWanted(proposal.state, service, row));
  const delay = replacementPolicy(targetSpec(proposal.state, service))['unreachable-replace-secs'] ?? 0;
  abandon(
    proposal,
    service,
    living.filter((row) => !wanted.includes(row)),
  );
  const [waiting, movable] = split(wanted, (row) => delay > 0 || holdsData(row));
  wait(proposal, service, agent, waiting);
  replace(
    proposal,
    service,
    movable.filter((row) => launchesOf(row).length > 0),
    'agent-unreachable',
  );
}

function split<Item>(items: readonly Item[], left: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(left), items.filter((item) => !left(item))];
}

/** Sets of this journal may speak of it from now on. */
export function agentRegistered(
  proposal: Proposal,
  { agent, number, address }: ClusterEventOf<'AgentRegistered'>['data'],
): void {
  if (addressOf(proposal.state, number) === address) return;
  proposal.emit({ type: 'AgentNamed', data: { number, agent, address } });
}

/** The agent told what it still has; what ended meanwhile is told in the facts that follow. */
export function agentReturned(
  proposal: Proposal,
  { agent, epoch, standing }: ClusterEventOf<'AgentReturned'>['data'],
): void {
  const pods = podsOn(proposal.state, agent);
  const noted = proposal.state.agents.get(agent)?.state;
  const state = standing === undefined ? 'ACTIVE' : 'DRAINING';
  const changed = (noted ?? 'ACTIVE') !== state || pods.some(({ seat }) => seat!.epoch !== epoch);
  if (!changed || (noted === undefined && pods.length === 0)) {
    if (state === 'ACTIVE') stopAvoiding(proposal, agent);
    return;
  }
  note(proposal, agent, epoch, state);
  endWaiting(proposal, pods);
  if (state === 'ACTIVE') stopAvoiding(proposal, agent);
}

/** Final: nothing that ran there runs any more, and what was stored there is lost. */
export function agentGone(proposal: Proposal, { agent, epoch }: ClusterEventOf<'AgentGone'>['data']): void {
  const pods = podsOn(proposal.state, agent);
  const leaving = leavingOn(proposal, agent);
  if (pods.length === 0 && leaving.length === 0 && !proposal.state.agents.has(agent)) return;
  note(proposal, agent, epoch, 'GONE');
  for (const row of distinctOwners(leaving)) {
    const own = leaving.filter((other) => other.service === row.service && other.generation === row.generation);
    returnLeaving(proposal, row, own);
  }
  for (const [name, keys] of keysByService(pods)) {
    const service = proposal.state.services.get(name)!;
    giveUp(
      proposal,
      service,
      agent,
      keys.map((key) => podByKey(proposal.state, key)!),
    );
    pursue(proposal, name, keys);
  }
  for (const row of distinctOwners(leaving)) {
    const own = leaving.filter(
      (other) => ownerKey(other.service, other.generation) === ownerKey(row.service, row.generation),
    );
    pursueOwner(proposal, row, own.map(keyOf));
  }
}

export function agentDraining(proposal: Proposal, { agent, epoch }: ClusterEventOf<'AgentDraining'>['data']): void {
  const pods = podsOn(proposal.state, agent);
  if (pods.length === 0 || proposal.state.agents.has(agent)) return;
  note(proposal, agent, epoch, 'DRAINING');
  for (const [name, keys] of keysByService(pods)) pursue(proposal, name, keys);
}

export function agentActivated(proposal: Proposal, { agent, epoch }: ClusterEventOf<'AgentActivated'>['data']): void {
  if (proposal.state.agents.get(agent)?.state !== 'DRAINING') return;
  note(proposal, agent, epoch, 'ACTIVE');
  endWaiting(proposal, podsOn(proposal.state, agent));
  stopAvoiding(proposal, agent);
}

/** Nowhere else: better the same machine again than none, if there is nothing against it. */
export function placementPending(
  proposal: Proposal,
  { request, service: name, generation, pod, indexes }: AllocationEventOf<'PlacementPending'>['data'],
): void {
  const service = proposal.state.services.get(name);
  if (service?.generation !== generation) return;
  const rows = Array.from(numbersIn(indexes), (index) => podAt(proposal.state, name, pod, index) ?? []).flat();
  const free = (agent: AgentId) => !proposal.state.agents.has(agent);
  askWithoutAvoiding(
    proposal,
    service,
    rows.filter((row) => row.request === request && row.avoid !== undefined && row.avoid.every(free)),
  );
}

/** An agent that is back is as good as any other. */
function stopAvoiding(proposal: Proposal, agent: AgentId): void {
  const pods = podsAvoiding(proposal.state, agent);
  for (const [name, keys] of keysByService(pods)) {
    const rows = keys.map((key) => podByKey(proposal.state, key)!);
    askWithoutAvoiding(proposal, proposal.state.services.get(name)!, rows);
  }
}

/** A pod's time to wait is over: for its machine, or for its turn to be placed anew. */
export function waitedLongEnough(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  for (const row of rows) {
    if (row.seat === undefined) {
      endRecovery(proposal, service, [row]);
      continue;
    }
    const { agent } = row.seat;
    // Data on a machine that may still run is given up only on an operator's word: replace --fenced, or agent gone.
    if (holdsData(row)) wait(proposal, service, agent, [row], false);
    else if (launchesOf(row).length > 0) replace(proposal, service, [row], 'agent-unreachable');
    else endRecovery(proposal, service, [row]);
  }
}

/** Another place at once; the old one stays taken until it is known to be free. */
export function replace(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[], cause: ReplaceCause): void {
  const { name, generation } = service;
  dropSizes(proposal, service, rows);
  for (const [pod, group] of byPodType(rows)) {
    const indexes = rangesOf(group.map(({ index }) => index));
    proposal.emit({ type: 'ReplaceStarted', data: { service: name, generation, pod, indexes, cause } });
  }
  orderKills(
    proposal,
    service,
    rows.filter(({ stopReason }) => stopReason === undefined),
    'replaced',
  );
  const wishes = rows.map(({ pod, index, seat }) => ({
    row: podAt(proposal.state, name, pod, index)!,
    avoid: [seat!.agent],
    replaces: seat!.grant,
  }));
  requestPlaces(proposal, service, wishes);
}

function abandon(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  const reason = service.uninstalling ? 'uninstalled' : 'scaled-down';
  orderKills(
    proposal,
    service,
    rows.filter(({ status }) => status === 'live'),
    reason,
  );
  leaveBehind(proposal, service, rows);
}

function wait(
  proposal: Proposal,
  service: ServiceRow,
  agent: AgentId,
  rows: readonly PodRow[],
  withDeadline = true,
): void {
  const policy = replacementPolicy(targetSpec(proposal.state, service));
  const { name, generation } = service;
  for (const row of rows) {
    const { pod, index } = row;
    const secs = holdsData(row) ? policy['permanent-failure-timeout-secs'] : policy['unreachable-replace-secs'];
    const deadline =
      !withDeadline || secs === undefined ? {} : { until: proposal.context.at + Math.round(secs * 1000) };
    proposal.emit({ type: 'RecoveryWaiting', data: { service: name, generation, pod, index, agent, ...deadline } });
  }
}

function endWaiting(proposal: Proposal, pods: readonly PodRow[]): void {
  for (const [name, keys] of keysByService(pods)) {
    const service = proposal.state.services.get(name)!;
    const rows = keys.map((key) => podByKey(proposal.state, key)!);
    endRecovery(
      proposal,
      service,
      rows.filter(({ status }) => status === 'waiting'),
    );
    pursue(proposal, name, keys);
  }
}

function endRecovery(proposal: Proposal, { name, generation }: ServiceRow, rows: readonly PodRow[]): void {
  for (const [pod, group] of byPodType(rows)) {
    const indexes = rangesOf(group.map(({ index }) => index));
    proposal.emit({ type: 'RecoveryEnded', data: { service: name, generation, pod, indexes } });
  }
}

/** On a machine that is gone every launch counts as over and every volume as lost, so its grants go back at once. */
function giveUp(proposal: Proposal, service: ServiceRow, agent: AgentId, rows: readonly PodRow[]): void {
  const { name, generation } = service;
  dropSizes(proposal, service, rows);
  const grants = idRunsOf(rows.map(({ seat }) => seat!.grant));
  const again = rows.filter((row) => row.status !== 'finished' && isWanted(proposal.state, service, row));
  const delaySecs = replacementPolicy(targetSpec(proposal.state, service))['min-replace-delay-secs'] ?? 0;
  const [paced, free] = split(again, (row) => delaySecs > 0 && row.seat!.volumes.length > 0);
  for (const [pod, group] of byPodType(free)) {
    const indexes = rangesOf(group.map(({ index }) => index));
    proposal.emit({ type: 'ReplaceStarted', data: { service: name, generation, pod, indexes, cause: 'agent-gone' } });
  }
  for (const { pod, index } of paced) replaceInTurn(proposal, name, pod, index, delaySecs);
  proposal.emit({ type: 'GrantReturned', data: { service: name, generation, grants } });
  const due = again
    .map(({ pod, index }) => podAt(proposal.state, name, pod, index)!)
    .filter(({ until }) => (until ?? 0) <= proposal.context.at);
  requestPlaces(
    proposal,
    service,
    due.map((row) => ({ row, avoid: [agent] })),
  );
}

/** One pod with data after the other gets a new place, so that each can fetch its data from those that are left. */
function replaceInTurn(proposal: Proposal, name: string, pod: string, index: number, delaySecs: number): void {
  const { name: service, generation, replacedAt } = proposal.state.services.get(name)!;
  const { at } = proposal.context;
  const from = replacedAt === undefined ? at : Math.max(at, replacedAt + Math.round(delaySecs * 1000));
  proposal.emit({
    type: 'ReplaceStarted',
    data: { service, generation, pod, indexes: [[index, index]], cause: 'agent-gone', from },
  });
}

function returnLeaving(
  proposal: Proposal,
  { service, generation }: LeavingRow,
  rows: readonly (LeavingRow & { grant: GrantId })[],
): void {
  const grants = rows.filter(({ returned }) => !returned).map(({ grant }) => grant);
  if (grants.length === 0) return;
  proposal.emit({ type: 'GrantReturned', data: { service, generation, grants: idRunsOf(grants) } });
}

function note(proposal: Proposal, agent: AgentId, epoch: number, state: Standing, more = false): void {
  proposal.emit({ type: 'AgentNoted', data: { agent, epoch, state, ...(more ? { more } : {}) } });
}

function leavingOn(proposal: Proposal, agent: AgentId): (LeavingRow & { grant: GrantId })[] {
  return Array.from(proposal.state.leaving.by('agent', agent), ([grant, row]) => ({ ...row, grant: grant as GrantId }));
}

function distinctOwners<Row extends LeavingRow>(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [ownerKey(row.service, row.generation), row])).values()];
}

function byPodType(rows: readonly PodRow[]): Map<string, PodRow[]> {
  const types = new Map<string, PodRow[]>();
  for (const row of rows) types.set(row.pod, [...(types.get(row.pod) ?? []), row]);
  return types;
}
