import { commandTopic, journalTopic, type DomainName, type JournalRecord } from '@orrery/contracts';
import { provisionJournal, type OutgoingMessage } from '@orrery/control-loop';
import { commandMessage, SeededRandom } from '@orrery/testing';
import { guestNamed } from './guests.js';
import { ActorSlot } from './lives.js';
import { OwnerSlot } from './owner-slot.js';
import { unrestOf } from './rest.js';
import { World } from './world.js';

/** A chapter is over when all that it names was told since it began, or, where it names nothing, at rest. */
interface Chapter {
  readonly happens: (stage: Stage) => void;
  readonly tells?: readonly string[];
}

const CHAPTER_MS_MAX = 120_000;
const LOOK_MS = 100;

const hello = (changes: Record<string, unknown> = {}, cmd = 'serve 1') => ({
  name: 'hello',
  role: 'eng/web',
  backoff: { 'initial-secs': 1, factor: 2, 'max-secs': 8 },
  pods: {
    web: {
      count: 3,
      tasks: { server: { cmd, cpus: 0.1, memory: 64, ports: { http: { port: 0 } }, 'kill-grace-period': 1 } },
      ...changes,
    },
  },
});
const store = {
  name: 'store',
  pods: {
    node: {
      count: 2,
      volumes: { data: { path: 'data', type: 'ROOT', size: 64 } },
      tasks: { server: { cmd: 'keep', cpus: 0.5, memory: 128 } },
    },
  },
};

/** What happens to an installation in its first days; each chapter begins where the one before has come to its end. */
const story: readonly Chapter[] = [
  { happens: (stage) => stage.sends('services', 'ApplyService', 'hello', hello()) },
  { happens: (stage) => stage.sends('services', 'ApplyService', 'store', store) },
  { happens: (stage) => stage.sends('services', 'ScaleService', 'hello', { name: 'hello', pod: 'web', count: 6 }) },
  {
    happens: (stage) => {
      stage.sends('services', 'ScaleService', 'nobody', { name: 'nobody', pod: 'web', count: 1 });
      stage.sends('services', 'ApplyService', 'hello', hello({ count: -1 }));
      stage.sends('services', 'Unheard', 'hello', {});
      stage.sendsAgain();
      stage.sendsBytes('services', Buffer.from([0xff, 0x00]));
    },
    tells: ['CommandRefused', 'InputQuarantined'],
  },
  {
    happens: (stage) => stage.sends('cluster', 'KillTask', 'hello', { task: 'hello.web-1.server' }),
    tells: ['TasksEnded'],
  },
  { happens: (stage) => stage.mishap(0), tells: ['RetryScheduled'] },
  { happens: (stage) => stage.pauses(0), tells: ['AgentUnreachable', 'ReplaceStarted'] },
  { happens: (stage) => stage.resumes(0), tells: ['AgentReturned'] },
  { happens: (stage) => stage.kills(0), tells: ['AgentUnreachable', 'RecoveryWaiting'] },
  { happens: (stage) => stage.starts(0) },
  {
    happens: (stage) => stage.sends('services', 'ApplyService', 'hello', hello({ count: 4 }, 'serve 2')),
    tells: ['ProbationPassed', 'PlanCompleted'],
  },
  {
    happens: (stage) => stage.sends('services', 'RollBackService', 'hello', { name: 'hello', version: 1 }),
    tells: ['ProbationPassed', 'PlanCompleted'],
  },
  { happens: (stage) => stage.sends('allocation', 'SetRole', 'eng', { role: 'eng', weight: 2 }), tells: ['RoleSet'] },
  {
    happens: (stage) => stage.sends('allocation', 'SetQuota', 'eng', { role: 'eng', limit: { cpus: 0.5 } }),
    tells: ['QuotaSet'],
  },
  {
    happens: (stage) => stage.sends('services', 'ScaleService', 'hello', { name: 'hello', pod: 'web', count: 8 }),
    tells: ['PlacementPending'],
  },
  { happens: (stage) => stage.sends('allocation', 'SetQuota', 'eng', { role: 'eng', limit: { cpus: 2 } }) },
  { happens: (stage) => stage.sends('services', 'RestartPod', 'store', { name: 'store', pod: 'node-1' }) },
  {
    happens: (stage) => stage.sends('services', 'PausePod', 'store', { name: 'store', pod: 'node-1' }),
    tells: ['PodPaused'],
  },
  {
    happens: (stage) => stage.sends('services', 'ResumePod', 'store', { name: 'store', pod: 'node-1' }),
    tells: ['PodResumed'],
  },
  { happens: (stage) => stage.sends('cluster', 'DrainAgent', 'm-1', { agent: 'm-1' }), tells: ['AgentDraining'] },
  { happens: (stage) => stage.sends('cluster', 'ActivateAgent', 'm-1', { agent: 'm-1' }) },
  {
    happens: (stage) => {
      for (const name of ['hello', 'store']) stage.sends('services', 'UninstallService', name, { name });
    },
    tells: ['ServiceRemoved', 'VolumeDestroyed', 'ServiceAccounted'],
  },
  { happens: () => undefined },
];

