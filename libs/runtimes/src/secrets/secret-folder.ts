import { readFileSync, realpathSync, statSync, type Stats } from 'node:fs';
import { join, sep } from 'node:path';

/** Of one value: what an environment can hold is little more. */
export const SECRET_BYTES_MAX = 64 * 1024;

/** Why a task can't have what it names; no message has any part of a value. */
export class SecretProblem extends Error {
  constructor(
    /** `secret-missing`: nobody put it here; `secret-refused`: it is here, and not in a state to be given to anybody. */
    readonly code: 'secret-missing' | 'secret-refused',
    message: string,
  ) {
    super(message);
    this.name = 'SecretProblem';
  }
}

/**
 * What tasks of this machine may not have in their specification: one file a secret, whose path below the folder is its name.
 * Nobody but the user of this process may be able to read the folder or what is in it. Values are read when they are needed,
 * so that a file that was replaced counts from the next start on.
 */
export class SecretFolder {
  readonly #folder: string;

  /** Throws, with what to do, where others could look into the folder. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#assertKept();
  }

  /** The value as it is in the file. Throws a `SecretProblem`. */
  read(secret: string): Buffer {
    this.#assertKept();
    const named = join(this.#folder, secret);
    const file = realPathIfThere(named);
    if (file === undefined)
      throw new SecretProblem(
        'secret-missing',
        `secret ${secret} is not on this agent: write it to ${named}, mode 600`,
      );
    const refuse = (why: string) => new SecretProblem('secret-refused', `secret ${secret} ${why}`);
    if (!file.startsWith(`${realpathSync(this.#folder)}${sep}`)) throw refuse(`is a link that leads out of the folder`);
    const stat = statSync(file);
    if (!stat.isFile()) throw refuse(`is no file`);
    if (isOpenToOthers(stat)) throw refuse(`can be read by others: chmod 600 ${named}, as its owner`);
    if (stat.size > SECRET_BYTES_MAX) throw refuse(`has ${stat.size} bytes, at most ${SECRET_BYTES_MAX} are possible`);
    return readFileSync(file);
  }

  #assertKept(): void {
    const stat = statSync(this.#folder, { throwIfNoEntry: false });
    if (stat?.isDirectory() !== true)
      throw new SecretProblem('secret-missing', `the folder of secrets is not there: mkdir -m 700 ${this.#folder}`);
    if (isOpenToOthers(stat)) {
      const message = `others can look into the folder of secrets: chmod 700 ${this.#folder}, as the user of the agent`;
      throw new SecretProblem('secret-refused', message);
    }
  }
}

/** Who mounts secrets for an agent may do so as root. */
function isOpenToOthers({ mode, uid }: Stats): boolean {
  return (mode & 0o077) !== 0 || (uid !== 0 && uid !== process.geteuid?.());
}

function realPathIfThere(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
