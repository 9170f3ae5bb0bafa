import type { AlarmCode, LoopObserver, LoopSignal } from '../ports/observer.js';
import type { Shard } from '../ports/snapshot-store.js';

type Unaddressed<Signal> = Signal extends unknown ? Omit<Signal, 'shard'> : never;

/** What one shard tells its observer. */
export class ShardSignals {
  readonly #shard: Shard;
  readonly #observe: LoopObserver;
  #longestTurnMs = 0;

  constructor(shard: Shard, observe: LoopObserver) {
    this.#shard = shard;
    this.#observe = observe;
  }

  get longestTurnMs(): number {
    return this.#longestTurnMs;
  }

  emit(signal: Unaddressed<LoopSignal>): void {
    const addressed: LoopSignal = { shard: this.#shard, ...signal };
    this.#observe(addressed);
  }

  alarm(code: AlarmCode, message: string): void {
    this.emit({ kind: 'alarm', code, message });
  }

  turn(work: 'decide' | 'fold' | 'snapshot', ms: number): void {
    this.#longestTurnMs = Math.max(this.#longestTurnMs, ms);
    this.emit({ kind: 'turn', work, ms });
  }
}
