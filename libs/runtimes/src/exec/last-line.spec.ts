import { LAST_LINE_BYTES_MAX, lastLineIn } from './last-line.js';

const lastLine = (text: string) => lastLineIn(Buffer.from(text));

describe('the last line that a task wrote', () => {
  it.each([
    ['starting\nno such table: users\n', 'no such table: users'],
    ['no end of line', 'no end of line'],
    ['what it was\n\n  \n', 'what it was'],
    ['10 %\r20 %\rdisk full\r\n', 'disk full'],
    ['\u001b[31merror:\u001b[0m out of\u0007tape\n', 'error: out of tape'],
    ['one\ttab\u2028two', 'one tab two'],
    ['abc\u202edef', 'abcdef'],
    [
      'java.lang.IllegalStateException: no seed\n\tat org.x.Main.main(Main.java:3)\n\t... 12 more\n',
      'java.lang.IllegalStateException: no seed',
    ],
  ])('of %j is %j', (text, line) => {
    expect(lastLine(text)).toBe(line);
  });

  it.each(['', '\n\n', ' \u0000\u0007 \n'])('of %j is none', (text) => {
    expect(lastLine(text)).toBeUndefined();
  });

  it('is cut at a whole character', () => {
    for (const begin of ['', 'a', 'ab', 'abc']) {
      const line = lastLine(`${begin}${'😀'.repeat(300)}\n`)!;
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LAST_LINE_BYTES_MAX);
      expect(line).toMatch(/^a?b?c?(😀)+…$/u);
    }
    expect(lastLine('x'.repeat(LAST_LINE_BYTES_MAX))).toBe('x'.repeat(LAST_LINE_BYTES_MAX));
  });

  it('is text, whatever the bytes are', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const line = lastLineIn(bytes)!;
    expect(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(line))).toBe(line);
    expect(line).not.toMatch(/\p{Cc}/u);
  });
});
