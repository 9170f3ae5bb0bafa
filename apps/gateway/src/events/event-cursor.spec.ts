import { beginning, decodePosition } from '../position.js';
import { EventCursor } from './event-cursor.js';
import type { StreamedCommit } from './streamed-commit.js';

const commit = (journal: string, seq: number, ...types: string[]): StreamedCommit => ({
  journal,
  seq,
  at: seq,
  decided: [],
  events: types.map((type) => ({ type, pods: [], services: [type.toLowerCase()], json: `{"type":"${type}"}` })),
  outcomes: [],
});
const log = [
  commit('services-0', 0),
  commit('services-0', 1, 'A', 'B', 'C'),
  commit('cluster-0', 0, 'D'),
  commit('services-0', 2, 'E'),
];

function read(cursor: EventCursor, commits: readonly StreamedCommit[]): string[] {
  return commits.flatMap((each) => [...cursor.take(each)].map(({ event }) => event.type));
}

describe('a cursor of events', () => {
  it('takes each event once, however often a commit is offered', () => {
    const cursor = new EventCursor(beginning);
    expect(read(cursor, [...log, ...log])).toEqual(['A', 'B', 'C', 'D', 'E']);
  });

  it('goes on from any position without loss and without repeat', () => {
    const placed: string[] = [];
    const whole = new EventCursor(beginning);
    const all = log.flatMap((each) => [...whole.take(each)]);
    for (const [at, { position }] of all.entries()) {
      placed.push(position);
      const resumed = new EventCursor(decodePosition(position)!);
      expect(read(resumed, log)).toEqual(all.slice(at + 1).map(({ event }) => event.type));
    }
    expect(new Set(placed).size).toBe(5);
  });

  it('passes what its filter leaves out', () => {
    const cursor = new EventCursor(beginning, { service: 'd' });
    expect(read(cursor, log)).toEqual(['D']);
    expect(cursor.position.journals).toEqual(
      new Map([
        ['services-0', 2],
        ['cluster-0', 0],
      ]),
    );
    expect(read(new EventCursor(beginning, { type: 'B' }), log)).toEqual(['B']);
  });

  it('knows which commands were decided', () => {
    const cursor = new EventCursor(beginning);
    read(cursor, [{ ...commit('services-0', 0, 'A'), decided: [['services-0', 17]] }]);
    expect(cursor.position.commands).toEqual(new Map([['services-0', 17]]));
  });
});
