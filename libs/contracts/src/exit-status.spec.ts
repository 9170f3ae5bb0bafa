import { endMessage } from './exit-status.js';

it.each([
  [{ reason: 'exit-code', exit: { code: 3 } }, 'exited with code 3'],
  [{ reason: 'exit-code', exit: { code: 0 } }, 'exited with code 0'],
  [{ reason: 'signal', exit: { signal: 'SIGKILL' } }, 'killed by SIGKILL'],
  [{ reason: 'oom', exit: { signal: 'SIGKILL', oom: true } }, 'out of memory: it used more than its limit'],
  [{ reason: 'exit-code', exit: { code: 3 }, message: 'no such table' }, 'exited with code 3: no such table'],
  [{ reason: 'health-check', exit: { code: 143 }, message: 'HTTP 500' }, 'HTTP 500'],
  [{ reason: 'start-failed', message: 'no disk' }, 'no disk'],
  [{ exit: {} }, undefined],
])('says of the end %j: %s', (end, message) => {
  expect(endMessage(end)).toBe(message);
});
