import type { JournalPosition } from '@orrery/contracts';
import type { EpochMs, StatePart, StateSlices } from '@orrery/kernel';
import { sha256 } from '../journal/hash.js';
import { encodePosition } from '../journal/position.js';
import type { Clock } from '../ports/clock.js';
import type { Shard, SnapshotManifest, SnapshotStore } from '../ports/snapshot-store.js';
import { digestOf } from '../state/shard-fold.js';
import { snapshotsToDelete } from './thinning.js';

export interface SnapshotterOptions {
  readonly store: SnapshotStore;
  readonly clock: Clock;
  readonly shard: Shard;
  readonly foldVersion: number;
  readonly parts: readonly StatePart[];
  readonly everyEvents: number;
  readonly everyMs: number;
  /** Where the state stands, when it holds nothing but accepted commits. */
  accepted(): JournalPosition | undefined;
  /** Whether this process takes snapshots of the shard at the moment. */
  taking(): boolean;
  /** Everything up to here was published: only then may a snapshot exist, for what is before it is not relayed again. */
  relayedSeq(): number;
  onTaken(seq: number, slicesWritten: number, slices: number): void;
  onFailed(error: Error): void;
  /** Two digests of one seq: the fold is not deterministic, or a store was tampered with. */
  onDiffers(message: string): void;
  onTurn(ms: number): void;
}

interface UnderWay {
  readonly position: JournalPosition;
  readonly walks: readonly { readonly part: string; readonly slices: StateSlices }[];
  walked: boolean;
  cancelled: boolean;
}

const STEP_MS_MAX = 5;
const ROWS_AT_ONCE = 200;
const RETRY_MS_MIN = 5_000;
const RETRY_MS_MAX = 5 * 60_000;
const LOOK_AGAIN_MS = 100;
const THIN_EVERY_MS = 60 * 60_000;

/**
 * Takes snapshots of accepted state, each of exactly one seq, while the state goes on: all parts begin their walk at the
 * moment of a commit and are encoded a few ms at a time. A store that fails costs a snapshot, never the owner.
 */
