import { covers, decodePosition, encodePosition, type Position } from './position.js';

const at = (journals: Record<string, number>, commands: Record<string, number> = {}): Position => ({
  journals: new Map(Object.entries(journals)),
  commands: new Map(Object.entries(commands)),
});

describe('a position', () => {
  it('survives its string, whole', () => {
    const position = {
      ...at({ 'services-0': 12, 'cluster-3': 0 }, { 'services-0': 41 }),
      partial: { journal: 'services-0', events: 3 },
    };
    expect(decodePosition(encodePosition(position))).toEqual(position);
    expect(decodePosition(encodePosition(at({})))).toEqual(at({}));
  });

  it('is nothing when somebody made it up', () => {
    const forged = (text: string) => Buffer.from(text).toString('base64url');
    for (const text of ['2;services-0=1;;', '1;moon-0=1;;', '1;services-0=x;;', '1;;;;', '1;services-0=1;;a=1,b=2']) {
      expect(decodePosition(forged(text))).toBeUndefined();
    }
    expect(decodePosition('no position!')).toBeUndefined();
    expect(decodePosition('')).toBeUndefined();
  });

  it('covers another one when it is as far in every journal and command partition', () => {
    const reached = at({ 'services-0': 12, 'cluster-0': 5 }, { 'services-0': 40 });
    expect(covers(reached, at({ 'services-0': 12 }))).toBe(true);
    expect(covers(reached, at({ 'services-0': 13 }))).toBe(false);
    expect(covers(reached, at({ 'allocation-0': 0 }))).toBe(false);
    expect(covers(reached, at({ 'services-0': 1 }, { 'services-0': 41 }))).toBe(false);
    expect(covers(reached, at({}))).toBe(true);
  });
});
