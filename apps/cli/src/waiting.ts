import type { Call } from './call.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';

const DEFAULT_TIMEOUT_MS = 300_000;
const LOOK_AGAIN_MS = 1000;
const EVENTS_PAUSE_MS = 100;

export interface Awaited {
  readonly service?: string;
  readonly waitsFor: string;
  /** Asked when the time is over: why it is not done yet. */
  readonly why?: () => Promise<readonly string[]>;
}

export interface Look {
  readonly done: boolean;
  /** One line for people, printed the first time that it says so. */
  readonly progress: string;
}

/**
 * Waits until `look` says done. Looks again whenever the event stream says that something happened, and once a second in
 * case the stream is away; says what changed on stderr.
 */
export async function waitUntil(call: Call, what: Awaited, look: () => Promise<Look>): Promise<void> {
  const timeoutMs = call.options.timeout ?? DEFAULT_TIMEOUT_MS;
  const deadlineMs = Date.now() + timeoutMs;
  const woken = listen(call, what.service);
  // What goes to and fro, such as a task that keeps failing, is told once.
  const said = new Set<string>();
  try {
    for (;;) {
      const { done, progress } = await look();
      if (!said.has(progress)) call.output.remark(progress);
      said.add(progress);
      if (done) return;
      if (call.surroundings.interrupted.aborted)
        throw new CliError('interrupted', `stopped waiting; ${what.waitsFor} goes on`);
      if (Date.now() >= deadlineMs) throw timedOut(what.waitsFor, timeoutMs, progress, (await what.why?.()) ?? []);
      await woken.next(Math.min(LOOK_AGAIN_MS, deadlineMs - Date.now()));
    }
  } finally {
    woken.stop();
  }
}

function timedOut(waitsFor: string, timeoutMs: number, progress: string, why: readonly string[]): CliError {
  const more = 'it goes on; --timeout waits longer';
  return new CliError('not-in-time', `${waitsFor} was not complete after ${timeoutMs / 1000} s: ${progress}`, {
    remedy: [...why, more].join('\n  '),
    exitCode: exitCodes.notPlaced,
  });
}

/** Wakes its waiter when events come; a burst wakes once. */
function listen(call: Call, service: string | undefined) {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, call.surroundings.interrupted]);
  let happened = false;
  let wake = (): void => undefined;
  signal.addEventListener('abort', () => wake());
  const follow = async () => {
    for await (const _ of call.gateway.events({ follow: true, from: call.gateway.position, service }, signal)) {
      happened = true;
      wake();
    }
  };
  // Without the stream the waiter still looks once a second.
  const following = follow().catch((error: unknown) => {
    if (!signal.aborted) call.output.remark(`events can't be followed: ${(error as Error).message}`);
  });
  return {
    async next(timeoutMs: number): Promise<void> {
      if (!happened && !signal.aborted) {
        await new Promise<void>((done) => {
          const timer = setTimeout(done, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            setTimeout(done, EVENTS_PAUSE_MS);
          };
        });
      }
      happened = false;
      wake = () => undefined;
    },
    stop(): void {
      ended.abort();
      void following;
    },
  };
}
