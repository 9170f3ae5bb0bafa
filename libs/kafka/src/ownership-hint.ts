import type { OwnershipHint } from '@orrery/control-loop';
import kafkajs from 'kafkajs';
import { Backoff, pause } from './backoff.js';
import { assignCells, type Candidate } from './cell-assignment.js';
import { BrokerAway, brokerErrorType, ClusterSession } from './cluster-session.js';
import type { KafkaOptions } from './kafka-options.js';
import type { JoinGroupResponse, KafkajsBroker } from './kafkajs-internals.js';

/** The instances of one app: they share the partitions of its command topic, which are the cells. */
export interface OwnershipGroup {
  readonly groupId: string;
  readonly topic: string;
  readonly cells: number;
}

const PROTOCOL = 'orrery-sticky';
const HEARTBEAT_MS = 200;
const SESSION_MS = 1_000;
/** The least that a broker with default settings allows. */
const SESSION_MS_ELSEWHERE = 6_000;
const REBALANCE_MS = 1_500;
/** Cut off from the group for this long, an instance no longer believes that it should own anything. */
const BELIEVED_MS = 10_000;

const coordinatorMoves: ReadonlySet<string> = new Set([
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
]);

/**
 * The membership in one Kafka group, without the consumer around it: join, take or make the assignment, beat. Nothing is fetched
 * and no offset is committed; the group only says who is there.
 *
 *   joining ──(assignment)──▶ member ──(a beat is answered with "rebalance", "unknown", or not at all)──▶ joining
 *
 * While it joins anew, an instance keeps its cells: the broker mostly gives the same ones back, and the journal decides.
 */
export class KafkajsOwnershipHint implements OwnershipHint {
  readonly #group: OwnershipGroup;
  readonly #session: ClusterSession;
  readonly #logger: KafkaOptions['logger'];
  readonly #stopping = new AbortController();
  #onChange: (cells: ReadonlySet<number>) => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #cells: readonly number[] = [];
  #memberId = '';
  #generation = -1;
  #sessionMs = SESSION_MS;
  #lastContactMs = 0;

  constructor(options: KafkaOptions, group: OwnershipGroup) {
    this.#group = group;
    this.#logger = options.logger;
    this.#session = new ClusterSession({ ...options, clientId: `${options.clientId}-hint` });
  }

  start(onChange: (cells: ReadonlySet<number>) => void): Promise<void> {
    this.#onChange = onChange;
    this.#running = this.#stayMember();
    return Promise.resolve();
  }

  /** Leaves the group, so that the others take over at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#leave();
    await this.#session.close();
    this.#take([]);
  }

  async #stayMember(): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = new Backoff(signal);
    while (!signal.aborted) {
      try {
        await this.#session.withCoordinator(this.#group.groupId, this.#group.topic, async (coordinator) => {
          await this.#join(coordinator);
          backoff.succeeded();
          await this.#beat(coordinator);
        });
      } catch (error) {
        const rejoinsAtOnce = this.#judge(error);
        this.#doubt();
        if (!rejoinsAtOnce) await backoff.wait();
      }
    }
  }

  async #join(coordinator: KafkajsBroker): Promise<void> {
    const { groupId, topic } = this.#group;
    const claim = Buffer.from(JSON.stringify({ owned: this.#cells, generation: this.#generation }));
    const joined = await coordinator.joinGroup({
      groupId,
      memberId: this.#memberId,
      sessionTimeout: this.#sessionMs,
      rebalanceTimeout: Math.max(REBALANCE_MS, this.#sessionMs),
      groupProtocols: [
        {
          name: PROTOCOL,
          metadata: kafkajs.AssignerProtocol.MemberMetadata.encode({ version: 0, topics: [topic], userData: claim }),
        },
      ],
    });
    this.#memberId = joined.memberId;
    const { memberAssignment } = await coordinator.syncGroup({
      groupId,
      memberId: joined.memberId,
      generationId: joined.generationId,
      groupAssignment: joined.leaderId === joined.memberId ? this.#deal(joined) : [],
    });
    this.#generation = joined.generationId;
    this.#lastContactMs = performance.now();
    this.#take(kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? []);
  }

  #deal({ members }: JoinGroupResponse): { memberId: string; memberAssignment: Buffer }[] {
    const { topic, cells } = this.#group;
    const dealt = assignCells(cells, members.map(candidateOf));
    return [...dealt].map(([memberId, own]) => ({
      memberId,
      memberAssignment: kafkajs.AssignerProtocol.MemberAssignment.encode({
        version: 0,
        assignment: { [topic]: own },
        userData: Buffer.alloc(0),
      }),
    }));
  }

  async #beat(coordinator: KafkajsBroker): Promise<void> {
    const { groupId } = this.#group;
    const { signal } = this.#stopping;
    for (;;) {
      await pause(HEARTBEAT_MS, signal);
      if (signal.aborted) return;
      await coordinator.heartbeat({ groupId, groupGenerationId: this.#generation, memberId: this.#memberId });
      this.#lastContactMs = performance.now();
    }
  }

  /** Whether to join again at once. */
  #judge(error: unknown): boolean {
    const type = brokerErrorType(error);
    if (type === 'REBALANCE_IN_PROGRESS' || type === 'ILLEGAL_GENERATION') return true;
    if (type === 'UNKNOWN_MEMBER_ID') {
      this.#memberId = '';
      return true;
    }
    if (type === 'INVALID_SESSION_TIMEOUT' && this.#sessionMs === SESSION_MS) {
      this.#sessionMs = SESSION_MS_ELSEWHERE;
      const fields = { group: this.#group.groupId, remedy: `group.min.session.timeout.ms=${SESSION_MS}` };
      this.#logger?.('warn', 'the broker allows no short sessions: a take-over after a crash takes 6 s', fields);
      return true;
    }
    const reason = error instanceof Error ? error.message : String(error);
    const passing = error instanceof BrokerAway || (type !== undefined && coordinatorMoves.has(type));
    this.#logger?.(passing ? 'debug' : 'warn', 'not a member of the group for now', {
      group: this.#group.groupId,
      reason: type ?? reason,
    });
    return false;
  }

  #doubt(): void {
    if (performance.now() - this.#lastContactMs > BELIEVED_MS) this.#take([]);
  }

  #take(cells: readonly number[]): void {
    const next = [...cells].sort((a, b) => a - b);
    if (next.join() === this.#cells.join()) return;
    this.#cells = next;
    this.#onChange(new Set(next));
  }

  async #leave(): Promise<void> {
    if (this.#memberId === '') return;
    const { groupId, topic } = this.#group;
    try {
      const memberId = this.#memberId;
      await this.#session.withCoordinator(groupId, topic, (coordinator) =>
        coordinator.leaveGroup({ groupId, memberId }),
      );
    } catch (error) {
      // The session lapses by itself.
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger?.('debug', 'could not leave the group', { group: groupId, reason });
    }
  }
}

function candidateOf({ memberId, memberMetadata }: JoinGroupResponse['members'][number]): Candidate {
  const userData = kafkajs.AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData ?? Buffer.alloc(0);
  const { owned, generation } = JSON.parse(userData.toString('utf8')) as Omit<Candidate, 'memberId'>;
  return { memberId, owned, generation };
}
