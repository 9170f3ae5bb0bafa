import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonIfThere, readTextIfThere, writeWhole } from './files.js';
import { lockHolder, releaseLock, takeLock, type Holder } from './lock.js';
import { stopLeftBehind } from './left-behind.js';
import type { RunningProcess } from './supervisor.js';
import { NotInTime, until } from './waiting.js';

/** Longer than the graces of all stages of a launcher's stop together. */
const SWEEP_WITHIN_MS = 120_000;

/** Somebody else runs this home. The message says who and what to do. */
export class HomeTaken extends Error {}

/** The folder ORRERY_HOME: at most one launcher runs it at a time. */
export class Home {
  readonly folder: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.folder = realpathSync(folder);
  }

  get logFolder(): string {
    return join(this.folder, 'logs');
  }

  logOf(name: string): string {
    return join(this.logFolder, `${name}.log`);
  }

  get endpointsFile(): string {
    return join(this.folder, 'endpoints.json');
  }

  /** Where secrets of tasks are put when nobody names another folder; its owner's alone. */
  get secretsFolder(): string {
    const folder = join(this.folder, 'secrets');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** The bearer token of this home's operator, made once. */
  token(): string {
    const file = join(this.folder, 'token');
    const before = readTextIfThere(file)?.trim();
    if (before !== undefined && before !== '') return before;
    const token = randomBytes(24).toString('base64url');
    writeWhole(file, `${token}\n`, 0o600);
    return token;
  }

  /** True once `hello` was applied: an uninstalled one must not come back. */
  hasMark(name: string): boolean {
    return existsSync(join(this.folder, `${name}.done`));
  }

  mark(name: string): void {
    writeWhole(join(this.folder, `${name}.done`), '');
  }

  /** Takes the home and stops what a killed launcher left running in it. */
  async take(say: (line: string) => void): Promise<void> {
    await this.lockFor('up');
    const left = await this.stopLeftBehind();
    if (left.length > 0) say(`stopped ${left.map(({ name }) => name).join(', ')}, left by a launcher that was killed`);
  }

  /** Like `take`, but gives way to a launcher that has come meanwhile, since that one does the same. */
  async sweep(): Promise<readonly RunningProcess[]> {
    if (takeLock(this.lockFile, 'sweep') !== undefined) return [];
    try {
      return await this.stopLeftBehind();
    } finally {
      this.release();
    }
  }

  record(running: readonly RunningProcess[]): void {
    writeWhole(this.pidsFile, `${JSON.stringify(running)}\n`);
  }

  recorded(): readonly RunningProcess[] {
    return readJsonIfThere<RunningProcess[]>(this.pidsFile) ?? [];
  }

  /** The living process that runs this home. */
  holder(): Holder | undefined {
    return lockHolder(this.lockFile);
  }

  release(): void {
    releaseLock(this.lockFile);
  }

  private get lockFile(): string {
    return join(this.folder, 'launcher.lock');
  }

  private get pidsFile(): string {
    return join(this.folder, 'pids.json');
  }

  private async stopLeftBehind(): Promise<readonly RunningProcess[]> {
    const stopped = await stopLeftBehind(this.recorded());
    this.record([]);
    return stopped;
  }

  private async lockFor(purpose: 'up'): Promise<void> {
    try {
      await until(
        () => {
          const holder = takeLock(this.lockFile, purpose);
          if (holder?.purpose === 'up')
            throw new HomeTaken(`${this.folder} is already run by process ${holder.pid}: \
use it, or stop it with \`npx orrery down\`, or set ORRERY_HOME to another folder`);
          return holder === undefined ? true : undefined;
        },
        { what: `the end of the clean-up in ${this.folder}`, withinMs: SWEEP_WITHIN_MS },
      );
    } catch (error) {
      if (!(error instanceof NotInTime)) throw error;
      throw new HomeTaken(`${error.message}: process ${this.holder()?.pid ?? '?'} is still at it`);
    }
  }
}
