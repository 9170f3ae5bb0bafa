import type { AuditRow } from '@orrery/cassandra';
import { ManualClock } from '@orrery/testing';
import { HistoryWriter, type HistoryStore } from './history-writer.js';

/** Says what was written, in order; can be away. */
class StoreDouble implements HistoryStore {
  readonly written: string[] = [];
  away = false;
  slow: Promise<void> | undefined;

  saveTaskSets = async () => this.#answer();
  saveAgentNumbers = async () => this.#answer();
  forgetMemoryBefore = async () => this.#answer();
  saveOutcomes = async () => this.#answer();
  saveServiceVersions = async () => this.#answer();
  saveAgentHistory = async () => this.#answer();
  saveCheckpoints = async () => this.#answer();

  async saveAudit(rows: readonly AuditRow[]): Promise<void> {
    await this.#answer();
    if (rows.length > 0) this.written.push(`${rows.length} rows`);
  }

  async saveMemory(_: string, { seq }: { readonly seq: number }): Promise<void> {
    await this.#answer();
    this.written.push(`memory of ${seq}`);
  }

  async savePosition(_: string, { journal, seq }: { readonly journal: string; readonly seq: number }): Promise<void> {
    await this.#answer();
    this.written.push(`${journal} at ${seq}`);
  }

  async #answer(): Promise<void> {
    await this.slow;
    if (this.away) throw new Error('away');
  }
}

const row = (seq: number): AuditRow => ({
  at: seq,
  journal: 'services/0',
  seq,
  n: 0,
  type: 't',
  actor: 'a',
  subject: 's',
});
const at = (seq: number) => ({ journal: 'services/0', seq, cursor: '{}' });

describe('the history writer', () => {
  const clock = new ManualClock();
  let store: StoreDouble;
  let writer: HistoryWriter;
  let troubles: number;

  beforeEach(() => {
    store = new StoreDouble();
    troubles = 0;
    writer = new HistoryWriter({ store, clock, onWritten: () => undefined, onTrouble: () => (troubles += 1) });
  });

  async function give(seq: number, rows = 1): Promise<void> {
    for (let number = 0; number < rows; number += 1) writer.rows.audit.push(row(seq));
    await writer.reached(at(seq));
  }

  it('writes rows first, then how far they go, many commits at once', async () => {
    for (const seq of [1, 2, 3]) await give(seq);
    await clock.advance(1000);
    expect(store.written).toEqual(['3 rows', 'services/0 at 3']);
  });

  it('skips nothing while the store is away', async () => {
    store.away = true;
    await give(1);
    await clock.advance(30_000);
    expect(store.written).toEqual([]);
    expect(troubles).toBeGreaterThan(3);
    store.away = false;
    await give(2);
    await clock.advance(10_000);
    expect(store.written).toEqual(['1 rows', 'services/0 at 1', '1 rows', 'services/0 at 2']);
  });

  it('makes its reader wait when a batch is being written and the next one is full', async () => {
    let release = (): void => undefined;
    store.slow = new Promise((done) => (release = done));
    await give(1, 5000);
    let waits = true;
    const second = give(2, 5000).then(() => (waits = false));
    await clock.advance(5000);
    expect(waits).toBe(true);
    release();
    await clock.advance(1000);
    await second;
    expect(store.written).toEqual(['5000 rows', 'services/0 at 1', '5000 rows', 'services/0 at 2']);
  });

  it('keeps what a position needs before the position', async () => {
    writer.remember({ journal: 'services/0', seq: 1, slices: [] });
    await give(1);
    await clock.advance(1000);
    expect(store.written).toEqual(['1 rows', 'memory of 1', 'services/0 at 1']);
  });

  it('writes what it has before it stops', async () => {
    await give(1);
    const stopping = writer.stop(5000);
    await clock.advance(1000);
    await clock.advanceWhile(stopping);
    expect(store.written).toEqual(['1 rows', 'services/0 at 1']);
  });
});
