import { EventRing } from './event-ring.js';
import type { StreamedCommit } from './streamed-commit.js';

const commit = (seq: number): StreamedCommit => ({
  journal: 'services-0',
  seq,
  at: seq,
  decided: [],
  events: [{ type: 'A', services: [], pods: [], json: 'x'.repeat(800) }],
  outcomes: [],
});
const at = (seq: number) => ({ journals: new Map([['services-0', seq]]), commands: new Map() });

describe('the ring of events', () => {
  it('keeps the newest commits and knows from where on it can serve', () => {
    const ring = new EventRing(at(-1), 10_000);
    for (let seq = 0; seq < 100; seq += 1) ring.append(commit(seq));
    expect(ring.position).toEqual(at(99));
    expect({ first: ring.first, end: ring.end }).toEqual({ first: 90, end: 100 });
    for (let number = ring.first; number < ring.end; number += 1) expect(ring.at(number).seq).toBe(number);
    expect(ring.holds(at(89))).toBe(true);
    expect(ring.holds(at(88))).toBe(false);
  });

  it('begins where the fold began: what is older is somewhere else', () => {
    const ring = new EventRing(at(41));
    ring.append(commit(42));
    expect(ring.holds(at(40))).toBe(false);
    expect(ring.holds(at(41))).toBe(true);
    expect(ring.position).toEqual(at(42));
  });

  it('wakes who waits for the next commit', async () => {
    const ring = new EventRing();
    const waiting = ring.appended(60_000, new AbortController().signal);
    ring.append(commit(0));
    await waiting;
    const ended = new AbortController();
    const aborted = ring.appended(60_000, ended.signal);
    ended.abort();
    await aborted;
  });
});
