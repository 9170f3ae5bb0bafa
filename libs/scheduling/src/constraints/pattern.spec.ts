import fc from 'fast-check';
import { compilePattern } from './pattern.js';

function matches(source: string, text: string): boolean {
  const pattern = compilePattern(source);
  if ('error' in pattern) throw new Error(pattern.error);
  return pattern.matches(text);
}

describe('a pattern', () => {
  it.each([
    ['rack-[1-3]', 'rack-2', true],
    ['rack-[1-3]', 'rack-4', false],
    ['rack', 'rack-1', false],
    ['r.*', 'rack-1', true],
    ['(a|b)+c?', 'abba', true],
    ['(?:ab){2,3}', 'ababab', true],
    ['(?:ab){2,3}', 'ab', false],
    ['a{0,2}', '', true],
    ['a{2,}', 'aaaa', true],
    ['[^0-9]+', 'abc', true],
    ['[^0-9]+', 'ab1', false],
    ['\\d+\\.\\w*', '12.x_y', true],
    ['[\\d-]+', '1-2', true],
    ['^us-(east|west)$', 'us-west', true],
    ['', '', true],
    ['()*', '', true],
    ['a|', '', true],
  ])('%s on %s: %s', (source, text, expected) => expect(matches(source, text)).toBe(expected));

  it.each(['(', 'a)', '[a', 'a{3,1}', '*a', 'a{,2}', '\\q', '(?<x>a)', '(a{1000}){1000}', 'x'.repeat(2000)])(
    '%s is refused, with what is wrong',
    (source) => expect(compilePattern(source)).toHaveProperty('error'),
  );

  it('means what the engine’s own means', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '(a|bc)',
      '(?:ab)',
      'a*',
      'b+',
      '(ab)?',
      'a{1,2}',
      '|',
      '\\w',
    );
    const source = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 }).map((signs) => signs.join(''));
    fc.assert(
      fc.property(source, text, (pattern, value) => {
        expect(matches(pattern, value)).toBe(new RegExp(`^(?:${pattern})$`).test(value));
      }),
      { numRuns: 500 },
    );
  });

  it('takes no longer on a text made to stall it', () => {
    expect(matches('(a+)+b', 'a'.repeat(5000))).toBe(false);
    expect(matches('(a|a|a)*(a|a|a)*(a|a|a)*c', 'a'.repeat(5000))).toBe(false);
  });
});
