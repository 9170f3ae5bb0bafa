import {
  loopEventTypes,
  type CommitRecord,
  type DomainName,
  type JournalPosition,
  type LoopEvent,
  type RecordedEvent,
  type RecordedInput,
} from '@orrery/contracts';
import { Table, unreachable, type EpochMs } from '@orrery/kernel';
import { CommandWindow } from './command-window.js';

interface InputRow {
  /** Offset of the message to decide on next. */
  readonly next: number;
}

/** A whole foreign cursor, and how many events of its last commit were decided on when that was not all of them. */
export interface ForeignRow extends JournalPosition {
  readonly events?: number;
}

interface MetaRow {
  readonly value: number;
}

/**
 * What the loop itself remembers of a shard, beside the domain's state and under the same undo log, digests and snapshots:
 * where it is in each input, and which commands it has decided.
 */
export class LoopState {
  readonly inputs = new Table<string, InputRow>('loop.inputs');
  readonly journals = new Table<string, ForeignRow>('loop.journals');
  readonly meta = new Table<string, MetaRow>('loop.meta');
  readonly window: CommandWindow;

  constructor(commandsMax?: number) {
    this.window = new CommandWindow(commandsMax);
  }

  get parts() {
    return { inputs: this.inputs, journals: this.journals, meta: this.meta, window: this.window };
  }

  inputPosition(topic: string, partition: number): number {
    return this.inputs.get(inputKey(topic, partition))?.next ?? 0;
  }

  journalPosition(domain: DomainName, cell: number): ForeignRow | undefined {
    return this.journals.get(journalKey(domain, cell));
  }

  /** Up to this seq everything that relays make of commits was published, as far as the journal tells. */
  get relayedSeq(): number {
    return this.meta.get('relayedSeq')?.value ?? -1;
  }

  /** Folds an event of the loop's own; false when it is the domain's. */
  evolve(event: RecordedEvent, { at, seq }: { readonly at: EpochMs; readonly seq: number }): boolean {
    if (!loopEventTypes.has(event.type)) return false;
    this.#evolve(event as unknown as LoopEvent, at, seq);
    return true;
  }

  /** The end of every commit: positions, relays, and a share of the window swept. */
  finish({ at, seq, inputs, relayedSeq }: Pick<CommitRecord, 'at' | 'seq' | 'inputs' | 'relayedSeq'>): void {
    for (const input of inputs) this.#advance(input);
    if (relayedSeq !== this.relayedSeq) this.meta.put('relayedSeq', { value: relayedSeq });
    this.window.sweep(at, seq);
  }

  /** Rule R3: what is wrong with where these inputs start, if anything. */
  inputsFault(inputs: readonly RecordedInput[]): string | undefined {
    const positions = new Map<string, string>();
    for (const input of inputs) {
      if (input.kind === 'internal') continue;
      const key =
        input.kind === 'slice' ? inputKey(input.topic, input.partition) : journalKey(input.domain, input.cell);
      const expected = positions.get(key) ?? this.#expectedStart(input);
      const found = startOfRun(input);
      if (expected !== found) return `inputs of ${key} should start at ${expected}, not at ${found}`;
      positions.set(key, endOfRun(input));
    }
    return undefined;
  }

  #expectedStart(input: Exclude<RecordedInput, { kind: 'internal' }>): string {
    if (input.kind === 'slice') return String(this.inputPosition(input.topic, input.partition));
    const row = this.journalPosition(input.domain, input.cell);
    if (row === undefined) return '0.0';
    return row.events === undefined ? `${row.seq + 1}.0` : `${row.seq}.${row.events}`;
  }

  #advance(input: RecordedInput): void {
    if (input.kind === 'slice') this.inputs.put(inputKey(input.topic, input.partition), { next: input.to });
    if (input.kind !== 'journal') return;
    const partial = input.toEvent === undefined ? {} : { events: input.toEvent };
    this.journals.put(journalKey(input.domain, input.cell), { ...input.cursor, ...partial });
  }

  #evolve(event: LoopEvent, at: EpochMs, seq: number): void {
    switch (event.type) {
      case 'CommandRefused':
        // A full window has no room for it, and it may be sent again.
        if (event.data.code === 'busy') return;
        return this.#remember(event.data, at, seq);
      case 'CommandAccepted':
      case 'CommandForwarded':
        return this.#remember(event.data, at, seq);
      case 'InputQuarantined':
        return;
      default:
        unreachable(event);
    }
  }

  #remember(
    { command, bodyDigest, notAfter }: { command: string; bodyDigest: string; notAfter: EpochMs },
    at: EpochMs,
    seq: number,
  ): void {
    if (notAfter < at) return;
    this.window.add(command, { bodyDigest, notAfter, seq });
  }
}

export function inputKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

export function journalKey(domain: string, cell: number): string {
  return `${domain}/${cell}`;
}

function startOfRun(input: Exclude<RecordedInput, { kind: 'internal' }>): string {
  return input.kind === 'slice' ? String(input.from) : `${input.fromSeq}.${input.fromEvent ?? 0}`;
}

function endOfRun(input: Exclude<RecordedInput, { kind: 'internal' }>): string {
  if (input.kind === 'slice') return String(input.to);
  return input.toEvent === undefined ? `${input.toSeq + 1}.0` : `${input.toSeq}.${input.toEvent}`;
}
