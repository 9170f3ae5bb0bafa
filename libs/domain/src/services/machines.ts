import type { AgentId, ClusterEventOf, GrantId, ServicesEventOf } from '@orrery/contracts';
import { orderKills } from './launch.js';
import { keysByService, podsOn } from './pods.js';
import { requestPlaces } from './placement.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { keyOf, pursueOwner } from './recovery.js';
import { launchesOf, ownerKey, podKey, type LeavingRow, type PodRow, type ServiceRow } from './state.js';
import { leaveBehind } from './uninstall.js';
import { holdsData, isWanted, replacementPolicy, targetSpec } from './wanted.js';

type ReplaceCause = ServicesEventOf<'ReplaceStarted'>['data']['cause'];
type Standing = ServicesEventOf<'AgentNoted'>['data']['state'];

/** Row 13: what can't be reached may still run. Pods without data get another place, the others wait. */
export function agentUnreachable(
  proposal: Proposal,
  { agent, epoch }: ClusterEventOf<'AgentUnreachable'>['data'],
): void {
  const pods = podsOn(proposal.state, agent);
  const leaving = leavingOn(proposal, agent);
  if (pods.length === 0 && leaving.length === 0) return;
  note(proposal, agent, epoch, 'UNREACHABLE');
  for (const [name, keys] of keysByService(pods)) {
    const service = proposal.state.services.get(name)!;
    const rows = keys.map((key) => proposal.state.pods.get(key)!).filter(({ status }) => isSeated(status));
    const living = rows.filter((row) => launchesOf(row).length > 0);
    abandon(
      proposal,
      service,
      living.filter((row) => !isWanted(proposal.state, service, row)),
    );
    const wanted = rows.filter((row) => isWanted(proposal.state, service, row));
    const delay = replacementPolicy(targetSpec(proposal.state, service))['unreachable-replace-secs'] ?? 0;
    const movable = wanted.filter((row) => delay === 0 && !holdsData(row) && launchesOf(row).length > 0);
    wait(
      proposal,
      service,
      agent,
      wanted.filter((row) => delay > 0 || holdsData(row)),
    );
    replace(proposal, service, movable, 'agent-unreachable');
    pursue(proposal, name, keys);
  }
  for (const row of distinctOwners(leaving)) pursueOwner(proposal, row, []);
}

/** The agent told what it still has; what ended meanwhile is told in the facts that follow. */
export function agentReturned(
  proposal: Proposal,
  { agent, epoch, standing }: ClusterEventOf<'AgentReturned' | 'AgentRegistered'>['data'],
): void {
  const pods = podsOn(proposal.state, agent);
  const noted = proposal.state.agents.get(agent)?.state;
  const state = standing === undefined ? 'ACTIVE' : 'DRAINING';
  const changed = (noted ?? 'ACTIVE') !== state || pods.some(({ seat }) => seat!.epoch !== epoch);
  if (!changed || (noted === undefined && pods.length === 0)) return;
  note(proposal, agent, epoch, state);
  endWaiting(proposal, pods);
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
      keys.map((key) => proposal.state.pods.get(key)!),
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
}

/** A pod's time to wait for its machine is over. */
export function waitedLongEnough(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  for (const row of rows) {
    const agent = row.seat!.agent;
    // Data on a machine that may still run is given up only on an operator's word: replace --fenced, or agent gone.
    if (holdsData(row)) wait(proposal, service, agent, [row], false);
    else if (launchesOf(row).length > 0) replace(proposal, service, [row], 'agent-unreachable');
    else endRecovery(proposal, service, [row]);
  }
}

/** Another place at once; the old one stays taken until it is known to be free. */
export function replace(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[], cause: ReplaceCause): void {
  const { name, generation } = service;
  for (const [pod, group] of byPodType(rows)) {
    const indexes = group.map(({ index }) => index);
    proposal.emit({ type: 'ReplaceStarted', data: { service: name, generation, pod, indexes, cause } });
  }
  orderKills(
    proposal,
    service,
    rows.filter(({ stopReason }) => stopReason === undefined),
    'replaced',
  );
  const wishes = rows.map(({ pod, index, seat }) => ({
    row: proposal.state.pods.get(podKey(name, pod, index))!,
    avoid: [seat!.agent],
    replaces: seat!.grant,
  }));
  requestPlaces(proposal, service, wishes);
}

function isSeated(status: PodRow['status']): boolean {
  return status === 'live' || status === 'stopping';
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
    const rows = keys.map((key) => proposal.state.pods.get(key)!);
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
    const indexes = group.map(({ index }) => index);
    proposal.emit({ type: 'RecoveryEnded', data: { service: name, generation, pod, indexes } });
  }
}

/** On a machine that is gone every launch counts as over and every volume as lost, so its grants go back at once. */
function giveUp(proposal: Proposal, service: ServiceRow, agent: AgentId, rows: readonly PodRow[]): void {
  const { name, generation } = service;
  const grants = rows.map(({ seat }) => seat!.grant);
  const again = rows.filter((row) => row.status !== 'finished' && isWanted(proposal.state, service, row));
  for (const [pod, group] of byPodType(again)) {
    const indexes = group.map(({ index }) => index);
    proposal.emit({ type: 'ReplaceStarted', data: { service: name, generation, pod, indexes, cause: 'agent-gone' } });
  }
  proposal.emit({ type: 'GrantReturned', data: { service: name, generation, grants } });
  const wishes = again.map(({ pod, index }) => ({
    row: proposal.state.pods.get(podKey(name, pod, index))!,
    avoid: [agent],
  }));
  requestPlaces(proposal, service, wishes);
}

function returnLeaving(
  proposal: Proposal,
  { service, generation }: LeavingRow,
  rows: readonly (LeavingRow & { grant: GrantId })[],
): void {
  const grants = rows.filter(({ returned }) => !returned).map(({ grant }) => grant);
  if (grants.length === 0) return;
  proposal.emit({ type: 'GrantReturned', data: { service, generation, grants } });
}

function note(proposal: Proposal, agent: AgentId, epoch: number, state: Standing): void {
  proposal.emit({ type: 'AgentNoted', data: { agent, epoch, state } });
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
