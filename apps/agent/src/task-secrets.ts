import type { LaunchId, TaskTemplate } from '@orrery/contracts';
import { SecretProblem, type Observation, type SecretFolder, type TaskLaunch } from '@orrery/runtimes';

/** What a task is given beside its specification; in the memory of this process, its own environment, and files for its eyes. */
export interface TaskSecretValues {
  readonly environment: Readonly<Record<string, string>>;
  readonly files: NonNullable<TaskLaunch['secretFiles']>;
}

interface Held {
  readonly environment: TaskSecretValues['environment'];
  /** Nothing when another life of this process gave them: they may be others by now. */
  readonly values: readonly Buffer[] | undefined;
}

const NOTHING: TaskSecretValues = { environment: {}, files: [] };
/** A part of a value that is so long is as good as the value. */
const PART_CHARACTERS = 6;

/** The values that launches were started with, so that checks see them and reports don't. */
export class TaskSecrets {
  readonly #folder: Pick<SecretFolder, 'read'> | undefined;
  readonly #held = new Map<LaunchId, Held>();

  constructor(folder: Pick<SecretFolder, 'read'> | undefined) {
    this.#folder = folder;
  }

  /** For a launch that is about to start; or why it can't have what it names. */
  give(launch: LaunchId, template: TaskTemplate): TaskSecretValues | SecretProblem {
    if (template.secrets === undefined) return NOTHING;
    const read = this.#read(template.secrets);
    if (read instanceof SecretProblem) return read;
    this.#held.set(launch, { environment: read.given.environment, values: read.values });
    return read.given;
  }

  /** For a launch that an earlier life of this process has started; what can't be had any more its checks go without. */
  recall(launch: LaunchId, template: TaskTemplate | undefined): void {
    if (template?.secrets === undefined) return;
    const read = this.#read(template.secrets);
    const environment = read instanceof SecretProblem ? {} : read.given.environment;
    this.#held.set(launch, { environment, values: undefined });
  }

  environmentOf(launch: LaunchId): Readonly<Record<string, string>> {
    return this.#held.get(launch)?.environment ?? {};
  }

  forget(launch: LaunchId): void {
    this.#held.delete(launch);
  }

  /** Without the last words of the task where these may hold a part of a value. */
  censored(launch: LaunchId, template: TaskTemplate | undefined, seen: Observation): Observation {
    if (seen.state !== 'ended' || seen.lastLine === undefined || template?.secrets === undefined) return seen;
    const values = this.#held.get(launch)?.values;
    if (values !== undefined && !values.some((value) => hasPartOf(seen.lastLine!, value))) return seen;
    const { lastLine: _, ...rest } = seen;
    return rest;
  }

  #read(secrets: NonNullable<TaskTemplate['secrets']>) {
    const environment: Record<string, string> = {};
    const files: { path: string; value: Buffer }[] = [];
    const values: Buffer[] = [];
    try {
      for (const { secret, env, file } of secrets) {
        const value = this.#valueOf(secret);
        values.push(value);
        if (env !== undefined) environment[env] = textOf(secret, value);
        if (file !== undefined) files.push({ path: file, value });
      }
    } catch (error) {
      if (error instanceof SecretProblem) return error;
      throw error;
    }
    return { values, given: { environment, files } };
  }

  #valueOf(secret: string): Buffer {
    if (this.#folder !== undefined) return this.#folder.read(secret);
    throw new SecretProblem(
      'secret-missing',
      `this agent has no secrets, and the task names ${secret}: start it with --secrets FOLDER`,
    );
  }
}

/** Editors and `echo` end a file with a line break that nobody means. */
function textOf(secret: string, value: Buffer): string {
  const text = value.toString('utf8').replace(/\r?\n$/, '');
  if (!text.includes('\0') && Buffer.from(value.toString('utf8')).equals(value)) return text;
  throw new SecretProblem('secret-refused', `secret ${secret} is no text, and can't be in an environment: use file`);
}

function hasPartOf(line: string, value: Buffer): boolean {
  const text = value.toString('utf8').trim();
  if (text.length <= PART_CHARACTERS) return text !== '' && line.includes(text);
  for (let at = 0; at + PART_CHARACTERS <= line.length; at += 1) {
    if (text.includes(line.slice(at, at + PART_CHARACTERS))) return true;
  }
  return false;
}
