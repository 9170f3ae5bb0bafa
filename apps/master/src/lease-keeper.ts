import {
  agentHeartbeatsTopic,
  agentPartitionsOfCell,
  type ClusterEvent,
  type Heartbeat,
  type HeartbeatMarker,
  type TopicSizes,
} from '@orrery/contracts';
import type {
  AcceptedCommit,
  Clock,
  Log,
  LogMessage,
  LogReader,
  OwnedShard,
  OwnedShardGuest,
  TopicPartition,
} from '@orrery/control-loop';
import { Leases, spansOf, type AgentRow, type ClusterInternal, type ClusterState } from '@orrery/domain';

const MARKER_EVERY_MS = 1000;
const READ_AGAIN_AFTER_MS = 1000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface LeaseWorld {
  readonly log: Log;
  readonly clock: Clock;
  /** Heartbeats can't be read or markers not written for the moment: nobody lapses meanwhile. */
  onTrouble(error: Error): void;
  /** So many lapses are held back because too many agents were lost within a minute (P7): an alarm while it is not 0. */
  onLapsesHeld(cell: number, count: number): void;
}

/**
 * The leases of one cell while this process owns it: writes a marker a second into each heartbeat partition, reads
 * heartbeats and markers back in the order of the log, and hands what they mean to the decider.
 */
export class LeaseKeeper implements OwnedShardGuest<ClusterEvent, ClusterState> {
  readonly #shard: OwnedShard<ClusterInternal, ClusterState>;
  readonly #partitions: readonly TopicPartition[];
  readonly #world: LeaseWorld;
  readonly #leases: Leases;
  readonly #readers = new Map<number, LogReader>();
  readonly #timers = new Set<() => void>();
  /** Not that of the term alone: one term may be given up and taken up again, and a late marker would end the new count. */
  readonly #writer: string;
  #number = 0;
  #held = 0;
  #stopped = false;

  constructor(shard: OwnedShard<ClusterInternal, ClusterState>, sizes: TopicSizes, world: LeaseWorld) {
    this.#shard = shard;
    this.#world = world;
    this.#writer = `${shard.writer}.${world.clock.nowMs()}`;
    this.#partitions = agentPartitionsOfCell(shard.cell, sizes).map((partition) => ({
      topic: agentHeartbeatsTopic,
      partition,
    }));
    this.#leases = new Leases(sizes.lanes);
    for (const row of shard.state.agents.values()) this.#note(row, shard.state);
    this.#tellHeld(shard.state);
    this.#partitions.forEach((_, lane) => void this.#read(lane));
    this.#mark();
  }

  onCommit({ events }: AcceptedCommit<ClusterEvent>, state: ClusterState): void {
    const told = new Set<AgentRow>();
    for (const event of events as readonly ClusterEvent[]) {
      if (event.type === 'LaunchAccepted') {
        for (const number of event.data.agents.numbers) this.#leases.ordered(number);
      } else {
        for (const row of agentsIn(event, state)) told.add(row);
      }
    }
    // After the rest: the state counts all orders of the commit.
    for (const row of told) this.#note(row, state);
    this.#tellHeld(state);
  }

  #note(row: AgentRow, state: ClusterState): void {
    this.#leases.note(row, state.counters.ordered(row.number));
  }

  stop(): void {
    this.#stopped = true;
    if (this.#held > 0) this.#world.onLapsesHeld(this.#shard.cell, 0);
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    for (const reader of this.#readers.values()) reader.stop().catch(this.#world.onTrouble);
    this.#readers.clear();
  }

  #tellHeld(state: ClusterState): void {
    const held = state.agents.countBy('held', 'yes');
    if (held === this.#held) return;
    this.#held = held;
    this.#world.onLapsesHeld(this.#shard.cell, held);
  }

  /** The next marker waits for this one: a log that is away gets no heap of them when it is back. */
  #mark(): void {
    this.#number += 1;
    const marker: HeartbeatMarker = { marker: { writer: this.#writer, number: this.#number } };
    const value = encoder.encode(JSON.stringify(marker));
    const messages = this.#partitions.map(({ partition }) => ({ partition, value }));
    this.#world.log
      .publish(agentHeartbeatsTopic, messages)
      .catch(this.#world.onTrouble)
      .finally(() => this.#later(MARKER_EVERY_MS, () => this.#mark()));
  }

  /** From the end on: what was said before this process owned the cell is nobody's lease. */
  async #read(lane: number): Promise<void> {
    const partition = this.#partitions[lane]!;
    const readAgain = (error: Error) => {
      this.#readers.delete(lane);
      this.#world.onTrouble(error);
      this.#later(READ_AGAIN_AFTER_MS, () => void this.#read(lane));
    };
    try {
      const { high } = await this.#world.log.bounds(partition);
      if (this.#stopped) return;
      const take = ({ messages }: { readonly messages: readonly LogMessage[] }) => {
        for (const message of messages) this.#take(lane, message);
      };
      this.#readers.set(lane, this.#world.log.follow(partition, high, take, readAgain));
    } catch (error) {
      readAgain(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #take(lane: number, { value, timestampMs }: LogMessage): void {
    if (this.#stopped) return;
    const said = parse(value);
    if (said === undefined) return;
    if ('marker' in said) {
      if (said.marker.writer !== this.#writer) return;
      for (const lapsed of this.#leases.marker(lane, said.marker.number, timestampMs)) this.#submit(lapsed);
    } else {
      const found = this.#leases.heartbeat(said, timestampMs);
      if (found !== undefined) this.#submit(found);
    }
  }

  /** What finds no room is found out again: the leases say it once more after some markers. */
  #submit(found: ClusterInternal): void {
    this.#shard.submitInternal(found);
  }

  #later(delayMs: number, run: () => void): void {
    if (this.#stopped) return;
    const cancel = this.#world.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      if (!this.#stopped) run();
    });
    this.#timers.add(cancel);
  }
}

/** Agents whose lease or orders an event changes, but for launches. */
function* agentsIn(event: ClusterEvent, state: ClusterState): IterableIterator<AgentRow> {
  if ('agent' in event.data) {
    const row = state.agents.get(event.data.agent);
    if (row !== undefined) yield row;
  } else if (event.type === 'KillAccepted') {
    for (const { agents } of spansOf(state, event.data.launches)) {
      for (const number of agents) {
        const row = state.agents.numbered(number);
        if (row !== undefined) yield row;
      }
    }
  }
}

/** Heartbeats are soft: what is none says nothing. */
function parse(value: Uint8Array | null): Heartbeat | HeartbeatMarker | undefined {
  if (value === null) return undefined;
  let said: unknown;
  try {
    said = JSON.parse(decoder.decode(value));
  } catch {
    return undefined; // not JSON: no heartbeat
  }
  if (typeof said !== 'object' || said === null) return undefined;
  if ('marker' in said) return isMarker(said.marker) ? (said as HeartbeatMarker) : undefined;
  return isHeartbeat(said as Partial<Record<keyof Heartbeat, unknown>>) ? (said as Heartbeat) : undefined;
}

function isMarker(marker: unknown): boolean {
  if (typeof marker !== 'object' || marker === null) return false;
  const { writer, number } = marker as Partial<Record<'writer' | 'number', unknown>>;
  return typeof writer === 'string' && typeof number === 'number';
}

function isHeartbeat({ agent, session, epoch, obeyed }: Partial<Record<keyof Heartbeat, unknown>>): boolean {
  const named = typeof agent === 'string' && typeof session === 'string';
  return named && typeof epoch === 'number' && typeof obeyed === 'number';
}
