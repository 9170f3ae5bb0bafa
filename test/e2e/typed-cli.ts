import { spawn, type ChildProcess } from 'node:child_process';
import { eventually } from '@orrery/testing';

/** Of util-linux: runs a command on a terminal of its own. */
const terminal = 'script';

/** The CLI at a terminal of 33 rows and 111 columns, as somebody who types and reads. */
export class TypedCli {
  #shown = '';
  readonly #child: ChildProcess;

  /** After the call, its exit code and whether the terminal shows keys and reads lines again are shown. */
  constructor(call: string, home: string) {
    const line = `stty rows 33 cols 111 echo icanon; npx orrery ${call}; echo "ended with $?"; stty -a`;
    this.#child = spawn(terminal, ['-qefc', line, '/dev/null'], {
      env: { ...process.env, SHELL: '/bin/sh', ORRERY_HOME: home },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout!.on('data', (bytes: Buffer) => (this.#shown += bytes.toString()));
  }

  get shown(): string {
    return this.#shown;
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  /** What it shows is forgotten up to there. */
  async shows(text: string): Promise<void> {
    await eventually(() => this.#shown.includes(text), {
      withinMs: 30_000,
      what: `it shows ${text}, not ${this.#shown}`,
    });
    this.#shown = this.#shown.slice(this.#shown.indexOf(text) + text.length);
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}
