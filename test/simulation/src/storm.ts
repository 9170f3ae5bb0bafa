import { createHash } from 'node:crypto';
import { commandTopic, journalTopic } from '@orrery/contracts';
import { provisionJournal, redecideJournal, type OutgoingMessage } from '@orrery/control-loop';
import { noFaults, SeededRandom, type LogFaults } from '@orrery/testing';
import { ActorSlot, killOrStart, pauseOrResume, revive } from './lives.js';
import { OwnerSlot } from './owner-slot.js';
import { unrestOf } from './rest.js';
import { World, type StormOptions } from './world.js';

export interface StormResult {
  readonly seed: number;
  readonly steps: number;
  readonly violations: readonly string[];
  /** Digest of everything that was written: equal for equal seeds. */
  readonly fingerprint: string;
  readonly records: number;
}

const INSTANCES = 2;
const REST_MS_MAX = 300_000;
const REST_LOOK_MS = 2_000;
const COMMANDS_KEPT_MAX = 30;

/** One run: a storm of everything that goes wrong, from one seed, then calm, then a look at what is left. */
export class Storm {
  readonly #random: SeededRandom;
  readonly world: World;
  readonly #sent: { readonly topic: string; readonly partition: number; readonly message: OutgoingMessage }[] = [];
  #owners: readonly OwnerSlot[] = [];
  #actors: readonly ActorSlot[] = [];
  #commands = 0;

  constructor(options: StormOptions) {
    this.#random = new SeededRandom(options.seed);
    this.world = new World(options, this.#random);
  }

  async run(): Promise<StormResult> {
    const { clock, options, violations } = this.world;
    await this.#begin();
    let step = 0;
    for (; step < options.steps && violations.size === 0; step += 1) {
      this.#act();
      await clock.advance(this.#random.below(options.guest.stepMsMax));
    }
    if (violations.size === 0) await this.#calm();
    if (violations.size === 0) await this.#decideAgain();
    return this.#result(step);
  }

  async #begin(): Promise<void> {
    const world = this.world;
    const { clock, log, snapshots, options } = world;
    for (const { domain, cell } of world.shards) {
      const provisioned = provisionJournal(
        { ...world, random: this.#random },
        { domain, cell, cells: options.guest.cells },
      );
      await clock.advanceWhile(provisioned);
    }
    this.#owners = options.guest.domains.flatMap((domain) =>
      Array.from({ length: INSTANCES }, (_, index) => new OwnerSlot(world, domain, index)),
    );
    this.#actors = world.run.actors.map((actor) => new ActorSlot(world, actor));
    Object.assign(log.faults, this.#drawFaults());
    const snapshotsFail = this.#random.chance(0.3) ? 0.5 : 0;
    const failing = this.#random.fork('snapshots');
    snapshots.failing = () => failing.chance(snapshotsFail);
    this.#moveHints();
  }

  #act(): void {
    const living = [...this.#owners, ...this.#actors];
    const drawn = this.#random.fraction();
    if (drawn < 0.5) this.#sendCommand();
    else if (drawn < 0.58) this.#sendAgain();
    else if (drawn < 0.6) this.#sendGarbage();
    else if (drawn < 0.68) this.#moveHints();
    else if (drawn < 0.76) pauseOrResume(this.#random.pick(living));
    else if (drawn < 0.82) killOrStart(this.#random.pick(living));
    else if (drawn < 0.84) this.#changeLeader();
    else if (drawn < 0.9 && this.#actors.length > 0) this.#random.pick(this.#actors).mishap(this.#random);
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
    const { clock, options } = this.world;
    this.#commands += 1;
    const { domain, cell, message } = options.guest.command(this.#random, clock.nowMs(), this.#commands);
    this.#send(commandTopic(domain), cell, message);
    this.#sent.push({ topic: commandTopic(domain), partition: cell, message });
    if (this.#sent.length > COMMANDS_KEPT_MAX) this.#sent.shift();
  }

  #sendAgain(): void {
    if (this.#sent.length === 0) return;
    const { topic, partition, message } = this.#random.pick(this.#sent);
    const reused = { ...message, value: Buffer.concat([message.value, Buffer.from(' ')]) };
    this.#send(topic, partition, this.#random.chance(0.2) ? reused : message);
  }

  #sendGarbage(): void {
    const { domain, cell } = this.#random.pick(this.world.shards);
    this.#send(commandTopic(domain), cell, { value: Buffer.from([0xff, 0x00]) });
  }

  /** A client's own retries do not matter here: what is in the topic counts. */
  #send(topic: string, partition: number, message: OutgoingMessage): void {
    this.world.log.append({ topic, partition }, message).catch(() => undefined);
  }

  #changeLeader(): void {
    const { domain, cell } = this.#random.pick(this.world.shards);
    this.world.log.changeLeader({ topic: journalTopic(domain), partition: cell });
  }

  /** Mostly one process is named for a domain, sometimes all, sometimes none. */
  #moveHints(): void {
    for (const { domain } of this.world.options.guest.domains) {
      const owners = this.#ownersOf(domain);
      const drawn = this.#random.fraction();
      this.#nameOwners(owners, drawn < 0.75 ? [this.#random.pick(owners)] : drawn < 0.9 ? owners : []);
    }
  }

  #nameOwners(owners: readonly OwnerSlot[], named: readonly OwnerSlot[]): void {
    for (const owner of owners) owner.hintAt(named.includes(owner) ? this.world.cells : []);
  }

  #ownersOf(domain: string): OwnerSlot[] {
    return this.#owners.filter((owner) => owner.domain === domain);
  }

  /** Nothing goes wrong any more, everybody runs, one is named: everything must come to rest and agree. */
  async #calm(): Promise<void> {
    const world = this.world;
    Object.assign(world.log.faults, { ...noFaults, latencyMsMax: 5 });
    world.snapshots.failing = () => false;
    revive([...this.#owners, ...this.#actors]);
    for (const { domain } of world.options.guest.domains) {
      const owners = this.#ownersOf(domain);
      this.#nameOwners(owners, [this.#random.pick(owners)]);
    }
    let unrest: string[] = ['nothing was looked at'];
    for (let passedMs = 0; unrest.length > 0 && world.violations.size === 0; passedMs += REST_LOOK_MS) {
      if (passedMs >= REST_MS_MAX) {
        return world.note(unrest.map((what) => `REST: after ${REST_MS_MAX / 1000} s of calm, ${what}`));
      }
      await world.clock.advance(REST_LOOK_MS);
      unrest = unrestOf(world, this.#owners);
    }
  }

  /** P9: what every commit recorded is enough to decide it again, to the same events. */
  async #decideAgain(): Promise<void> {
    const { clock, log, registry, options, cells } = this.world;
    Object.assign(log.faults, noFaults);
    for (const guestDomain of options.guest.domains) {
      for (const cell of cells) {
        const { domain } = guestDomain;
        const redecided = redecideJournal(guestDomain.host(this.world), cell, { log, registry });
        const { differences } = await clock.advanceWhile(redecided);
        this.world.note(differences.map(({ seq, what }) => `P9: seq ${seq} of ${domain}/${cell}: ${what}`));
      }
    }
  }

  #result(steps: number): StormResult {
    const { shards, log, violations } = this.world;
    const digest = createHash('sha256');
    let records = 0;
    for (const { domain, cell } of shards) {
      for (const { value } of log.messagesOf({ topic: journalTopic(domain), partition: cell })) {
        digest.update(value ?? '');
        records += 1;
      }
    }
    const fingerprint = digest.digest('hex');
    return { seed: this.#random.seed, steps, violations: [...violations], fingerprint, records };
  }
}
