import { checkpointsTopic, type Checkpoint, type JournalPosition } from '@orrery/contracts';
import type { Log } from '@orrery/control-loop';

const MESSAGES_AT_ONCE = 1_000;

/** What others have seen of a journal, by seq; what of it a walk from zero does not find again was rewritten. */
export class Checkpoints {
  readonly #expected = new Map<string, Map<number, Checkpoint>>();
  readonly #findings: { readonly seq: number; readonly message: string }[] = [];
  #confirmed = 0;

  /** All that stand in their topic. What is no checkpoint there is none of ours. */
  static async read(log: Pick<Log, 'bounds' | 'read'>): Promise<Checkpoints> {
    const checkpoints = new Checkpoints();
    const source = { topic: checkpointsTopic, partition: 0 };
    const { low, high } = await log.bounds(source);
    for (let from = low; from < high; from += MESSAGES_AT_ONCE) {
      for (const { value } of await log.read(source, from, Math.min(from + MESSAGES_AT_ONCE, high))) {
        const checkpoint = value === null ? undefined : parse(Buffer.from(value).toString());
        if (checkpoint !== undefined) checkpoints.#add(checkpoint);
      }
    }
    return checkpoints;
  }

  check({ journalId, seq, hash, lastOffset }: JournalPosition): void {
    const expected = this.#expected.get(journalId)?.get(seq);
    if (expected === undefined) return;
    this.#expected.get(journalId)!.delete(seq);
    if (expected.hash === hash && expected.offset === lastOffset) this.#confirmed += 1;
    else
      this.#findings.push({
        seq,
        message: `seq ${seq} was seen with hash ${expected.hash}, now it has ${hash}: the journal was rewritten`,
      });
  }

  /** What is wrong with this journal, once it was walked; how many checkpoints it confirmed. */
  resultOf(journalId: string): {
    readonly confirmed: number;
    readonly findings: readonly { seq: number; message: string }[];
  } {
    const lost = [...(this.#expected.get(journalId)?.keys() ?? [])].map((seq) => ({
      seq,
      message: `seq ${seq} was seen, but the journal does not hold it any more`,
    }));
    const result = { confirmed: this.#confirmed, findings: [...this.#findings, ...lost] };
    this.#confirmed = 0;
    this.#findings.length = 0;
    return result;
  }

  #add(checkpoint: Checkpoint): void {
    const { journalId, seq } = checkpoint;
    const ofJournal = this.#expected.get(journalId) ?? new Map<number, Checkpoint>();
    this.#expected.set(journalId, ofJournal);
    // The first word stands: who forges one later must not hide what was seen.
    if (!ofJournal.has(seq)) ofJournal.set(seq, checkpoint);
  }
}

function parse(text: string): Checkpoint | undefined {
  try {
    const { journalId, seq, hash } = JSON.parse(text) as Checkpoint;
    return typeof journalId === 'string' && Number.isSafeInteger(seq) && typeof hash === 'string'
      ? JSON.parse(text)
      : undefined;
  } catch {
    return undefined; // Anybody may write garbage into a topic: it witnesses nothing.
  }
}
