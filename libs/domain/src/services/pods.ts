import { ordinalOf, seqOf, type AgentId, type GrantId, type LaunchId, type Ranges } from '@orrery/contracts';
import { numberOf } from './agents.js';
import {
  breakOut,
  memberOf,
  positionIn,
  stretchOfGrant,
  stretchOfLaunch,
  putRun,
  runAt,
  runsOf,
  spansIn,
  type Span,
} from './run-rows.js';
import { CodesDraft } from './codes.js';
import { counted, GONE, isPod, memberAt, RUN_LENGTH_MAX, type RunRow } from './runs.js';

import { podKey, tallyKey, type LeavingRow, type PhaseRow, type PodRow, type ServicesRows } from './state.js';
import { dropRow, fileRow, replaceRow, tallyOf } from './tallies.js';

/**
 * The only way to the rows of pods. One that is a member of a run is shown as the row that it would be; whoever changes it by
 * itself breaks it out.
 */
export function podAt(rows: ServicesRows, service: string, pod: string, index: number): PodRow | undefined {
  const row = rows.pods.get(podKey(service, pod, index));
  if (row !== undefined) return row;
  const span = runAt(rows, service, pod, index);
  return span === undefined ? undefined : memberOf(rows, span.run, span.from);
}

export function podByKey(rows: ServicesRows, key: string): PodRow | undefined {
  const row = rows.pods.get(key);
  if (row !== undefined) return row;
  const [service, pod, index] = key.split('/') as [string, string, string];
  return podAt(rows, service, pod, Number(index));
}

export function podOfLaunch(rows: ServicesRows, launch: LaunchId): PodRow | undefined {
  const row = rows.pods.firstBy('launch', launch);
  if (row !== undefined) return row;
  const found = stretchOfLaunch(rows, seqOf(launch), ordinalOf(launch));
  const member = found === undefined ? undefined : memberOf(rows, found.run, positionIn(found, ordinalOf(launch)));
  return member?.tasks[found!.task]?.launch === launch ? member : undefined;
}

export function podOfGrant(rows: ServicesRows, grant: GrantId): PodRow | undefined {
  const row = rows.pods.firstBy('grant', grant);
  if (row !== undefined) return row;
  const found = stretchOfGrant(rows, seqOf(grant), ordinalOf(grant));
  return found === undefined ? undefined : memberOf(rows, found.run, positionIn(found, ordinalOf(grant)));
}

/** Of one service, where it is named. */
export function podsOn(rows: ServicesRows, agent: AgentId, service?: string): PodRow[] {
  const found: PodRow[] = [];
  for (const [, row] of rows.pods.by('agent', agent)) {
    if (service === undefined || row.service === service) found.push(row);
  }
  for (const { run, from } of membersOn(rows, agent, service)) found.push(memberOf(rows, run, from)!);
  return found;
}

/** Members of runs that hold a place on an agent. Looks through columns: agents are lost or drained one by one, pods start by thousands. */
export function membersOn(rows: ServicesRows, agent: AgentId, service?: string): Span[] {
  const number = numberOf(rows, agent);
  const spans: Span[] = [];
  if (number === undefined) return spans;
  for (const [key, run] of service === undefined ? rows.runs.entries() : runsOf(rows, service)) {
    for (let at = run.agents.indexOf(number); at >= 0; at = run.agents.indexOf(number, at + 1)) {
      if (isPod(memberAt(run, at))) spans.push({ key, run, from: at, to: at });
    }
  }
  return spans;
}

/** The grant on which a former life of this pod may still run. */
export function predecessorOf(rows: ServicesRows, { service, pod, index }: PodRow): GrantId | undefined {
  const generation = rows.services.get(service)?.generation;
  for (const [grant, row] of rows.leaving.by('pod', podKey(service, pod, index))) {
    if (row.generation === generation) return grant as GrantId;
  }
  return undefined;
}

/** Pods whose open request leaves this agent out. */
export function podsAvoiding(rows: ServicesRows, agent: AgentId): PodRow[] {
  return Array.from(rows.pods.by('avoid', agent), ([, row]) => row);
}

export function leavingOfLaunch(rows: ServicesRows, launch: LaunchId): [GrantId, LeavingRow] | undefined {
  for (const [grant, row] of rows.leaving.by('launch', launch)) return [grant as GrantId, row];
  return undefined;
}

