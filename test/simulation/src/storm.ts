import { createHash } from 'node:crypto';
import { commandTopic, journalTopic, type DomainName, type JournalRecord } from '@orrery/contracts';
import {
  hostDecider,
  journalProtocol,
  judge,
  provisionJournal,
  ShardFold,
  startOf,
  type AcceptedCommit,
  type ControlLoop,
  type LoopSignal,
  type OutgoingMessage,
  type SnapshotStore,
} from '@orrery/control-loop';
import {
  InMemoryLog,
  InMemoryRegistry,
  InMemorySnapshots,
  ManualClock,
  ManualHint,
  noFaults,
  SeededRandom,
  type LogFaults,
} from '@orrery/testing';
import { Claims } from './claims.js';
import type { AnyHosting, Guest } from './guest.js';
import type { Mutant } from './mutants.js';
import { SimulatedProcess } from './simulated-process.js';

export interface StormResult {
  readonly seed: number;
  readonly steps: number;
  readonly violations: readonly string[];
  /** Digest of everything that was written: equal for equal seeds. */
  readonly fingerprint: string;
  readonly commits: number;
}

export type Trace = (process: string, nowMs: number, signal: LoopSignal) => void;

interface Slot {
  readonly name: string;
  readonly hosting: AnyHosting;
  incarnation: number;
  process: SimulatedProcess;
  loop: ControlLoop;
  hint: ManualHint;
  /** Of the latest hint that is under way: an older one that comes later says nothing. */
  hintNumber: number;
}

const INSTANCES = 2;
const STEP_MS_MAX = 120;
const REST_MS_MAX = 240_000;

/** One run: a storm of everything that goes wrong, from one seed, then calm, then a look at what is left. */
export class Storm {
  readonly #guest: Guest;
  readonly #mutant: Mutant | undefined;
  readonly #trace: Trace | undefined;
  readonly #steps: number;
  readonly #random: SeededRandom;
  readonly #clock = new ManualClock();
  readonly #log: InMemoryLog;
  readonly #snapshots = new InMemorySnapshots();
  readonly #registry = new InMemoryRegistry();
  readonly #claims = new Claims();
  readonly #violations = new Set<string>();
  readonly #sent: { readonly topic: string; readonly partition: number; readonly message: OutgoingMessage }[] = [];
  #slots: Slot[] = [];
  #commands = 0;

  constructor(options: {
    readonly seed: number;
    readonly steps: number;
    readonly guest: Guest;
    readonly mutant?: Mutant;
    /** Told every signal of every process, for whoever looks into a seed. */
    readonly trace?: Trace;
  }) {
    this.#guest = options.guest;
    this.#mutant = options.mutant;
    this.#trace = options.trace;
    this.#steps = options.steps;
    this.#random = new SeededRandom(options.seed);
    const durability = options.mutant?.belowHighWatermark === false ? 'leader' : 'replicated';
    this.#log = new InMemoryLog(this.#clock, { random: this.#random.fork('log'), faults: { ...noFaults }, durability });
  }

