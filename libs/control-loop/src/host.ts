import type { DomainEvent } from '@orrery/kernel';
import type { OwnershipHint } from './ports/ownership-hint.js';
import type { Hosting } from './shard/hosting.js';
import { resolveSettings, type LoopPorts, type LoopSettings } from './shard/settings.js';
import { HostedShard } from './shard/hosted-shard.js';
import type { ShardState, ShardStatus } from './shard/shard-state.js';

/** All shards of one decider in one process: each stands by, and owns where the hint and the journal agree. */
export interface ControlLoop {
  /** Resolves once every shard stands by (or has failed, see `status`) and the hint was asked for. */
  start(): Promise<void>;
  /** Leaves the hint first, so that another instance takes over at once; what is in flight is settled. */
  stop(): Promise<void>;
  status(): ShardStatus[];
  /**
   * Resolves, at most once, with why this process had better end and be started anew: a shard that had stood by failed, so what
   * is in memory may be wrong; or no shard is left that works. A shard that fails while it loads, beside others that work, is no
   * reason: its journal is damaged, and to load it again would only hurt the others.
   */
  readonly beyondHelp: Promise<Error>;
  /** Digest of each shard's accepted state; none for a shard with a decision open or a snapshot under way. */
  digests(): ({ readonly seq: number; readonly digest: string } | undefined)[];
}

export function hostDecider<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent>(
  hosting: Hosting<Command, Foreign, Report, Internal, State, Event>,
  ports: LoopPorts & { readonly hint: OwnershipHint },
  settings: LoopSettings,
): ControlLoop {
  const resolved = resolveSettings(settings);
  let giveUp: (error: Error) => void;
  const beyondHelp = new Promise<Error>((resolve) => (giveUp = resolve));
  const onFailed = (error: Error, from: ShardState): void => {
    if (from !== 'loading' || shards.every(({ status }) => status.state === 'failed')) giveUp(error);
  };
  const shards = Array.from(
    { length: settings.cells },
    (_, cell) => new HostedShard(hosting, cell, ports, resolved, onFailed),
  );
  return {
    beyondHelp,
    async start() {
      await Promise.all(shards.map((shard) => shard.start()));
      await ports.hint.start((cells) => shards.forEach((shard) => shard.hint(cells.has(shard.cell))));
    },
    async stop() {
      shards.forEach((shard) => shard.hint(false));
      await ports.hint.stop();
      await Promise.all(shards.map((shard) => shard.stop()));
    },
    status: () => shards.map((shard) => shard.status),
    digests: () => shards.map((shard) => shard.digest()),
  };
}
