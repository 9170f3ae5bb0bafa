import { ageText, parseDurationMs } from './duration.js';

describe('a duration', () => {
  it.each([
    ['90', 90_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['250ms', 250],
  ])('reads %s', (text, expectedMs) => expect(parseDurationMs(text)).toBe(expectedMs));

  it.each(['', 'soon', '-5s', '5 weeks'])('does not guess what %j means', (text) =>
    expect(parseDurationMs(text)).toBeUndefined(),
  );

  it('is shown in its largest sensible unit', () => {
    expect([5_000, 150_000, 10_800_000, 864_000_000].map((ms) => ageText(0, ms))).toEqual(['5s', '2m', '3h', '10d']);
  });
});
