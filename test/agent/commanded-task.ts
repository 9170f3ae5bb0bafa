import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LaunchId, StreamOrder } from '@orrery/contracts';
import { systemClock, type LogMessage } from '@orrery/control-loop';
import { detectCgroups, ExecRuntime } from '@orrery/runtimes';
import { Streams } from '../../apps/agent/src/streams.js';
import { until } from './until.js';

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

let number = 0;

/** A task that sleeps, and whoever runs commands in it: what they say, and what they are given. */
export class CommandedTask {
  readonly environment = { ORRERY_TASK: 'server' };
  readonly sent: Sent[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'orrery-commands-'));
  readonly runtime: ExecRuntime;
  readonly streams: Streams;
  // A launch runs once for ever.
  readonly launch = `9.${++number}` as LaunchId;
  /** What is sent goes nowhere while this is pending. */
  sending: Promise<void> = Promise.resolve();
  #feed: ((message: LogMessage) => void) | undefined;

  constructor() {
    const { cgroups } = detectCgroups(`test-${process.pid}`);
    this.runtime = new ExecRuntime({ folder: this.folder, cgroups, pollMs: 50 });
    this.streams = new Streams({
      clock: systemClock,
      placeOf: (of, path) => this.runtime.placeOf(of, path),
      begin: async ({ launch, cmd = [], terminal }, onOutput) => {
        const command = { words: cmd, environment: this.environment, onOutput };
        return this.runtime.exec(launch, { ...command, ...(terminal !== undefined && { terminal }) });
      },
      input: async (_, onMessage) => {
        this.#feed = onMessage;
        return async () => void (this.#feed = undefined);
      },
      send: async (_, headers, value) => {
        this.sent.push({ headers, text: Buffer.from(value).toString() });
        await this.sending;
      },
      warn: (message) => {
        throw new Error(message);
      },
    });
  }

  async start(): Promise<void> {
    const { launch, environment } = this;
    const bounds = { cpusMilli: 1000, memoryMib: 64, volumes: [], configs: [] };
    await this.runtime.start({ launch, command: 'exec sleep 600', environment, ...bounds });
  }

  async stop(): Promise<void> {
    await this.streams.close();
    await this.end();
    this.runtime.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.runtime.watch(this.launch, resolve));
    await this.runtime.stop(this.launch, 0);
    await ended;
  }

  run(line: string, more: Partial<StreamOrder> = {}): void {
    this.streams.open({
      ...{ stream: 's', launch: this.launch, kind: 'exec', cmd: ['/bin/sh', '-c', line], from: 0, follow: false },
      ...{ limitBytes: 1_000_000, untilMs: Date.now() + 60_000 },
      ...more,
    });
  }

  get isListening(): boolean {
    return this.#feed !== undefined;
  }

  give(text: string, headers: Readonly<Record<string, string>>): void {
    this.#feed!({ offset: 0, timestampMs: 0, key: null, headers, value: Buffer.from(text) } as LogMessage);
  }

  said(output = 'stdout'): string {
    return this.sent
      .filter(({ headers }) => headers['orrery-output'] === output)
      .map(({ text }) => text)
      .join('');
  }

  /** The headers of its last word. */
  async ended(): Promise<Readonly<Record<string, string>>> {
    await until(() => this.sent.at(-1)?.headers['orrery-end'] === 'true');
    return this.sent.at(-1)!.headers;
  }
}

export function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
