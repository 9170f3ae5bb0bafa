import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Call } from '../call.js';
import { CliError } from '../cli-error.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';

export async function up(call: Call): Promise<ExitCode> {
  const { detach, agents, instances, infra, secrets, simulate } = call.options;
  const { disk, reserve } = call.options as { disk?: readonly string[]; reserve?: readonly string[] };
  return launch(call, [
    'up',
    ...(detach === true ? ['--detach'] : []),
    ...(agents === undefined ? [] : ['--agents', String(agents)]),
    ...(simulate === true ? ['--simulate'] : []),
    ...(instances === undefined ? [] : ['--instances', String(instances)]),
    ...(infra === undefined ? [] : ['--infra', String(infra)]),
    ...(secrets === undefined ? [] : ['--secrets', resolve(call.surroundings.folder, String(secrets))]),
    ...(disk ?? []).flatMap((each) => ['--disk', each]),
    ...(reserve ?? []).flatMap((each) => ['--reserve', each]),
  ]);
}

export async function down(call: Call): Promise<ExitCode> {
  return launch(call, ['down']);
}

export async function status(call: Call): Promise<ExitCode> {
  const { output } = call.options;
  return launch(call, ['status', ...(output === undefined || output === 'table' ? [] : ['-o', output])]);
}

/** Runs the local launcher in place of this process: same terminal, same signals, same exit code. */
async function launch(call: Call, words: readonly string[]): Promise<ExitCode> {
  const launcher = launcherFile();
  if (!existsSync(launcher)) {
    throw new CliError('not-built', `the local launcher is not built: there is no ${launcher}`, {
      remedy: 'run `npm start` or `npm run build` in a checkout',
    });
  }
  const child = spawn(process.execPath, [launcher, ...words], {
    stdio: 'inherit',
    cwd: call.surroundings.folder,
    env: { ...call.surroundings.environment },
  });
  // Ctrl-C reaches the launcher by the terminal; this process waits until it has stopped everything in order.
  const wait = () => undefined;
  process.on('SIGINT', wait).on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await new Promise<number>((done, failed) =>
    child.on('error', failed).on('exit', (exit) => done(exit ?? 1)),
  );
  process.off('SIGINT', wait);
  return Object.values<number>(exitCodes).includes(code) ? (code as ExitCode) : exitCodes.error;
}

function launcherFile(): string {
  return join(fileURLToPath(new URL('../../../../', import.meta.url)), 'deploy', 'local', 'dist', 'main.js');
}