/** Pods of one type in the order of their indexes, from one on. */
export function* podsOf(rows: ServicesRows, service: string, pod: string, from = 0): IterableIterator<PodRow> {
  const diverged = rowsOf(rows, service, pod, from);
  let row = diverged.next();
  for (const [, run] of runsOf(rows, service, pod)) {
    for (let at = Math.max(0, from - run.first); at < run.length; at += 1) {
      if (!isPod(memberAt(run, at))) continue;
      for (; row.done !== true && row.value.index < run.first + at; row = diverged.next()) yield row.value;
      yield memberOf(rows, run, at)!;
    }
  }
  for (; row.done !== true; row = diverged.next()) yield row.value;
}

/** Pods of one type that are rows, in the order of their indexes. */
export function* rowsOf(rows: ServicesRows, service: string, pod: string, from = 0): IterableIterator<PodRow> {
  for (const [, row] of rows.pods.entries(podKey(service, pod, from))) {
    if (row.service !== service || row.pod !== pod) return;
    yield row;
  }
}

/** Pods of these indexes that are rows. */
export function rowsIn(rows: ServicesRows, service: string, pod: string, ranges: Ranges): PodRow[] {
  const found: PodRow[] = [];
  for (const [first, last] of ranges) {
    if (first === last) {
      const row = rows.pods.get(podKey(service, pod, first));
      if (row !== undefined) found.push(row);
      continue;
    }
    for (const [, row] of rows.pods.entries(podKey(service, pod, first))) {
      if (row.service !== service || row.pod !== pod || row.index > last) break;
      found.push(row);
    }
  }
  return found;
}

export function keyOfPod({ service, pod, index }: Pick<PodRow, 'service' | 'pod' | 'index'>): string {
  return podKey(service, pod, index);
}

/** Keys of pods by their service, both in the order of their coming. */
export function keysByService(pods: Iterable<PodRow>): Map<string, string[]> {
  const filed = new Map<string, Set<string>>();
  for (const row of pods) {
    const keys = filed.get(row.service) ?? new Set();
    filed.set(row.service, keys.add(keyOfPod(row)));
  }
  return new Map(Array.from(filed, ([service, keys]) => [service, [...keys]]));
}

export function putPod(rows: ServicesRows, row: PodRow): void {
  const key = keyOfPod(row);
  const before = rows.pods.get(key);
  if (before !== undefined) return replaceRow(rows, key, before, row);
  breakOut(rows, row.service, row.pod, row.index);
  fileRow(rows, row);
}

export function deletePod(rows: ServicesRows, row: PodRow): void {
  if (!rows.pods.has(keyOfPod(row))) breakOut(rows, row.service, row.pod, row.index);
  dropRow(rows, row);
}

/** Takes members out of a run without rows of their own: they are no pods any more. */
export function dropMembers(
  rows: ServicesRows,
  key: string,
  run: RunRow,
  positions: readonly number[],
  code = GONE,
): void {
  const members = new CodesDraft(run.members);
  for (const position of positions) members.set(position, code);
  putRun(rows, key, counted({ ...run, members: members.codes }));
}

/** Pods go from the highest index down, so the last one that is there gives the number of slots. */
export function releaseSlots(rows: ServicesRows, service: string, phase: PhaseRow): void {
  const tally = tallyOf(rows, service, phase.pod);
  let { slots } = tally;
  const lowest = phase.indexes[0]?.[0] ?? slots;
  while (slots > lowest) {
    const from = Math.max(lowest, slots - 1 - ((slots - 1) % RUN_LENGTH_MAX));
    const last = lastPodIn(rows, service, phase.pod, from, slots - 1);
    slots = last === undefined ? from : last + 1;
    if (last !== undefined) break;
  }
  if (slots < tally.slots) rows.tallies.put(tallyKey(service, phase.pod), { ...tally, slots });
}

/** The highest index of a pod between two of them, both included. */
function lastPodIn(rows: ServicesRows, service: string, pod: string, from: number, to: number): number | undefined {
  if (podAt(rows, service, pod, to) !== undefined) return to;
  const indexes = rowsIn(rows, service, pod, [[from, to]]).map(({ index }) => index);
  for (const { run, from: first, to: last } of spansIn(rows, service, pod, [[from, to]])) {
    let position = last;
    while (position >= first && !isPod(memberAt(run, position))) position -= 1;
    if (position >= first) indexes.push(run.first + position);
  }
  return indexes.length === 0 ? undefined : Math.max(...indexes);
}
