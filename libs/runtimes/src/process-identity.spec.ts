import { isAlive, parseStat } from './process-identity.js';

const line = (name: string) =>
  `4242 (${name}) S 1 4240 4239 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 2523136 200 18446744073709551615`;

describe('the identity of a process', () => {
  it('is read whatever its command is called', () => {
    for (const name of ['sh', 'a b', 'odd) S 1 (name', '']) {
      expect(parseStat(line(name))).toEqual({
        pid: 4242,
        state: 'S',
        group: 4240,
        session: 4239,
        startTicks: '987654',
      });
    }
    expect(parseStat('')).toBeUndefined();
    expect(parseStat('4242 (sh) S 1')).toBeUndefined();
  });

  it('is not taken over by whoever gets its pid later, nor after a restart of the machine', () => {
    const me = { pid: process.pid, startTicks: 'of another', bootId: 'b' };
    expect(isAlive(me, 'b')).toBe(false);
    expect(isAlive(me, 'c')).toBe(false);
  });
});
