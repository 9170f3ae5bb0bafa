import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { ControlLoop } from './host.js';
import type { ShardStatus } from './shard/shard-state.js';

/**
 * The Nest transport of an owner: `NestFactory.createMicroservice(Module, { strategy: new JournalServer(loop) })`. Nest wires and
 * ends the process; messages never pass through it one by one, since a journal is an ordered fold and no request/reply.
 */
export class JournalServer implements CustomTransportStrategy {
  readonly transportId = Symbol('orrery-journal');
  readonly #loop: ControlLoop;
  #started: Promise<void> | undefined;

  constructor(loop: ControlLoop) {
    this.#loop = loop;
  }

  /** Starts the loop, once: here, for who can't wait until Nest is there, or else when Nest listens. */
  start(): Promise<void> {
    return (this.#started ??= this.#loop.start());
  }

  /** Listening once every shard stands by. A shard that failed shows in `health`. */
  async listen(listening: (error?: unknown) => void): Promise<void> {
    try {
      await this.start();
      listening();
    } catch (error) {
      listening(error);
    }
  }

  async close(): Promise<void> {
    await this.#loop.stop();
  }

  get beyondHelp(): Promise<Error> {
    return this.#loop.beyondHelp;
  }

  get health(): LoopHealth {
    return healthOf(this.#loop.status());
  }
}

export interface LoopHealth {
  /** False: a shard met what must not be. Starting the process again helps only if its cause is gone. */
  readonly live: boolean;
  /** Every shard has loaded its state, so that any of them could be owned here. */
  readonly ready: boolean;
  readonly shards: readonly ShardStatus[];
}

export function healthOf(shards: readonly ShardStatus[]): LoopHealth {
  const loaded = new Set(['standby', 'taking-over', 'owning']);
  return {
    live: shards.every(({ state }) => state !== 'failed'),
    ready: shards.every(({ state }) => loaded.has(state)),
    shards,
  };
}
