import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.js';
import { openLog } from './log-file.js';
import { checkout } from './settings.js';

/**
 * A shell that waits for the end of this launcher. Whatever ends it, `kill -9` too, closes the pipe between them, and
 * the guardian then stops what is still running: no process of a home outlives its launcher by more than its grace.
 */
export function guardHome(home: Home): { readonly dismiss: () => void } {
  const log = openLog(join(home.logFolder, 'guardian.log'));
  const main = join(checkout, 'deploy', 'local', 'dist', 'main.js');
  const script = 'read -r word; [ "$word" = dismissed ] || exec "$0" "$@"';
  const guardian = spawn('sh', ['-c', script, process.execPath, main, 'sweep', '--home', home.folder], {
    stdio: ['pipe', log, log],
    detached: true,
  });
  closeSync(log);
  guardian.unref();
  // The guardian may be killed as well; then the next `up` does its work.
  guardian.stdin?.on('error', () => undefined);
  return { dismiss: () => void guardian.stdin?.end('dismissed\n') };
}
