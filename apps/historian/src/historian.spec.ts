import { statesOf, type ProjectionPosition, type TaskSetRow } from '@orrery/cassandra';
import {
  domainNames,
  journalTopic,
  type CommitRecord,
  type DomainName,
  type RecordedEvent,
  agentRunsOf,
} from '@orrery/contracts';
import { encodeCommit, encodeRecord, provisionJournal, sha256 } from '@orrery/control-loop';
import { cluster } from '@orrery/domain';
import { InMemoryLog, InMemoryRegistry, InMemorySnapshots, ManualClock, SeededRandom } from '@orrery/testing';
import { Historian } from './historian.js';
import { HistoryWriter, type HistoryStore } from './history-writer.js';

/** What is written down, by key. */
class StoreDouble implements HistoryStore {
  readonly sets = new Map<string, TaskSetRow>();
  readonly memories = new Map<string, readonly Uint8Array[]>();
  readonly positions = new Map<string, ProjectionPosition>();
  writes = 0;

  async saveTaskSets(rows: readonly TaskSetRow[]): Promise<void> {
    this.writes += rows.length;
    for (const row of rows)
      this.sets.set([row.service, row.pod, row.bucket, row.segment, row.seq, row.n].join('/'), row);
  }

  async saveMemory(_: string, memory: { journal: string; seq: number; slices: readonly Uint8Array[] }): Promise<void> {
    this.memories.set(`${memory.journal}@${memory.seq}`, memory.slices);
  }

  async savePosition(_: string, position: ProjectionPosition): Promise<void> {
    this.positions.set(position.journal, position);
  }

  saveAgentNumbers = async () => undefined;
  saveOutcomes = async () => undefined;
  saveServiceVersions = async () => undefined;
  saveAgentHistory = async () => undefined;
  saveAudit = async () => undefined;
  saveCheckpoints = async () => undefined;
  forgetMemoryBefore = async () => undefined;

  story(index: number): string[] {
    const states = [...this.sets.values()].flatMap((row) => [...statesOf(row, index)].map(({ state }) => state));
    return states.sort((left, right) => left.seq - right.seq || left.n - right.n).map(({ state }) => state);
  }
}

describe('the historian', () => {
  const clock = new ManualClock();
  let log: InMemoryLog;
  let registry: InMemoryRegistry;
  let store: StoreDouble;
  let stopped: Error | undefined;
  const last = new Map<DomainName, { seq: number; hash: string; journalId: string }>();

  beforeEach(async () => {
    log = new InMemoryLog(clock);
    registry = new InMemoryRegistry();
    store = new StoreDouble();
    stopped = undefined;
    const random = new SeededRandom(1);
    for (const domain of domainNames) {
      const provisioned = provisionJournal({ log, registry, clock, random }, { domain, cell: 0, cells: 1 });
      const { journalId, genesisHash } = await clock.advanceWhile(provisioned);
      last.set(domain, { seq: 0, hash: genesisHash, journalId });
      await term(domain, cluster.foldVersion);
    }
  });

  async function append(domain: DomainName, make: (head: object) => Uint8Array): Promise<void> {
    const { seq, hash, journalId } = last.get(domain)!;
    const head = { journalId, term: 1, seq: seq + 1, prevHash: hash, writer: 'w', at: clock.nowMs() };
    const value = make(head);
    await clock.advanceWhile(log.append({ topic: journalTopic(domain), partition: 0 }, { value }));
    last.set(domain, { seq: seq + 1, hash: sha256(value), journalId });
  }

  const term = (domain: DomainName, foldVersion: number, number = 1) =>
    append(domain, (head) =>
      encodeRecord({ ...head, term: number, kind: 'TermStarted', instance: 'i', foldVersion } as never),
    );
  const commit = (...events: RecordedEvent[]) =>
    append('cluster', (head) => {
      const record = { ...head, kind: 'Commit', inputs: [], relayedSeq: -1 } as unknown as Omit<CommitRecord, 'events'>;
      return encodeCommit(
        record,
        events.map((event) => JSON.stringify(event)),
      );
    });

  function event(type: string, data: object): RecordedEvent {
    return { type, version: 1, cause: { internal: 'test' }, data };
  }

  const launched = event('LaunchAccepted', {
    ...{ service: 'web', generation: 1, version: 1, pod: 'node', task: 'server', templateDigest: 'd', incarnation: 1 },
    ...{ indexes: [[0, 9]], agents: agentRunsOf([[1, 1, 10]]), launches: [[4, 0, 9]], grants: [[2, 0, 9]], at: 0 },
  });
  const running = (first: number, to: number) =>
    event('TasksRunning', {
      agent: 'a',
      epoch: 1,
      m: 1,
      launches: [[4, first, to]],
      sinceFrom: 0,
      since: [0],
      pids: [1],
    });

  async function started(): Promise<Historian> {
    const writer = new HistoryWriter({ store, clock, onWritten: () => undefined, onTrouble: () => undefined });
    const historian = new Historian(
      {
        cells: 1,
        writer,
        readPositions: async () => [...store.positions.values()],
        readMemory: async (journal, seq) => store.memories.get(`${journal}@${seq}`) ?? [],
        observe: () => undefined,
        onTrouble: () => undefined,
        onStopped: (error) => (stopped = error),
      },
      { log, registry, snapshots: new InMemorySnapshots(), clock },
    );
    await clock.advanceWhile(historian.start());
    return historian;
  }

  it('writes down what an open window tells once it is quiet, and how far that goes', async () => {
    const historian = await started();
    await commit(launched);
    await commit(running(0, 4));
    await clock.advance(1_000);
    expect([store.story(0), store.story(9)]).toEqual([['STAGING', 'RUNNING'], ['STAGING']]);
    expect(store.positions.get('cluster/0')).toMatchObject({ seq: 3 });
    await commit(running(5, 9));
    await clock.advance(1_000);
    expect(store.story(9)).toEqual(['STAGING', 'RUNNING']);
    expect(store.positions.get('services/0')).toMatchObject({ seq: 1 });
    await clock.advanceWhile(historian.stop());
  });

  it('goes on where another one died, with what that one remembered of the launches', async () => {
    const first = await started();
    await commit(launched);
    await clock.advance(70_000);
    await commit(running(0, 4));
    await clock.advance(1_000);
    await clock.advanceWhile(first.stop());
    expect(store.memories.size).toBe(1);
    const writes = store.writes;
    const second = await started();
    await clock.advance(70_000);
    await commit(running(5, 9));
    await clock.advance(1_000);
    await clock.advanceWhile(second.stop());
    expect([store.story(0), store.story(9)]).toEqual([
      ['STAGING', 'RUNNING'],
      ['STAGING', 'RUNNING'],
    ]);
    // The window behind the memory again, and the new one; not the launch.
    expect(store.writes - writes).toBe(2);
  });

  it('begins anew when its memory is not whole, and nothing is told twice', async () => {
    const first = await started();
    await commit(launched);
    await clock.advance(70_000);
    await commit(running(0, 9));
    await clock.advance(1_000);
    await clock.advanceWhile(first.stop());
    for (const key of store.memories.keys()) store.memories.set(key, []);
    const second = await started();
    await clock.advance(1_000);
    await clock.advanceWhile(second.stop());
    expect(store.story(3)).toEqual(['STAGING', 'RUNNING']);
  });

  it('stops at a fold that it does not know', async () => {
    const historian = await started();
    await term('cluster', cluster.foldVersion + 1, 2);
    await clock.advance(1_000);
    expect(stopped?.message).toMatch(/this historian is too old/);
    await clock.advanceWhile(historian.stop());
  });
});