  async run(): Promise<StormResult> {
    for (const { domain } of this.#guest.hostings) {
      for (let cell = 0; cell < this.#guest.cells; cell += 1) {
        const ports = { log: this.#log, registry: this.#registry, clock: this.#clock, random: this.#random };
        await this.#clock.advanceWhile(provisionJournal(ports, { domain, cell, cells: this.#guest.cells }));
      }
    }
    this.#slots = this.#guest.hostings.flatMap((hosting) =>
      Array.from({ length: INSTANCES }, (_, index) => this.#startSlot(`${hosting.domain}-${index}`, hosting, 0)),
    );
    Object.assign(this.#log.faults, this.#drawFaults());
    const snapshotsFail = this.#random.chance(0.3) ? 0.5 : 0;
    const failing = this.#random.fork('snapshots');
    this.#snapshots.failing = () => failing.chance(snapshotsFail);
    this.#moveHints();

    let step = 0;
    for (; step < this.#steps && this.#violations.size === 0; step += 1) {
      this.#act();
      await this.#clock.advance(this.#random.below(STEP_MS_MAX));
    }
    if (this.#violations.size === 0) await this.#calm();
    return this.#result(step);
  }

  #act(): void {
    const drawn = this.#random.fraction();
    if (drawn < 0.5) this.#sendCommand();
    else if (drawn < 0.58) this.#sendAgain();
    else if (drawn < 0.6) this.#sendGarbage();
    else if (drawn < 0.68) this.#moveHints();
    else if (drawn < 0.76) this.#pauseOrResume();
    else if (drawn < 0.82) this.#killOrStart();
    else if (drawn < 0.84)
      this.#log.changeLeader({ topic: journalTopic(this.#random.pick(this.#guest.hostings).domain), partition: 0 });
  }

  #drawFaults(): Partial<LogFaults> {
    const often = (most: number) => (this.#random.chance(0.5) ? this.#random.fraction() * most : 0);
    return {
      lost: often(0.2),
      acknowledgementLost: often(0.2),
      late: often(0.2),
      doubled: often(0.2),
      leaderChange: often(0.05),
      readFails: often(0.1),
      lateMsMax: 1 + this.#random.below(5_000),
      latencyMsMax: this.#random.below(40),
    };
  }

  #sendCommand(): void {
    this.#commands += 1;
    const { domain, cell, message } = this.#guest.command(this.#random, this.#clock.nowMs(), this.#commands);
    this.#send(commandTopic(domain), cell, message);
    this.#sent.push({ topic: commandTopic(domain), partition: cell, message });
    if (this.#sent.length > 30) this.#sent.shift();
  }

  #sendAgain(): void {
    if (this.#sent.length === 0) return;
    const { topic, partition, message } = this.#random.pick(this.#sent);
    const other = this.#random.chance(0.2)
      ? { ...message, value: Buffer.concat([message.value, Buffer.from(' ')]) }
      : message;
    this.#send(topic, partition, other);
  }

  #sendGarbage(): void {
    this.#send(commandTopic(this.#random.pick(this.#guest.hostings).domain), 0, { value: Buffer.from([0xff, 0x00]) });
  }

  /** A client's own retries do not matter here: what is in the topic counts. */
  #send(topic: string, partition: number, message: OutgoingMessage): void {
    this.#log.append({ topic, partition }, message).catch(() => undefined);
  }

  #moveHints(): void {
    for (const { domain } of this.#guest.hostings) {
      const slots = this.#slots.filter((slot) => slot.hosting.domain === domain);
      const drawn = this.#random.fraction();
      const named = drawn < 0.75 ? [this.#random.pick(slots)] : drawn < 0.9 ? slots : [];
      this.#nameOwners(slots, named);
    }
  }

  #nameOwners(slots: readonly Slot[], named: readonly Slot[]): void {
    const cells = Array.from({ length: this.#guest.cells }, (_, cell) => cell);
    for (const slot of slots) {
      slot.hintNumber += 1;
      const number = slot.hintNumber;
      slot.process.clock.after(this.#random.below(50), () => {
        if (number === slot.hintNumber) slot.hint.name(...(named.includes(slot) ? cells : []));
      });
    }
  }

