import { journalTopic, commandTopic, quarantineTopic, type JournalRecord } from '@orrery/contracts';
import {
  auditJournal,
  followJournals,
  hostDecider,
  provisionJournal,
  systemClock,
  type AuditReport,
  type ControlLoop,
  type FollowerStart,
  type JournalFollower,
  type Log,
  type LoopSignal,
  type OutgoingMessage,
} from '@orrery/control-loop';
import { KafkajsLog, KafkajsTopics } from '@orrery/kafka';
import {
  commandMessage,
  eventually,
  InMemoryRegistry,
  InMemorySnapshots,
  ManualHint,
  SeededRandom,
  toyDecider,
  toyHosting,
  type ToyCommand,
} from '@orrery/testing';
import { FaultyProcess } from './faulty-process.js';
import { declaration, freshName, kafka } from './infrastructure.js';
import { PrefixedLog } from './prefixed-log.js';

const MOVES = 30;
const INSTANCES = ['ann', 'ben', 'cleo'];
const SOURCE = { domain: 'services', cell: 0, folding: toyDecider } as const;

describe('owners of one journal who all believe that it is theirs, on a broker', () => {
  const logs = new Map<string, KafkajsLog>();

  beforeAll(() => {
    for (const name of ['reader', ...INSTANCES]) logs.set(name, new KafkajsLog({ ...kafka, clientId: name }));
  });
  afterAll(async () => {
    await Promise.all([...logs.values()].map((log) => log.close()));
  });

  it.each([1, 2, 3])(
    'write one history, in which each command took effect once, whoever pauses, is late, or hears no answer (seed %i)',
    async (seed) => {
      const fight = await Fight.begin(seed, logs);
      try {
        for (let move = 0; move < MOVES; move++) await fight.move();
        await fight.settle();
        await fight.judge();
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}\n${fight.describe()}`, { cause: error });
      } finally {
        await fight.end();
      }
    },
  );
});

class Owner {
  readonly hint = new ManualHint();
  readonly process: FaultyProcess;
  readonly loop: ControlLoop;
  readonly signals: LoopSignal[] = [];

  constructor(
    readonly instance: string,
    log: Log,
    { random, ...stores }: { random: SeededRandom; snapshots: InMemorySnapshots; registry: InMemoryRegistry },
  ) {
    this.process = new FaultyProcess(log, random.fork(`${instance}/faults`));
    const { clock } = this.process;
    const observe = (signal: LoopSignal): void => void this.signals.push(signal);
    this.loop = hostDecider(
      toyHosting,
      { ...stores, log: this.process.log, clock, random: random.fork(instance), hint: this.hint, observe },
      { instance, cells: 1, groupInputsMax: 5, snapshotEveryEvents: 100 },
    );
  }

  get status() {
    return this.loop.status()[0]!;
  }

  seqsCommitted(): number[] {
    return this.signals.flatMap((signal) => (signal.kind === 'committed' ? [signal.seq] : []));
  }

  count(kind: LoopSignal['kind']): number {
    return this.signals.filter((signal) => signal.kind === kind).length;
  }
}

/** Three owners, clients that write to them, and a reader that nothing ever happens to. */
class Fight {
  readonly #random: SeededRandom;
  readonly #log: Log;
  readonly #snapshots = new InMemorySnapshots();
  readonly #registry = new InMemoryRegistry();
  readonly #owners: readonly Owner[];
  readonly #reader: JournalFollower<typeof SOURCE>;
  readonly #followers: JournalFollower<typeof SOURCE>[] = [];
  /** counter -> what it must come to. */
  readonly #expected = new Map<string, { value: number; changes: number }>();
  readonly #sent: OutgoingMessage[] = [];
  #commands = 0;
  #report: AuditReport | undefined;

  static async begin(seed: number, logs: ReadonlyMap<string, Log>): Promise<Fight> {
    const prefix = `${freshName('fight')}.`;
    const names = [journalTopic('services'), commandTopic('services'), quarantineTopic];
    await new KafkajsTopics(kafka).ensureTopics(names.map((name) => declaration(prefix + name)));
    const fight = new Fight(seed, (name) => new PrefixedLog(logs.get(name)!, prefix));
    await fight.#start();
    return fight;
  }

  private constructor(seed: number, logOf: (name: string) => Log) {
    this.#random = new SeededRandom(seed);
    this.#log = logOf('reader');
    const stores = { random: this.#random, snapshots: this.#snapshots, registry: this.#registry };
    this.#owners = INSTANCES.map((instance) => new Owner(instance, logOf(instance), stores));
    this.#reader = this.#newFollower({ from: 'zero' });
  }

  async #start(): Promise<void> {
    const ports = { log: this.#log, registry: this.#registry, clock: systemClock, random: this.#random };
    await provisionJournal(ports, { domain: 'services', cell: 0, cells: 1 });
    await Promise.all([this.#reader.start(), ...this.#owners.map(({ loop }) => loop.start())]);
    this.#hint(this.#owners.length);
  }

  /** Clients go on, the hint goes round, somebody pauses; then the journal must have gone on too. */
  async move(): Promise<void> {
    const random = this.#random;
    const before = this.#seq;
    await this.#sendSome(1 + random.below(20));
    if (random.chance(0.8)) this.#hint(random.pick([1, 2, 3, 3]));
    if (random.chance(0.2)) random.pick(this.#owners).process.pause(300 + random.below(700));
    const records = 1 + random.below(3);
    await eventually(() => this.#seq >= before + records || this.#isDone(), {
      withinMs: 15_000,
      everyMs: 5,
      what: `${records} records after seq ${before}`,
    });
  }

  /** One is hinted, nothing goes wrong any more: everything that was asked for is done. */
  async settle(): Promise<void> {
    await Promise.all(this.#owners.map(({ process }) => process.heal()));
    const [owner, ...others] = this.#owners as [Owner, ...Owner[]];
    for (const { hint } of others) hint.name();
    owner.hint.name(0);
    await eventually(() => this.#isDone(), { withinMs: 15_000, everyMs: 10, what: 'all commands took effect' });
    const isQuiet = async (): Promise<boolean> => {
      await this.#reader.caughtUp();
      const states = this.#owners.map(({ status }) => `${status.state}@${status.seq}`);
      return states.join() === [`owning@${this.#seq}`, ...others.map(() => `standby@${this.#seq}`)].join();
    };
    await eventually(isQuiet, { withinMs: 10_000, everyMs: 10, what: 'one owns and all have read everything' });
  }

  async judge(): Promise<void> {
    const owners = new Map<number, { readonly writer: string; readonly instance: string }>();
    const commits: Extract<JournalRecord, { kind: 'Commit' }>[] = [];
    const report = await auditJournal(this.#ports, {
      ...SOURCE,
      onRecord: (record) => {
        if (record.kind === 'Commit') commits.push(record);
        if (record.kind !== 'TermStarted') return;
        expect(owners.has(record.term)).toBe(false);
        owners.set(record.term, record);
      },
    });
    this.#report = report;
    expect(report).toMatchObject({ stopped: undefined, clean: true });
    expect(new Set(report.voidRecords.map(({ reason }) => reason))).toEqual(new Set(['late']));
    expect(report.position.seq).toBe(report.accepted - 1);
    expect(report.snapshots.length).toBeGreaterThan(0);
    expect(owners.size).toBeGreaterThan(MOVES / 5);
    expect(new Set([...owners.values()].map(({ writer }) => writer)).size).toBe(owners.size);
    for (const { term, writer } of commits) expect(writer).toBe(owners.get(term)!.writer);
    this.#judgeBeliefs(commits, owners);
    this.#judgeEffects(commits);
    await this.#judgeDigests(report);
  }

  /** Who believes that a commit of his was accepted is right, and nobody else believes it. */
  #judgeBeliefs(commits: readonly JournalRecord[], owners: ReadonlyMap<number, { readonly instance: string }>): void {
    for (const owner of this.#owners) {
      const his = commits.filter(({ term }) => owners.get(term)!.instance === owner.instance);
      expect(owner.seqsCommitted()).toEqual(his.map(({ seq }) => seq));
      expect(owner.signals.filter(({ kind }) => kind === 'stopped' || kind === 'alarm')).toEqual([]);
    }
    expect(this.#count('in-doubt')).toBeGreaterThan(0);
    expect(this.#count('rolled-back')).toBeGreaterThan(0);
  }

  #judgeEffects(commits: readonly Extract<JournalRecord, { kind: 'Commit' }>[]): void {
    const accepted = commits.flatMap(({ events }) =>
      events.flatMap(({ type, cause }) => (type === 'CommandAccepted' && 'command' in cause ? [cause.command] : [])),
    );
    expect([...accepted].sort()).toEqual(Array.from({ length: this.#commands }, (_, n) => commandId(n + 1)).sort());
    expect(this.#counters()).toEqual(Object.fromEntries(this.#expected));
  }

  async #judgeDigests({ digest, position }: AuditReport): Promise<void> {
    const late = this.#newFollower({ from: 'zero' });
    const booted = this.#newFollower({ from: 'snapshot' });
    await Promise.all([late.start(), booted.start()]);
    for (const follower of [this.#reader, late, booted]) {
      await follower.caughtUp();
      expect(follower.foldOf(SOURCE).digest(follower.positions()['services/0']!)).toBe(digest);
    }
    for (const { loop } of this.#owners) {
      const told = await eventually(() => loop.digests()[0], { withinMs: 5_000, what: 'no snapshot is being taken' });
      expect(told).toEqual({ seq: position.seq, digest });
    }
  }

  /** For the message of a failed run. */
  describe(): string {
    const owners = this.#owners.map(({ instance, status, process }) => ({
      instance,
      status,
      faults: Object.fromEntries(process.faults),
    }));
    const { terms, accepted, voidRecords, stopped } = this.#report ?? {};
    const inDoubt = this.#count('in-doubt');
    const rolledBack = this.#count('rolled-back');
    const counts = { commands: this.#commands, accepted, terms, voids: voidRecords?.length, inDoubt, rolledBack };
    return JSON.stringify({ ...counts, stopped, owners });
  }

  async end(): Promise<void> {
    await Promise.all(this.#owners.map(({ process }) => process.heal()));
    await Promise.all(this.#owners.map(({ loop }) => loop.stop()));
    await Promise.all(this.#followers.map((follower) => follower.stop()));
  }

  async #sendSome(count: number): Promise<void> {
    const messages: OutgoingMessage[] = [];
    for (let n = 0; n < count; n++) {
      const message = this.#newCommand();
      messages.push(message);
      if (this.#random.chance(0.1)) messages.push(message);
      if (this.#random.chance(0.1) && this.#sent.length > 0) messages.push(this.#random.pick(this.#sent));
    }
    this.#sent.push(...messages);
    await this.#log.publish(
      commandTopic('services'),
      messages.map((message) => ({ ...message, partition: 0 })),
    );
  }

  #newCommand(): OutgoingMessage {
    this.#commands += 1;
    const id = commandId(this.#commands);
    const nowMs = systemClock.nowMs();
    const shared = { counter: `shared ${this.#random.below(5)}`, amount: 1 + this.#random.below(9) };
    const dueMs = nowMs + this.#random.below(500);
    const [command, more, changes] = this.#random.pick<readonly [ToyCommand & { counter: string }, number, number]>([
      [{ type: 'Add', ...shared }, shared.amount, 1],
      [{ type: 'Add', counter: id, amount: this.#commands }, this.#commands, 1],
      [{ type: 'Schedule', counter: id, dueMs }, 1, 1],
      // Three decisions, the second and third without an input from outside.
      [{ type: 'Count', counter: id, times: 7 }, 7, 3],
    ]);
    this.#expect(command.counter, more, changes);
    return commandMessage(id, command, { nowMs });
  }

  #expect(counter: string, more: number, times: number): void {
    const { value, changes } = this.#expected.get(counter) ?? { value: 0, changes: 0 };
    this.#expected.set(counter, { value: value + more, changes: changes + times });
  }

  #hint(named: number): void {
    const first = this.#random.below(this.#owners.length);
    this.#owners.forEach(({ hint }, index) => {
      const place = (index - first + this.#owners.length) % this.#owners.length;
      if (place < named) hint.name(0);
      else hint.name();
    });
  }

  /** All that was asked for is done, or more: which of the two is judged later. */
  #isDone(): boolean {
    const { counters } = this.#state;
    return [...this.#expected].every(([counter, { changes }]) => (counters.get(counter)?.changes ?? 0) >= changes);
  }

  #counters(): Record<string, unknown> {
    return Object.fromEntries(this.#state.counters.entries());
  }

  get #state(): ReturnType<typeof toyDecider.initialState> {
    return this.#reader.foldOf(SOURCE).domain as ReturnType<typeof toyDecider.initialState>;
  }

  get #seq(): number {
    return this.#reader.positions()['services/0']!.seq;
  }

  get #ports() {
    return { log: this.#log, registry: this.#registry, snapshots: this.#snapshots, clock: systemClock };
  }

  #count(kind: LoopSignal['kind']): number {
    return this.#owners.reduce((sum, owner) => sum + owner.count(kind), 0);
  }

  #newFollower(start: FollowerStart): JournalFollower<typeof SOURCE> {
    const follower = followJournals(
      { sources: [SOURCE], start, onCommit: () => undefined, onStopped: () => undefined },
      this.#ports,
    );
    this.#followers.push(follower);
    return follower;
  }
}

function commandId(number: number): string {
  return `command-${number}`;
}
