import { exitMessage } from './exit-status.js';

it.each([
  [{ code: 3 }, 'exited with code 3'],
  [{ code: 0 }, 'exited with code 0'],
  [{ signal: 'SIGKILL' }, 'killed by SIGKILL'],
  [{ signal: 'SIGKILL', oom: true }, 'out of memory: it used more than its limit'],
  [{}, undefined],
])('says of the exit %j: %s', (exit, message) => {
  expect(exitMessage(exit)).toBe(message);
});
