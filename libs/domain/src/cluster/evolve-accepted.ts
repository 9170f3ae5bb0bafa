import {
  countIds,
  eachIdRun,
  extrasAt,
  idOf,
  valueAt,
  type AgentId,
  type ClusterEventOf,
  type Column,
  type GrantId,
  type IdRuns,
  type LaunchId,
  eachAgentRun,
} from '@orrery/contracts';
import { isNewer } from './find.js';
import { idKey } from './keys.js';
import { RunDrafts } from './run-draft.js';
import {
  canBeAgain,
  numberAt,
  RUN_MEMBERS_MAX,
  RUN_MEMBERS_MIN,
  runKey,
  SINCE_MAX,
  stagedPieces,
  type LaunchKind,
  type RunRow,
  type RunShared,
} from './runs.js';
import { blockOf, isLive, NO_PORTS, NOTHING, PODS_PER_BLOCK, type ClusterState, type LaunchRow } from './state.js';

type Accepted = ClusterEventOf<'LaunchAccepted'>['data'];

/** Members of a set whose launches, grants and indexes follow each other. */
interface Stretch {
  /** Of its first member in the set. */
  readonly position: number;
  readonly count: number;
  readonly seq: number;
  readonly first: number;
  readonly grantSeq: number;
  readonly grant: number;
  readonly index: number;
}

/** Puts launches into runs where they follow each other, and into rows of their own where they don't. */
export function acceptSet(state: ClusterState, set: Accepted): void {
  const agents = agentOfEach(set);
  const kind = kindOf(set);
  const alike = set.gpuIds === undefined && set.volumes === undefined;
  const drafts = new RunDrafts(state);
  for (const stretch of stretchesOf(set)) {
    if (set.incarnation > 1) dropEndedBefore(state, kind, stretch);
    if (alike && stretch.count >= RUN_MEMBERS_MIN) putRun(state, set, kind, stretch, agents);
    else if (alike && set.incarnation > 1) putBack(state, set, stretch, agents, drafts);
    else putRows(state, set, kind, stretch, agents);
  }
  drafts.write();
  countOrders(state, set);
  countUses(state, set.templateDigest, countIds(set.launches));
}

function kindOf({ service, generation, version, pod, task, templateDigest, incarnation }: Accepted): LaunchKind {
  return { service, generation, version, pod, task, templateDigest, incarnation };
}

function agentOfEach({ agents }: Accepted): number[] {
  const numbers: number[] = [];
  eachAgentRun(agents, (agent, _, count) => {
    for (let left = count; left > 0; left -= 1) numbers.push(agent);
  });
  return numbers;
}

/** An order each: n is one more than the last. */
function countOrders(state: ClusterState, { agents }: Accepted): void {
  const draft = state.counters.draft();
  eachAgentRun(agents, (agent, _, count) => {
    draft.add('ordered', agent, 1);
    draft.add('live', agent, count);
  });
  draft.write();
}

export function countUses(state: ClusterState, digest: string, change: number): void {
  const row = state.templates.get(digest);
  if (row === undefined || change === 0) return;
  const uses = row.uses + change;
  if (uses > 0) state.templates.put(digest, { ...row, uses });
  else state.templates.delete(digest);
}

function stretchesOf({ launches, grants, indexes }: Accepted): Stretch[] {
  const ids = piecesOf(launches);
  const held = piecesOf(grants);
  const pods = indexes.map(([first, last]) => ({ seq: 0, first, count: last - first + 1 }));
  const stretches: Stretch[] = [];
  const total = countIds(launches);
  for (let position = 0; position < total;) {
    const [launch, grant, pod] = [ids[0]!, held[0]!, pods[0]!];
    const count = Math.min(launch.count, grant.count, pod.count, RUN_MEMBERS_MAX);
    stretches.push({
      ...{ position, count, seq: launch.seq, first: launch.first, index: pod.first },
      ...{ grantSeq: grant.seq, grant: grant.first },
    });
    position += count;
    for (const pieces of [ids, held, pods]) advance(pieces, count);
  }
  return stretches;
}

interface Piece {
  readonly seq: number;
  first: number;
  count: number;
}

function piecesOf(ids: IdRuns): Piece[] {
  const pieces: Piece[] = [];
  eachIdRun(ids, (seq, first, last) => void pieces.push({ seq, first, count: last - first + 1 }));
  return pieces;
}

function advance(pieces: Piece[], count: number): void {
  const piece = pieces[0]!;
  piece.first += count;
  piece.count -= count;
  if (piece.count === 0) pieces.shift();
}

function putRun(
  state: ClusterState,
  set: Accepted,
  kind: LaunchKind,
  { position, count, seq, first, index, grantSeq, grant }: Stretch,
  agents: readonly number[],
): void {
  const cut = (numbers: readonly number[]) => shortened(numbers, position, count);
  const ports: Record<string, readonly number[]> = {};
  for (const name in set.ports) ports[name] = cut(set.ports[name]!);
  const of: RunShared = {
    ...kind,
    ...{ seq, first, count, index, grantSeq, grant },
    agents: cut(agents),
    ports,
    acceptedAt: set.at,
  };
  state.runs.put(runKey(of), {
    of,
    pieces: stagedPieces(count),
    left: count,
  });
}

