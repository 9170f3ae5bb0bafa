import { accept, reject, type Decision } from '@orrery/kernel';
import { idRunsOf, type ServicesCommand, type ServicesEvent } from '@orrery/contracts';
import { beingUninstalled, unknownPod, unknownService } from './commands.js';
import { indexOfStep } from './evolve-plans.js';
import { orderKills } from './launch.js';
import { replace } from './machines.js';
import { podAt } from './pods.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { launchesOf, podKey, type PodRow, type ServiceRow } from './state.js';
import { holdsData, targetSpec } from './wanted.js';

type Body<Type extends ServicesCommand['type']> = Extract<ServicesCommand, { type: Type }>['body'];
type Answer = Decision<ServicesEvent>;

/** In place: same grant, next incarnation. A pod that waits for its next try starts at once. */
export function restartPod(proposal: Proposal, body: Body<'RestartPod'>): Answer {
  const found = findPod(proposal, body);
  if ('accepted' in found) return found;
  const { service, row } = found;
  switch (row.status) {
    case 'waiting':
      return stayThere(proposal, service, row);
    case 'placing':
      return podState(row, 'has no place yet', 'orrery task why says what it waits for');
    case 'finished':
      return podState(row, 'has done its work', 'orrery service apply with a change, or plan force-restart');
    case 'stopping':
      return launchesOf(row).length > 0 ? accept() : startNow(proposal, service, row);
    case 'live':
      if (launchesOf(row).length === 0) return startNow(proposal, service, row);
      orderKills(proposal, service, [row], 'restarted');
      return accept(...proposal.events);
  }
}

/** The machine is away: no other place by itself, however long it takes, and a restart as soon as it is back. */
function stayThere(proposal: Proposal, service: ServiceRow, row: PodRow): Answer {
  const { name, generation } = service;
  const { pod, index, seat } = row;
  if (row.until !== undefined) {
    proposal.emit({ type: 'RecoveryWaiting', data: { service: name, generation, pod, index, agent: seat!.agent } });
  }
  if (row.stopReason === undefined) orderKills(proposal, service, [row], 'restarted');
  return accept(...proposal.events);
}

/** Its turn to get another place is now, whatever `min-replace-delay-secs` says. */
function placeNow(proposal: Proposal, { name, generation }: ServiceRow, { pod, index }: PodRow): Answer {
  proposal.emit({ type: 'RecoveryEnded', data: { service: name, generation, pod, indexes: [[index, index]] } });
  pursue(proposal, name, [podKey(name, pod, index)]);
  return accept(...proposal.events);
}

/** Another place; what its volumes hold stays behind. Where the old machine can't be asked, the operator answers for it. */
export function replacePod(proposal: Proposal, body: Body<'ReplacePod'>): Answer {
  const found = findPod(proposal, body);
  if ('accepted' in found) return found;
  const { service, row } = found;
  const key = podKey(row.service, row.pod, row.index);
  if (row.seat === undefined) {
    return row.until === undefined
      ? podState(row, 'has no place yet', 'orrery task why says what it waits for')
      : placeNow(proposal, service, row);
  }
  const lost = proposal.state.agents.get(row.seat.agent)?.state === 'UNREACHABLE';
  if (lost && holdsData(row) && body.fenced !== true) {
    return agentUnreachable(row, 'orrery agent gone, or --fenced when you know that the machine is off');
  }
  if (lost || launchesOf(row).length === 0) {
    replace(proposal, service, [row], 'operator');
    returnIfOver(proposal, service, row);
  } else orderKills(proposal, service, [row], 'replaced');
  pursue(proposal, service.name, [key]);
  return accept(...proposal.events);
}

export function startNow(proposal: Proposal, service: ServiceRow, row: PodRow): Answer {
  const { name, generation } = service;
  const { pod, index } = row;
  for (const [task, { status, failures }] of Object.entries(row.tasks)) {
    if (status !== 'idle') continue;
    const until = proposal.context.at;
    proposal.emit({
      type: 'RetryScheduled',
      data: { service: name, generation, pod, index, task, until, failures, wholePod: row.until !== undefined },
    });
  }
  pursue(proposal, name, [podKey(name, pod, index)]);
  return accept(...proposal.events);
}

/** With no launch left there, the old grant needs no waiting. */
function returnIfOver(proposal: Proposal, { name, generation }: ServiceRow, row: PodRow): void {
  if (launchesOf(row).length > 0) return;
  proposal.emit({ type: 'GrantReturned', data: { service: name, generation, grants: idRunsOf([row.seat!.grant]) } });
}

export function findPod(
  proposal: Proposal,
  body: { readonly name: string; readonly pod: string },
): { readonly service: ServiceRow; readonly row: PodRow } | Decision<never> {
  const service = proposal.state.services.get(body.name);
  if (service === undefined) return unknownService(body.name);
  if (service.uninstalling) return beingUninstalled(body.name);
  const index = indexOfStep(body.pod);
  const type = body.pod.slice(0, body.pod.lastIndexOf('-'));
  const row = podAt(proposal.state, body.name, type, index);
  return row === undefined ? unknownPod(body.name, body.pod, targetSpec(proposal.state, service)) : { service, row };
}

function agentUnreachable(row: PodRow, remedy: string): Decision<never> {
  const message = `${row.pod}-${row.index} is on ${row.seat!.agent}, which can't be reached`;
  return reject('agent-unreachable', message, { field: '/pod', remedy });
}

export function podState(row: PodRow, message: string, remedy: string): Decision<never> {
  return reject('plan-state', `${row.pod}-${row.index} ${message}`, { field: '/pod', remedy });
}
