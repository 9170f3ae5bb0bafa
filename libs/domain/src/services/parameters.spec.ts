import { problemOf } from './parameters.js';

describe('a value of a plan parameter', () => {
  it('matches the pattern as a whole', () => {
    expect(problemOf({ type: 'string', pattern: '[a-z]+' }, 'abc')).toBeUndefined();
    expect(problemOf({ type: 'string', pattern: '[a-z]+' }, 'abc1')).toBe('matches [a-z]+');
  });

  it('is judged at once, whatever the author of the pattern thought of', () => {
    // With backtracking these would be 2^4000 steps.
    expect(problemOf({ type: 'string', pattern: '(a+)+b' }, 'a'.repeat(4000))).toBe('matches (a+)+b');
    expect(problemOf({ type: 'string' }, 'a'.repeat(5000))).toBe('has at most 4096 characters');
  });
});