export class Snapshotter {
  readonly #options: SnapshotterOptions;
  #underWay: UnderWay | undefined;
  /** Slices that the last whole snapshot has stored. */
  #stored: ReadonlySet<string> = new Set();
  #eventsSince = 0;
  #movedSince = false;
  #lastMs: EpochMs;
  #failures = 0;
  #thinnedAt = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
    this.#lastMs = options.clock.nowMs();
  }

  /** The parts of the state are being walked. What follows, writing and waiting for relays, leaves them alone. */
  get walking(): boolean {
    return this.#underWay?.walked === false;
  }

  /** The state was loaded: the next snapshot is due as if this process had taken that one, however often it starts anew. */
  onLoaded(at: EpochMs): void {
    this.#lastMs = Math.min(this.#lastMs, at);
  }

  /** A record was accepted and folded. */
  onAccepted(events: number): void {
    this.#eventsSince += events;
    this.#movedSince ||= events > 0;
    this.#takeIfDue();
  }

  stop(): void {
    this.cancel();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  cancel(): void {
    if (this.#underWay === undefined) return;
    this.#underWay.cancelled = true;
    for (const { slices } of this.#underWay.walks) slices.cancel();
    this.#underWay = undefined;
  }

  #takeIfDue(): void {
    const { taking, accepted, everyEvents, everyMs, clock } = this.#options;
    if (!taking() || !this.#movedSince || this.#underWay !== undefined) return;
    const sinceMs = clock.nowMs() - this.#lastMs;
    const dueMs = this.#eventsSince >= everyEvents ? this.#retryMs : Math.max(everyMs, this.#retryMs);
    const position = accepted();
    if (position !== undefined && sinceMs >= dueMs) return this.#begin(position);
    // Nothing may ever happen again: then the clock says when.
    this.#cancelTimer ??= clock.after(Math.max(LOOK_AGAIN_MS, dueMs - sinceMs), () => {
      this.#cancelTimer = undefined;
      this.#takeIfDue();
    });
  }

  get #retryMs(): number {
    return this.#failures === 0 ? 0 : Math.min(RETRY_MS_MIN * 2 ** (this.#failures - 1), RETRY_MS_MAX);
  }

  #begin(position: JournalPosition): void {
    const walks = this.#options.parts.map((part) => ({ part: part.name, slices: part.walk() }));
    this.#underWay = { position, walks, walked: false, cancelled: false };
    this.#eventsSince = 0;
    this.#movedSince = false;
    this.#lastMs = this.#options.clock.nowMs();
    void this.#take(this.#underWay);
  }

  async #take(underWay: UnderWay): Promise<void> {
    try {
      await this.#write(underWay);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      // What was not saved is still to be saved.
      this.#movedSince = true;
      if (!underWay.cancelled) this.#options.onFailed(error as Error);
    } finally {
      if (this.#underWay === underWay) {
        this.cancel();
        this.#takeIfDue();
      }
    }
  }

  async #write(underWay: UnderWay): Promise<void> {
    const { store, shard, foldVersion } = this.#options;
    const slices: { part: string; digest: string; bytes: number }[] = [];
    let written = 0;
    for (const { part, slices: walk } of underWay.walks) {
      for await (const bytes of this.#slicesOf(walk, underWay)) {
        const digest = sha256(bytes);
        slices.push({ part, digest, bytes: bytes.length });
        if (this.#stored.has(digest)) continue;
        await store.putSlice(shard, digest, bytes);
        written += 1;
      }
    }
    underWay.walked = true;
    const cursor = encodePosition(underWay.position);
    const { journalId, seq, at } = underWay.position;
    const digests = slices.map(({ digest }) => digest);
    const digest = digestOf(cursor, digests);
    const manifest = {
      domain: shard.domain,
      cell: shard.cell,
      journalId,
      seq,
      at,
      foldVersion,
      digest,
      cursor,
      slices,
    };
    if (!(await this.#relayed(underWay))) return;
    if (!(await this.#agrees(manifest))) return;
    await store.putManifest(manifest);
    this.#stored = new Set(digests);
    this.#options.onTaken(seq, written, slices.length);
    if (at - this.#thinnedAt >= THIN_EVERY_MS) await this.#thin(at);
  }

  async *#slicesOf(walk: StateSlices, underWay: UnderWay): AsyncIterable<Uint8Array> {
    const { clock, onTurn } = this.#options;
    for (;;) {
      const beganMs = clock.nowMs();
      let step = walk.next(ROWS_AT_ONCE);
      while (!step.done && step.slice === undefined && clock.nowMs() - beganMs < STEP_MS_MAX) {
        step = walk.next(ROWS_AT_ONCE);
      }
      onTurn(clock.nowMs() - beganMs);
      if (step.slice !== undefined) yield step.slice;
      if (step.done) return;
      await this.#pause(0);
      if (underWay.cancelled) throw new Error('cancelled');
    }
  }

  async #relayed(underWay: UnderWay): Promise<boolean> {
    while (this.#options.relayedSeq() < underWay.position.seq) {
      await this.#pause(LOOK_AGAIN_MS);
      if (underWay.cancelled) return false;
    }
    return true;
  }

  async #agrees(manifest: SnapshotManifest): Promise<boolean> {
    const { store, shard, onDiffers } = this.#options;
    const others = await store.listManifests(shard, { limit: 20 });
    const same = others.find(({ journalId, seq }) => journalId === manifest.journalId && seq === manifest.seq);
    if (same === undefined || same.digest === manifest.digest || same.foldVersion !== manifest.foldVersion) return true;
    onDiffers(`seq ${manifest.seq} has digest ${same.digest} in the store and ${manifest.digest} here`);
    return false;
  }

  async #thin(now: EpochMs): Promise<void> {
    const { store, shard } = this.#options;
    this.#thinnedAt = now;
    const manifests = await store.listManifests(shard);
    for (const { journalId, seq } of snapshotsToDelete(manifests, now))
      await store.deleteManifest(shard, journalId, seq);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve));
  }
}