  #pauseOrResume(): void {
    const { process } = this.#random.pick(this.#slots);
    if (process.paused) process.resume();
    else process.pause();
  }

  #killOrStart(): void {
    const index = this.#random.below(this.#slots.length);
    const slot = this.#slots[index]!;
    if (slot.process.dead) this.#slots[index] = this.#startSlot(slot.name, slot.hosting, slot.incarnation + 1);
    else slot.process.kill();
  }

  #startSlot(name: string, hosting: AnyHosting, incarnation: number): Slot {
    const identity = `${name}.${incarnation}`;
    const process = new SimulatedProcess(
      identity,
      { clock: this.#clock, log: this.#log },
      {
        skewMs: this.#random.below(2_000) - 1_000,
        onAppend: (_, hash) => this.#claims.onAppend(identity, hash),
      },
    );
    const hint = new ManualHint();
    const parts = {
      protocol: journalProtocol,
      log: process.log,
      random: this.#random.fork(identity),
      snapshots: this.#snapshotsOf(process),
    };
    const { protocol, ...ports } = this.#mutant?.mutate?.(parts) ?? parts;
    const loop = hostDecider(
      this.#watched(identity, hosting),
      {
        ...ports,
        clock: process.clock,
        registry: {
          get: (...address) => process.through(this.#registry.get(...address)),
          put: (registration) => this.#registry.put(registration),
        },
        hint,
        observe: (signal) => this.#onSignal(identity, signal),
      },
      {
        instance: identity,
        cells: this.#guest.cells,
        groupInputsMax: 8,
        saveEveryInputs: 20,
        saveEveryMs: 3_000,
        snapshotEveryEvents: 25,
        snapshotEveryMs: 4_000,
        protocol,
      },
    );
    void loop.start();
    return { name, hosting, incarnation, process, loop, hint, hintNumber: 0 };
  }

  #watched(identity: string, hosting: AnyHosting): AnyHosting {
    const { domain } = hosting;
    return {
      ...hosting,
      relay: (commit: AcceptedCommit<never>, state: unknown) => {
        const fingerprint = this.#guest.fingerprint(domain, state);
        // A record names no cell of its own: its journal does, and that is known by the id.
        const cell = this.#cellOf(domain, commit.journalId);
        this.#note(this.#claims.onAccepted(identity, domain, cell, commit, fingerprint));
        return hosting.relay?.(commit, state) ?? [];
      },
      owning: (shard) => {
        this.#note(this.#claims.onOwning(identity, domain, shard.cell, shard.term));
        return hosting.owning?.(shard) ?? { stop: () => undefined };
      },
    };
  }

  #cellOf(domain: DomainName, journalId: string): number {
    return this.#registry.cellOf(domain, journalId) ?? 0;
  }

  #snapshotsOf(process: SimulatedProcess): SnapshotStore {
    const store = this.#snapshots;
    return {
      putSlice: (...args) => process.through(store.putSlice(...args)),
      getSlice: (...args) => process.through(store.getSlice(...args)),
      putManifest: (...args) => process.through(store.putManifest(...args)),
      listManifests: (...args) => process.through(store.listManifests(...args)),
      deleteManifest: (...args) => process.through(store.deleteManifest(...args)),
    };
  }

  #onSignal(identity: string, signal: LoopSignal): void {
    this.#trace?.(identity, this.#clock.nowMs(), signal);
    if (signal.kind === 'stopped') this.#note([`STOP: ${identity} stopped: ${signal.message.slice(0, 300)}`]);
    if (
      signal.kind === 'alarm' &&
      ['digest-differs', 'snapshot-damaged', 'fact-refused', 'idle-tick', 'clock-ahead'].includes(signal.code)
    ) {
      this.#note([`ALARM: ${identity}: ${signal.code}, ${signal.message}`]);
    }
  }

  #note(violations: readonly string[]): void {
    for (const violation of violations) this.#violations.add(violation);
  }

  /** Nothing goes wrong any more, everybody runs, one is named: everything must come to rest and agree. */
  async #calm(): Promise<void> {
    Object.assign(this.#log.faults, { ...noFaults, latencyMsMax: 5 });
    this.#snapshots.failing = () => false;
    this.#slots = this.#slots.map((slot) => {
      slot.process.resume();
      return slot.process.dead ? this.#startSlot(slot.name, slot.hosting, slot.incarnation + 1) : slot;
    });
    for (const { domain } of this.#guest.hostings) {
      const slots = this.#slots.filter((slot) => slot.hosting.domain === domain);
      this.#nameOwners(slots, [this.#random.pick(slots)]);
    }
    let unrest: string[] = ['nothing was looked at'];
    for (
      let passedMs = 0;
      passedMs < REST_MS_MAX && unrest.length > 0 && this.#violations.size === 0;
      passedMs += 2_000
    ) {
      await this.#clock.advance(2_000);
      unrest = this.#unrest();
    }
    this.#note(unrest.map((what) => `REST: after ${REST_MS_MAX / 1000} s of calm, ${what}`));
  }

  /** What keeps the world from being at rest and in agreement with its journals. */
  #unrest(): string[] {
    const checker = this.#guest.checker();
    const found = this.#guest.hostings.flatMap((hosting) =>
      Array.from({ length: this.#guest.cells }, (_, cell) => cell).flatMap((cell) =>
        this.#unrestOf(hosting, cell, checker),
      ),
    );
    return found.length > 0 ? found : checker.atRest();
  }

  #unrestOf(hosting: AnyHosting, cell: number, checker: ReturnType<Guest['checker']>): string[] {
    const { domain } = hosting;
    const truth = this.#truthOf(hosting, cell, (record) => this.#note(checker.onRecord(domain, cell, record)));
    const slots = this.#slots.filter((slot) => slot.hosting.domain === domain);
    const owners = slots.filter(({ loop }) => loop.status()[cell]!.state === 'owning');
    const apart = slots.filter(({ loop }) => loop.digests()[cell]?.digest !== truth.digest);
    const undecided = this.#undecided(domain, cell, truth.outcomes);
    return [
      ...(owners.length === 1 ? [] : [`${domain}/${cell} has ${owners.length} owners`]),
      ...apart.map(
        ({ name, loop }) =>
          `${name} is apart from the journal at seq ${truth.seq}: ${JSON.stringify(loop.status()[cell])}`,
      ),
      ...(undecided.length === 0
        ? []
        : [`${undecided.length} commands of ${domain}/${cell} are undecided: ${undecided.slice(0, 3).join(' ')}`]),
    ];
  }

  /** The fold from zero by the rules themselves, from what is in the log. */
  #truthOf(hosting: AnyHosting, cell: number, onRecord: (record: JournalRecord) => void) {
    const registration = this.#registry.registered(hosting.domain, cell)!;
    const fold = new ShardFold<object, never>(hosting.decider as never);
    const outcomes = new Set<string>();
    let cursor = startOf(registration.journalId);
    const rules = { ...registration, inputsFault: fold.loop.inputsFault.bind(fold.loop) };
    for (const message of this.#log.messagesOf({ topic: journalTopic(hosting.domain), partition: cell })) {
      const verdict = judge(cursor, message, rules);
      if (verdict.kind === 'stop') {
        this.#note([`P3: ${verdict.reason}: ${verdict.message}`]);
        break;
      }
      cursor = verdict.cursor;
      if (verdict.kind === 'void') continue;
      fold.fold(verdict.record);
      onRecord(verdict.record);
      for (const id of commandsOf(verdict.record)) outcomes.add(id);
    }
    return { seq: cursor.seq, digest: fold.digest(cursor), outcomes };
  }

  #undecided(domain: DomainName, cell: number, outcomes: ReadonlySet<string>): string[] {
    return this.#log
      .messagesOf({ topic: commandTopic(domain), partition: cell })
      .flatMap(({ headers }) => (headers['ce_id'] === undefined ? [] : [headers['ce_id']]))
      .filter((id) => !outcomes.has(id));
  }

  #result(step: number): StormResult {
    const journals = this.#guest.hostings.map(({ domain }) =>
      this.#log.messagesOf({ topic: journalTopic(domain), partition: 0 }),
    );
    const digest = createHash('sha256');
    for (const messages of journals) for (const { value } of messages) digest.update(value ?? '');
    const commits = journals.reduce((sum, messages) => sum + messages.length, 0);
    return {
      seed: this.#random.seed,
      steps: step,
      violations: [...this.#violations],
      fingerprint: digest.digest('hex'),
      commits,
    };
  }
}

function commandsOf(record: JournalRecord): string[] {
  if (record.kind !== 'Commit') return [];
  return record.events.flatMap(({ type, data }) =>
    type.startsWith('Command') ? [(data as { command: string }).command] : [],
  );
}
