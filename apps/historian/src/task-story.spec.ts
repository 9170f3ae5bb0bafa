import { statesOf, type TaskSetRow, type TaskStateRow } from '@orrery/cassandra';
import {
  idRunsOf,
  idsIn,
  MembersBuilder,
  type ClusterEvent,
  type CommitRecord,
  type GrantId,
  type JournalPosition,
  type LaunchId,
  type RecordedEvent,
} from '@orrery/contracts';
import { startOf } from '@orrery/control-loop';
import { assert as fcAssert, array, constantFrom, integer, property, record } from 'fast-check';
import { TaskStory } from './task-story.js';

/** Rows by their key, as a store has them: the same key again is the same row again. */
class Rows {
  readonly #rows = new Map<string, TaskSetRow>();

  put(rows: readonly TaskSetRow[]): void {
    for (const row of rows) {
      const { service, generation, pod, bucket, segment, seq, n } = row;
      this.#rows.set([service, generation, pod, bucket, segment, seq, n].join('/'), row);
    }
  }

  get count(): number {
    return this.#rows.size;
  }

  /** `state@seq.n` of one pod's task, in order. */
  story(index: number, task = 'server'): TaskStateRow[] {
    const rows = [...this.#rows.values()].filter((row) => row.task === task);
    const states = rows.flatMap((row) => [...statesOf(row, index)].map(({ state }) => state));
    return states.sort((left, right) => left.seq - right.seq || left.n - right.n);
  }

  /** Everything of all pods of a number of them. */
  stories(pods: number): string[][] {
    return Array.from({ length: pods }, (_, index) =>
      this.story(index).map(({ state, seq, n, launch, reason }) => [state, seq, n, launch, reason].join(' ')),
    );
  }
}

type Told = { [Type in ClusterEvent['type']]: Extract<ClusterEvent, { type: Type }>['data'] };

function event<Type extends ClusterEvent['type']>(type: Type, data: Told[Type]): RecordedEvent {
  return { type, version: 1, cause: { topic: 'orrery.agents.reports', partition: 3, offset: 17 }, data };
}

function commit(seq: number, at: number, ...events: RecordedEvent[]): CommitRecord {
  const head = {
    journalId: 'j',
    kind: 'Commit',
    term: 1,
    prevHash: '',
    writer: 'w',
    inputs: [],
    relayedSeq: 0,
  } as const;
  return { ...head, seq, at, events };
}

function positionOf({ seq, at }: CommitRecord): JournalPosition {
  return { ...startOf('j'), seq, at, next: seq + 1, lastOffset: seq };
}

interface Launched {
  readonly seq: number;
  readonly indexes: readonly number[];
  /** Number of the agent of each. */
  readonly agents: readonly number[];
  readonly incarnation?: number;
  readonly task?: string;
}

/** Launch `seq.k` on grant `seq.k` for the k-th pod. */
function launched({ seq, indexes, agents, incarnation = 1, task = 'server' }: Launched): RecordedEvent {
  const members = new MembersBuilder();
  for (const [at, index] of indexes.entries()) {
    members.add({ index, agent: agents[at]!, epoch: 1, ports: {}, gpuIds: [], volumes: [] });
  }
  const ids = indexes.map((_, at) => `${seq}.${at}`);
  return event('LaunchAccepted', {
    ...{ service: 'web' as never, generation: 7, version: 1, pod: 'node', task, templateDigest: 'd', incarnation },
    ...members.members,
    ...{ launches: idRunsOf(ids), grants: idRunsOf(ids), at: 0 },
  });
}

const registered = (agent: string, number: number): RecordedEvent =>
  event('AgentRegistered', { agent, number, epoch: 1, session: 's' } as never);
const report = (agent: string) => ({ agent: agent as never, epoch: 1, m: 1 });
const ids = (...launches: string[]) => idRunsOf(launches);
const running = (agent: string, ...launches: string[]): RecordedEvent =>
  event('TasksRunning', {
    ...report(agent),
    launches: ids(...launches),
    sinceFrom: 0,
    since: [0],
    pids: [1],
    ready: true,
  });
const ended = (agent: string, ...launches: string[]): RecordedEvent =>
  event('TasksEnded', {
    ...report(agent),
    ends: [{ launches: ids(...launches), state: 'FAILED', reason: 'exit-code', message: 'code 3', exit: { code: 3 } }],
  });

function storyOf(...commits: CommitRecord[]): Rows {
  const rows = new Rows();
  const story = new TaskStory(0);
  for (const each of commits) {
    rows.put(story.closeBefore(each)?.rows ?? []);
    story.fold(each, positionOf(each));
  }
  rows.put(story.soFar()?.rows ?? []);
  return rows;
}

describe('the story of tasks', () => {
  const three = launched({ seq: 5, indexes: [0, 1, 2], agents: [1, 1, 2] });

  it('tells every state of a task, with cause and launch', () => {
    const rows = storyOf(
      commit(1, 1000, three),
      commit(2, 2000, running('ada', '5.0', '5.1')),
      commit(3, 9000, ended('ada', '5.1')),
    );
    expect(rows.story(1)).toEqual([
      expect.objectContaining({
        state: 'STAGING',
        launch: '5.1',
        seq: 1,
        at: 1000,
        cause: 'orrery.agents.reports-3@17',
      }),
      expect.objectContaining({ state: 'RUNNING', ready: true, launch: '5.1', incarnation: 1, seq: 2, at: 2000 }),
      expect.objectContaining({ state: 'FAILED', reason: 'exit-code', message: 'code 3', exit: { code: 3 }, seq: 3 }),
    ]);
    expect(rows.story(2).map(({ state }) => state)).toEqual(['STAGING']);
    expect(rows.story(3)).toEqual([]);
  });

  it('costs a row a state and second, however many agents report', () => {
    const indexes = Array.from({ length: 1000 }, (_, index) => index);
    const spread = launched({ seq: 5, indexes, agents: indexes.map((index) => index + 1) });
    const reports = indexes.map((index) =>
      commit(index + 2, 2000 + (index % 3 === 0 ? index : 1500), running(`a${index}`, `5.${index}`)),
    );
    const rows = storyOf(commit(1, 1000, spread), ...reports.sort((left, right) => left.at - right.at));
    expect(rows.count).toBe(3);
    expect(rows.stories(1000).every((story) => story.length === 2)).toBe(true);
  });

  it('tells of each task on an agent that can not be reached, and on its return, and of no other', () => {
    const gone = event('AgentUnreachable', { agent: 'ada' as never, epoch: 1, at: 1 });
    const back = event('AgentReturned', { agent: 'ada' as never, epoch: 1 });
    const rows = storyOf(
      commit(1, 1000, registered('ada', 1), registered('bob', 2), three),
      commit(2, 1001, running('ada', '5.0'), ended('ada', '5.1')),
      commit(3, 3000, gone),
      commit(4, 3001, back),
    );
    const states = (index: number) => rows.story(index).map(({ state, reason }) => [state, reason]);
    expect(states(0)).toEqual([
      ['STAGING', undefined],
      ['RUNNING', undefined],
      ['UNREACHABLE', 'agent-unreachable'],
      ['RUNNING', 'agent-returned'],
    ]);
    expect(states(1).at(-1)).toEqual(['FAILED', 'exit-code']);
    expect(states(2)).toEqual([['STAGING', undefined]]);
  });

  it('keeps what is told of an ended task until its grant is returned', () => {
    const late = event('TasksReportedLate', {
      ...report('ada'),
      ends: [{ launches: ids('5.0'), state: 'KILLED', reason: 'killed' }],
    });
    const lost = event('TasksLost', { agent: 'ada' as never, epoch: 1, launches: ids('5.0'), reason: 'agent-gone' });
    const forgotten = event('GrantsForgotten', { grants: ids('5.0') });
    const rows = storyOf(
      commit(1, 1000, three, lost),
      commit(2, 2000, late),
      commit(3, 3000, forgotten),
      commit(4, 4000, late),
    );
    expect(rows.story(0).map(({ state, late: isLate }) => [state, isLate])).toEqual([
      ['STAGING', undefined],
      ['LOST', undefined],
      ['KILLED', true],
    ]);
  });

  it('of one pod is kept apart from that of others of its block, incarnation by incarnation', () => {
    const again = launched({ seq: 5, indexes: [1], agents: [1], incarnation: 2 });
    const restarted = { ...again, data: { ...again.data, launches: ids('8.0'), grants: ids('5.1') } };
    const rows = storyOf(
      commit(1, 1000, three),
      commit(2, 1001, ended('ada', '5.1'), restarted),
      commit(3, 1002, running('ada', '8.0')),
    );
    expect(rows.story(1).map(({ state, incarnation, launch }) => [state, incarnation, launch])).toEqual([
      ['STAGING', 1, '5.1'],
      ['FAILED', 1, '5.1'],
      ['STAGING', 2, '8.0'],
      ['RUNNING', 2, '8.0'],
    ]);
  });

  it('splits a set that reaches into the next 1,024 pods', () => {
    const indexes = Array.from({ length: 2000 }, (_, index) => index + 500);
    const rows = storyOf(commit(1, 1000, launched({ seq: 5, indexes, agents: indexes.map(() => 1) })));
    expect(rows.count).toBe(3);
    expect([500, 1023, 1024, 2048, 2499].map((index) => rows.story(index)[0]?.launch)).toEqual([
      ...['5.0', '5.523', '5.524', '5.1548', '5.1999'],
    ]);
  });
});

const PODS = 40;

/** Some minutes of a service that is launched, reported about, restarted and given up, in any order. */
const happening = record({
  kind: constantFrom('launch', 'running', 'ended', 'lost', 'killed', 'forgotten', 'unreachable', 'returned' as const),
  pods: array(integer({ min: 0, max: PODS - 1 }), { minLength: 1, maxLength: 12 }),
  agent: integer({ min: 1, max: 3 }),
  afterMs: constantFrom(1, 40, 300, 40_000),
});

type Happening = { kind: string; pods: number[]; agent: number; afterMs: number };

function commitsOf(happenings: readonly Happening[]): CommitRecord[] {
  const newest = new Map<number, string>();
  let at = 1000;
  return [{ kind: '', pods: [], agent: 0, afterMs: 0 }, ...happenings].map(({ kind, pods, agent, afterMs }, number) => {
    at += afterMs;
    const indexes = [...new Set(pods)].sort((left, right) => left - right);
    const known = indexes.flatMap((index) => newest.get(index) ?? []).sort((left, right) => compare(left, right));
    if (kind === '') return commit(1, at, registered('a1', 1), registered('a2', 2), registered('a3', 3));
    if (kind === 'launch') {
      for (const [order, index] of indexes.entries()) newest.set(index, `${number}.${order}`);
      const agents = indexes.map((index) => (index < 20 ? agent : ((agent + 1) % 3) + 1));
      return commit(number + 1, at, launched({ seq: number, indexes, agents }));
    }
    return commit(number + 1, at, ...(known.length === 0 ? [] : [eventOf(kind, `a${agent}`, known)]));
  });
}

function eventOf(kind: string, agent: string, launches: readonly string[]): RecordedEvent {
  const runs = idRunsOf(launches);
  switch (kind) {
    case 'running':
      return running(agent, ...idsIn<LaunchId>(runs));
    case 'ended':
      return ended(agent, ...idsIn<LaunchId>(runs));
    case 'lost':
      return event('TasksLost', { agent: agent as never, epoch: 1, launches: runs, reason: 'agent-gone' });
    case 'killed':
      return event('KillAccepted', { launches: runs, final: true });
    case 'forgotten':
      return event('GrantsForgotten', { grants: idRunsOf(idsIn<GrantId>(runs)) });
    case 'unreachable':
      return event('AgentUnreachable', { agent: agent as never, epoch: 1, at: 0 });
    default:
      return event('AgentReturned', { agent: agent as never, epoch: 1 });
  }
}

function compare(left: string, right: string): number {
  const [leftSeq, leftOrdinal] = left.split('.').map(Number);
  const [rightSeq, rightOrdinal] = right.split('.').map(Number);
  return leftSeq! - rightSeq! || leftOrdinal! - rightOrdinal!;
}

/** Written by one process after the other; each gives out open windows now and then, and is killed between any two steps. */
function writtenByMany(commits: readonly CommitRecord[], deaths: readonly number[], looks: ReadonlySet<number>): Rows {
  const rows = new Rows();
  let saved: { readonly cursor: TaskStory['cursor']; readonly slices: readonly Uint8Array[] } = {
    cursor: undefined,
    slices: [],
  };
  for (const death of [...deaths, Infinity]) {
    const story = new TaskStory(0);
    if (saved.cursor !== undefined) expect(story.resume(saved.cursor, saved.slices)).toBe(true);
    for (const each of commits.filter(({ seq }) => seq > (saved.cursor?.seq ?? 0))) {
      if (each.seq > death) break;
      rows.put(story.closeBefore(each)?.rows ?? []);
      const slices = story.memoryDue();
      if (slices !== undefined) {
        const kept = story.kept([...slices]);
        saved = { cursor: story.cursor, slices: kept.slices };
      }
      story.fold(each, positionOf(each));
      if (looks.has(each.seq)) rows.put(story.soFar()?.rows ?? []);
    }
    if (death === Infinity) rows.put(story.soFar()?.rows ?? []);
  }
  return rows;
}

describe('the story of tasks, written by processes that die at any moment', () => {
  it('is the one that a process which never dies would write: nothing twice, nothing missing', () => {
    const moments = array(integer({ min: 1, max: 60 }), { maxLength: 5 });
    fcAssert(
      property(array(happening, { minLength: 5, maxLength: 60 }), moments, moments, (happenings, deaths, looks) => {
        const commits = commitsOf(happenings);
        const whole = storyOf(...commits);
        const broken = writtenByMany(commits, deaths, new Set(looks));
        expect(broken.stories(PODS)).toEqual(whole.stories(PODS));
        expect(broken.count).toBe(whole.count);
      }),
      { numRuns: 300 },
    );
  });
});
