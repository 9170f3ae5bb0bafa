import type { DomainEvent } from '@orrery/kernel';
import type { OwnershipHint } from './ports/ownership-hint.js';
import type { Hosting } from './shard/hosting.js';
import { resolveSettings, type LoopPorts, type LoopSettings } from './shard/settings.js';
import { HostedShard } from './shard/hosted-shard.js';
import type { ShardStatus } from './shard/shard-state.js';

/** All shards of one decider in one process: each stands by, and owns where the hint and the journal agree. */
export interface ControlLoop {
  /** Resolves once every shard stands by (or has failed, see `status`) and the hint was asked for. */
  start(): Promise<void>;
  /** Leaves the hint first, so that another instance takes over at once; what is in flight is settled. */
  stop(): Promise<void>;
  status(): ShardStatus[];
  /** Digest of each shard's accepted state; none for a shard with a decision open or a snapshot under way. */
  digests(): ({ readonly seq: number; readonly digest: string } | undefined)[];
}

export function hostDecider<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent>(
  hosting: Hosting<Command, Foreign, Report, Internal, State, Event>,
  ports: LoopPorts & { readonly hint: OwnershipHint },
  settings: LoopSettings,
): ControlLoop {
  const resolved = resolveSettings(settings);
  const shards = Array.from({ length: settings.cells }, (_, cell) => new HostedShard(hosting, cell, ports, resolved));
  return {
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
