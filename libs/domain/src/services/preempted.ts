import {
  idRunsOf,
  idsIn,
  isOfScheduler,
  rangesOf,
  type AllocationEventOf,
  type GrantId,
  type Preemptor,
  type Victims,
} from '@orrery/contracts';
import { orderKills } from './launch.js';
import { requestPlaces } from './placement.js';
import { podAt, podOfGrant } from './pods.js';
import type { Proposal } from './proposal.js';
import { launchesOf, type PodRow, type ServiceRow } from './state.js';
import { isWanted } from './wanted.js';

/**
 * The allocator wants these places back for somebody more important. Their pods are ended with their grace, return the
 * places when they are over, and ask for others, like pods of a machine that is drained. Who is on his way out already goes
 * as he would have gone.
 */
export function preemptionOrdered(
  proposal: Proposal,
  { for: by, victims }: AllocationEventOf<'PreemptionOrdered'>['data'],
): void {
  for (const kind of victims) {
    const service = proposal.state.services.get(kind.service);
    // What schedulers of others hold they are to return themselves.
    if (isOfScheduler(kind.service) || service?.generation !== kind.generation) continue;
    makeWay(proposal, service, kind, by);
  }
}

function makeWay(proposal: Proposal, service: ServiceRow, { pod, grants }: Victims, by: Preemptor): void {
  const rows = [...idsIn<GrantId>(grants)].flatMap((grant) => podOfGrant(proposal.state, grant) ?? []);
  const going = rows.filter((row) => isWanted(proposal.state, service, row) && wouldStay(row));
  orderKills(
    proposal,
    service,
    going.filter((row) => launchesOf(row).length > 0),
    'preempted',
    by,
  );
  const idle = going.filter((row) => launchesOf(row).length === 0);
  if (idle.length > 0) leaveAtOnce(proposal, service, pod, idle, by);
}

/** A pod that is restarted keeps its place; one that is taken down, moved or preempted does not. */
function wouldStay({ status, stopReason, preemptedBy, seat }: PodRow): boolean {
  if (seat === undefined || preemptedBy !== undefined) return false;
  return status === 'live' || (status === 'stopping' && (stopReason === 'restarted' || stopReason === 'updated'));
}

/** Nothing of it runs: there is nothing to wait for. */
function leaveAtOnce(
  proposal: Proposal,
  service: ServiceRow,
  pod: string,
  rows: readonly PodRow[],
  by: Preemptor,
): void {
  const ref = { service: service.name, generation: service.generation };
  const indexes = rangesOf(rows.map(({ index }) => index));
  proposal.emit({ type: 'ReplaceStarted', data: { ...ref, pod, indexes, cause: 'preempted', by } });
  proposal.emit({ type: 'GrantReturned', data: { ...ref, grants: idRunsOf(rows.map(({ seat }) => seat!.grant)) } });
  requestPlaces(
    proposal,
    service,
    rows.map(({ index }) => ({ row: podAt(proposal.state, service.name, pod, index)!, avoid: [] })),
  );
}
