import type { DomainName } from '@orrery/contracts';
import {
  hostDecider,
  journalProtocol,
  type AcceptedCommit,
  type ControlLoop,
  type LoopSignal,
  type SnapshotStore,
} from '@orrery/control-loop';
import { ManualHint } from '@orrery/testing';
import type { AnyHosting, GuestDomain } from './guest.js';
import type { Living } from './lives.js';
import { SimulatedProcess } from './simulated-process.js';
import type { World } from './world.js';

/** Alarms that no run of the protocol may raise, whatever goes wrong around it. */
const ALARMS_NEVER = new Set(['digest-differs', 'snapshot-damaged', 'fact-refused', 'idle-tick', 'clock-ahead']);
const HINT_DELAY_MS_MAX = 50;
const SKEW_MS_MAX = 1_000;

/** One of the processes that may own the shards of a domain, from life to life, watched from outside. */
export class OwnerSlot implements Living {
  process!: SimulatedProcess;
  loop!: ControlLoop;
  readonly name: string;
  readonly #world: World;
  readonly #guestDomain: GuestDomain;
  #hint!: ManualHint;
  /** Of the latest hint that is under way: an older one that comes later says nothing. */
  #hintNumber = 0;
  #lives = 0;

  constructor(world: World, guestDomain: GuestDomain, index: number) {
    this.#world = world;
    this.#guestDomain = guestDomain;
    this.name = `${guestDomain.domain}-${index}`;
    this.start();
  }

  get domain(): DomainName {
    return this.#guestDomain.domain;
  }

  start(): void {
    this.#lives += 1;
    const { random, options, registry } = this.#world;
    const identity = `${this.name}.${this.#lives}`;
    const process = new SimulatedProcess(identity, this.#world, {
      skewMs: random.below(2 * SKEW_MS_MAX) - SKEW_MS_MAX,
      onAppend: (_, hash) => this.#world.claims.onAppend(identity, hash),
    });
    const parts = {
      protocol: journalProtocol,
      log: process.log,
      random: random.fork(identity),
      snapshots: this.#snapshotsOf(process),
    };
    const { protocol, ...ports } = options.mutant?.mutate?.(parts) ?? parts;
    this.process = process;
    this.#hint = new ManualHint();
    this.loop = hostDecider(
      this.#watched(identity, this.#guestDomain.host(process)),
      {
        ...ports,
        clock: process.clock,
        registry: {
          get: (...address) => process.through(registry.get(...address)),
          put: (registration) => process.through(registry.put(registration)),
        },
        hint: this.#hint,
        observe: (signal) => this.#onSignal(identity, signal),
      },
      {
        instance: identity,
        cells: options.guest.cells,
        groupInputsMax: 8,
        saveEveryInputs: 20,
        saveEveryMs: 3_000,
        snapshotEveryEvents: 25,
        snapshotEveryMs: 4_000,
        protocol,
      },
    );
    void this.loop.start();
  }

  /** Tells the process soon which cells it should own; a paused one learns it later. */
  hintAt(cells: readonly number[]): void {
    this.#hintNumber += 1;
    const number = this.#hintNumber;
    const hint = this.#hint;
    this.process.clock.after(this.#world.random.below(HINT_DELAY_MS_MAX), () => {
      if (number === this.#hintNumber) hint.name(...cells);
    });
  }

  #watched(identity: string, hosting: AnyHosting): AnyHosting {
    const { domain } = hosting;
    const { claims, registry, options } = this.#world;
    return {
      ...hosting,
      relay: (commit: AcceptedCommit<never>, state: unknown) => {
        const cell = registry.cellOf(domain, commit.journalId) ?? 0;
        if (!claims.isKnown(domain, cell, commit.seq)) {
          this.#world.note(this.#world.run.onAccepted(domain, commit, state));
        }
        const fingerprint = options.guest.fingerprint(domain, state);
        this.#world.note(claims.onAccepted(identity, domain, cell, commit, fingerprint));
        return hosting.relay?.(commit, state) ?? [];
      },
      owning: (shard) => {
        this.#world.note(claims.onOwning(identity, domain, shard.cell, shard.term));
        return hosting.owning?.(shard) ?? { stop: () => undefined };
      },
    };
  }

  #snapshotsOf(process: SimulatedProcess): SnapshotStore {
    const store = this.#world.snapshots;
    return {
      putSlice: (...args) => process.through(store.putSlice(...args)),
      getSlice: (...args) => process.through(store.getSlice(...args)),
      putManifest: (...args) => process.through(store.putManifest(...args)),
      listManifests: (...args) => process.through(store.listManifests(...args)),
      deleteManifest: (...args) => process.through(store.deleteManifest(...args)),
    };
  }

  #onSignal(identity: string, signal: LoopSignal): void {
    this.#world.options.trace?.(identity, this.#world.clock.nowMs(), signal);
    if (signal.kind === 'stopped') this.#world.note([`STOP: ${identity} stopped: ${signal.message.slice(0, 300)}`]);
    if (signal.kind === 'alarm' && ALARMS_NEVER.has(signal.code)) {
      this.#world.note([`ALARM: ${identity}: ${signal.code}, ${signal.message}`]);
    }
  }
}