/** A part of a column; one number where all are the same. */
function shortened(numbers: readonly number[], position: number, count: number): readonly number[] {
  if (numbers.length === 1) return numbers.slice();
  const part = numbers.slice(position, position + count);
  return part.every((number) => number === part[0]) ? [part[0]!] : part;
}

/** A task that runs again where it ran goes back into its run; others are rows of their own. */
function putBack(
  state: ClusterState,
  set: Accepted,
  stretch: Stretch,
  agents: readonly number[],
  drafts: RunDrafts,
): void {
  for (let member = 0; member < stretch.count; member += 1) {
    const alone = memberOfStretch(stretch, member);
    const place = placeOf(state, set, alone, agents[alone.position]!);
    const draft = place === undefined ? undefined : drafts.of(place.key, place.run);
    if (place === undefined || draft?.told(place.member) !== 0) {
      putRows(state, set, kindOf(set), alone, agents);
    } else {
      const id = { seq: alone.seq, ordinal: alone.first, incarnation: set.incarnation };
      draft.takeBack(place.member, id, set.at - place.run.of.acceptedAt);
    }
  }
}

function memberOfStretch({ position, seq, first, grantSeq, grant, index }: Stretch, member: number): Stretch {
  const ids = { seq, first: first + member, grantSeq, grant: grant + member };
  return { position: position + member, count: 1, ...ids, index: index + member };
}

interface Place {
  readonly key: string;
  readonly run: RunRow;
  readonly member: number;
}

/** The place in a run that this launch left when it ended: the same but for its name and incarnation. */
function placeOf(state: ClusterState, set: Accepted, alone: Stretch, agent: number): Place | undefined {
  const { position, seq, first, grantSeq, grant, index } = alone;
  if (!canBeAgain({ seq, ordinal: first })) return undefined;
  for (const [key, run] of state.runs.ofPod(set.service, set.pod, index)) {
    const { of } = run;
    const member = index - of.index;
    if (of.grantSeq !== grantSeq || of.grant + member !== grant || numberAt(of.agents, member) !== agent) continue;
    if (KIND.some((field) => of[field] !== set[field]) || Math.abs(set.at - of.acceptedAt) > SINCE_MAX) continue;
    if (hasPorts(of, member, set, position)) return { key, run, member };
  }
  return undefined;
}

function hasPorts(of: RunShared, member: number, { ports = NO_COLUMNS }: Accepted, position: number): boolean {
  const names = Object.keys(of.ports);
  if (names.length !== Object.keys(ports).length) return false;
  return names.every((name) => {
    const column = ports[name];
    return column !== undefined && numberAt(of.ports[name]!, member) === valueAt(column, position);
  });
}

const NO_COLUMNS: Readonly<Record<string, Column>> = Object.freeze({});
const KIND = ['generation', 'version', 'task', 'templateDigest'] as const;

function putRows(
  state: ClusterState,
  set: Accepted,
  kind: LaunchKind,
  { position, count, seq, first, index, grantSeq, grant }: Stretch,
  agents: readonly number[],
): void {
  for (let member = 0; member < count; member += 1) {
    const on = agents[position + member]!;
    const { ports, gpuIds, volumes } = extrasAt(set, position + member);
    const row: LaunchRow = {
      launch: idOf<LaunchId>(seq, first + member),
      ...kind,
      index: index + member,
      agent: state.agents.numbered(on)?.agent ?? ('' as AgentId),
      on,
      grant: idOf<GrantId>(grantSeq, grant + member),
      ports: Object.keys(ports).length === 0 ? NO_PORTS : ports,
      gpuIds: gpuIds.length === 0 ? NOTHING : gpuIds,
      volumes: volumes.length === 0 ? NOTHING : volumes,
      phase: 'STAGING',
      unwanted: false,
      final: false,
      since: set.at,
      ready: false,
    };
    state.launches.put(idKey(seq, first + member), row);
  }
}

/** What is known of an ended incarnation stays visible until the next one takes its place. */
function dropEndedBefore(state: ClusterState, kind: LaunchKind, { index, count }: Stretch): void {
  const { service, pod, task } = kind;
  const ended: string[] = [];
  for (let block = index - (index % PODS_PER_BLOCK); block < index + count; block += PODS_PER_BLOCK) {
    for (const [key, row] of state.launches.by('block', blockOf(service, pod, block))) {
      const replaced = row.task === task && row.index >= index && row.index < index + count;
      if (replaced && !isLive(row) && isNewer(kind, row)) ended.push(key);
    }
  }
  for (const key of ended) state.launches.delete(key);
}