/** Lives the story on the real deciders, control loop and agents; throws when a chapter does not come to its end. */
export async function liveStory(): Promise<World> {
  const stage = await Stage.set();
  for (const [number, chapter] of story.entries()) await stage.play(number + 1, chapter);
  return stage.world;
}

class Stage {
  readonly world: World;
  readonly #owners: readonly OwnerSlot[];
  readonly #machines: readonly ActorSlot[];
  #commands = 0;
  #last: { readonly topic: string; readonly message: OutgoingMessage } | undefined;

  static async set(): Promise<Stage> {
    const guest = guestNamed('orrery', 1);
    const world = new World({ seed: 1, steps: 0, guest }, new SeededRandom(1));
    for (const { domain, cell } of world.shards)
      await world.clock.advanceWhile(provisionJournal(world, { domain, cell, cells: 1 }));
    return new Stage(world);
  }

  private constructor(world: World) {
    this.world = world;
    this.#owners = world.options.guest.domains.map((domain) => new OwnerSlot(world, domain, 0));
    this.#machines = world.run.actors.map((actor) => new ActorSlot(world, actor));
    for (const owner of this.#owners) owner.hintAt([0]);
  }

  sends(domain: DomainName, type: string, key: string, body: Record<string, unknown>): void {
    const nowMs = this.world.clock.nowMs();
    const message = { ...commandMessage(`command-${++this.#commands}`, { type, ...body }, { nowMs, domain }), key };
    this.#last = { topic: commandTopic(domain), message };
    this.#append(this.#last);
  }

  /** The last command, once as it was and once with another body. */
  sendsAgain(): void {
    const { topic, message } = this.#last!;
    this.#append({ topic, message });
    this.#append({ topic, message: { ...message, value: Buffer.concat([message.value, Buffer.from(' ')]) } });
  }

  sendsBytes(domain: DomainName, value: Buffer): void {
    this.#append({ topic: commandTopic(domain), message: { value } });
  }

  /** A task on this machine ends by itself. */
  mishap(machine: number): void {
    this.#machines[machine]!.mishap(this.world.random);
  }

  /** Its agent hears and says nothing any more; its tasks run on. */
  pauses(machine: number): void {
    this.#machines[machine]!.process.pause();
  }

  resumes(machine: number): void {
    this.#machines[machine]!.process.resume();
  }

  kills(machine: number): void {
    this.#machines[machine]!.process.kill();
  }

  starts(machine: number): void {
    this.#machines[machine]!.start();
  }

  async play(number: number, { happens, tells }: Chapter): Promise<void> {
    const { clock, violations } = this.world;
    const before = this.#told();
    const isTold = (type: string, told: ReadonlyMap<string, number>) => (told.get(type) ?? 0) > (before.get(type) ?? 0);
    happens(this);
    let missing: readonly string[] = [];
    for (let passedMs = 0; passedMs < CHAPTER_MS_MAX; passedMs += LOOK_MS) {
      await clock.advance(LOOK_MS);
      if (violations.size > 0) throw new Error(`chapter ${number}: ${[...violations][0]}`);
      const told = this.#told();
      missing = tells?.filter((type) => !isTold(type, told)) ?? unrestOf(this.world, this.#owners);
      if (missing.length === 0) return;
    }
    throw new Error(`chapter ${number} does not end: ${missing.join(', ')}`);
  }

  /** How many events of each type there are so far. */
  #told(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { domain, cell } of this.world.shards) {
      for (const { value } of this.world.log.messagesOf({ topic: journalTopic(domain), partition: cell })) {
        const record = JSON.parse(Buffer.from(value!).toString('utf8')) as JournalRecord;
        if (record.kind !== 'Commit') continue;
        for (const { type } of record.events) counts.set(type, (counts.get(type) ?? 0) + 1);
      }
    }
    return counts;
  }

  #append({ topic, message }: { readonly topic: string; readonly message: OutgoingMessage }): void {
    void this.world.log.append({ topic, partition: 0 }, message);
  }
}
