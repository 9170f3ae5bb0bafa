import type { ShardState } from '../shard/shard-state.js';
import type { StopReason, VoidReason } from '../journal/judge.js';
import type { Shard } from './snapshot-store.js';

/** Told everything worth a metric or a line in the log; may not throw and may not wait. */
export type LoopObserver = (signal: LoopSignal) => void;

export type LoopSignal = { readonly shard: Shard } & (
  | { readonly kind: 'state'; readonly from: ShardState; readonly to: ShardState; readonly why: string }
  /** The boot began at the snapshot of this seq; -1: there was none, and it begins at zero. */
  | { readonly kind: 'loaded'; readonly seq: number }
  /** A record that no reader accepts. `unreadable` and `foreign` are worth an alarm, `late` is the protocol at work. */
  | { readonly kind: 'void-record'; readonly reason: VoidReason; readonly offset: number }
  | { readonly kind: 'stopped'; readonly reason: StopReason; readonly message: string }
  | {
      readonly kind: 'committed';
      readonly seq: number;
      readonly inputs: number;
      readonly events: number;
      readonly bytes: number;
      /** From the first send to the acceptance. */
      readonly appendMs: number;
    }
  | { readonly kind: 'in-doubt'; readonly seq: number; readonly attempt: number; readonly message: string }
  | { readonly kind: 'rolled-back'; readonly seq: number; readonly inputs: number }
  /** One uninterrupted stretch of work: above 100 ms everything else in the process waits too long. */
  | { readonly kind: 'turn'; readonly work: 'decide' | 'fold' | 'snapshot'; readonly ms: number }
  | { readonly kind: 'snapshot'; readonly seq: number; readonly slicesWritten: number; readonly slices: number }
  | { readonly kind: 'alarm'; readonly code: AlarmCode; readonly message: string }
);

export type AlarmCode =
  | 'clock-ahead'
  | 'digest-differs'
  | 'snapshot-failed'
  | 'snapshot-damaged'
  | 'relay-failed'
  | 'reader-failed'
  | 'fact-refused'
  | 'idle-tick';
