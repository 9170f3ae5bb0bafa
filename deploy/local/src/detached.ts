import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DetachedMessage } from './foreground.js';
import { Home } from './home.js';
import { readTextIfThere } from './files.js';
import { openLog } from './log-file.js';
import type { Settings } from './settings.js';

/** Starts a launcher in the background and waits until its cluster is ready; then that one lives on by itself. */
export async function runDetached(settings: Settings, flags: readonly string[]): Promise<number> {
  const home = new Home(settings.home);
  const file = home.logOf('launcher');
  const before = (readTextIfThere(file) ?? '').length;
  const log = openLog(file);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const launcher = spawn(process.execPath, [main, 'up', ...flags, '--home', home.folder], {
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  const giveUp = () => launcher.kill('SIGTERM');
  process.once('SIGINT', giveUp).once('SIGTERM', giveUp);
  const code = await new Promise<number>((resolve, reject) => {
    launcher.on('message', ({ say, ready }: DetachedMessage) => {
      if (say !== undefined) console.error(say);
      if (ready !== undefined) resolve(0);
    });
    launcher.once('error', reject);
    launcher.once('exit', (exitCode) => {
      console.error(reasonIn((readTextIfThere(file) ?? '').slice(before)));
      resolve(exitCode ?? 1);
    });
  });
  launcher.unref();
  if (launcher.connected) launcher.disconnect();
  return code;
}

/** Progress was told while it came; why a launcher ended stands at the end of what it wrote. */
function reasonIn(written: string): string {
  const at = written.search(/^orrery: /m);
  return at === -1 ? written.trimEnd().split('\n').slice(-20).join('\n') : written.slice(at).trimEnd();
}
