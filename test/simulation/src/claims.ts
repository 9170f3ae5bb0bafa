import type { CommitRecord, DomainName, RecordedInput } from '@orrery/contracts';
import type { AcceptedCommit } from '@orrery/control-loop';

/**
 * What the protocol promises, judged from outside by what the processes believe, without calling any of its rules:
 * SEQ all accept the same sequence, ONE one owner a term, P5 no effect of an older term after a newer began, ONCE an input
 * takes effect at most once, P4 equal prefixes give equal states.
 */
export class Claims {
  readonly #journals = new Map<string, JournalClaims>();
  readonly #authors = new Map<string, string>();

  /** Who sent the record of this hash. */
  onAppend(process: string, hash: string): void {
    if (!this.#authors.has(hash)) this.#authors.set(hash, process);
  }

  onOwning(process: string, domain: DomainName, cell: number, term: number): string[] {
    return this.#journal(domain, cell).onOwning(process, term);
  }

  /** Whether anybody has accepted this seq before. */
  isKnown(domain: DomainName, cell: number, seq: number): boolean {
    return this.#journal(domain, cell).isKnown(seq);
  }

  onAccepted(
    process: string,
    domain: DomainName,
    cell: number,
    commit: AcceptedCommit<never>,
    fingerprint: string,
  ): string[] {
    return this.#journal(domain, cell).onAccepted(process, commit, fingerprint, this.#authors);
  }

  #journal(domain: DomainName, cell: number): JournalClaims {
    const key = `${domain}/${cell}`;
    let journal = this.#journals.get(key);
    if (journal === undefined) this.#journals.set(key, (journal = new JournalClaims(key)));
    return journal;
  }
}

interface Believed {
  readonly hash: string;
  readonly process: string;
  readonly fingerprint: string;
}

class JournalClaims {
  readonly #name: string;
  readonly #bySeq = new Map<number, Believed>();
  readonly #seqOfHash = new Map<string, number>();
  readonly #seqOfCommand = new Map<string, number>();
  readonly #seqOfInput = new Map<string, number>();
  /** Incarnation that owns a term. */
  readonly #owners = new Map<number, string>();
  #highestSeq = -1;
  #highestTerm = -1;

  constructor(name: string) {
    this.#name = name;
  }

  isKnown(seq: number): boolean {
    return this.#bySeq.has(seq);
  }

  onOwning(process: string, term: number): string[] {
    const owner = this.#owners.get(term);
    this.#owners.set(term, owner ?? process);
    if (owner === undefined || owner === process) return [];
    return [`ONE: term ${term} of ${this.#name} is owned by ${owner} and by ${process}`];
  }

  onAccepted(
    process: string,
    commit: AcceptedCommit<never>,
    fingerprint: string,
    authors: ReadonlyMap<string, string>,
  ): string[] {
    const { seq, hash } = commit.position;
    const known = this.#bySeq.get(seq);
    if (known !== undefined) return this.#compare(process, seq, { hash, fingerprint }, known);
    this.#bySeq.set(seq, { hash, process, fingerprint });
    return [
      ...this.#checkHash(process, seq, hash),
      ...this.#checkTerm(commit, authors.get(hash)),
      ...commit.inputs.flatMap((input) => this.#checkInput(input, seq)),
      ...this.#checkCommands(commit),
    ];
  }

  #compare(process: string, seq: number, now: { hash: string; fingerprint: string }, known: Believed): string[] {
    if (now.hash !== known.hash) {
      return [
        `SEQ: ${process} accepts ${short(now.hash)} as seq ${seq} of ${this.#name}, ${known.process} ${short(known.hash)}`,
      ];
    }
    if (now.fingerprint === known.fingerprint) return [];
    return [
      `P4: at seq ${seq} of ${this.#name}, ${process} has ${now.fingerprint}, ${known.process} ${known.fingerprint}`,
    ];
  }

  #checkHash(process: string, seq: number, hash: string): string[] {
    const other = this.#seqOfHash.get(hash);
    this.#seqOfHash.set(hash, seq);
    return other === undefined
      ? []
      : [`ONCE: ${process} accepts one record as seq ${other} and ${seq} of ${this.#name}`];
  }

  #checkTerm({ seq, term }: Pick<CommitRecord, 'seq' | 'term'>, author: string | undefined): string[] {
    const violations: string[] = [];
    if (seq > this.#highestSeq && term < this.#highestTerm) {
      violations.push(`P5: seq ${seq} of ${this.#name} is of term ${term}, term ${this.#highestTerm} had begun`);
    }
    this.#highestSeq = Math.max(this.#highestSeq, seq);
    this.#highestTerm = Math.max(this.#highestTerm, term);
    const owner = this.#owners.get(term);
    if (author !== undefined && owner !== undefined && author !== owner) {
      violations.push(`P5: seq ${seq} of ${this.#name} is by ${author}, but ${owner} owns term ${term}`);
    }
    return violations;
  }

  #checkInput(input: RecordedInput, seq: number): string[] {
    if (input.kind === 'internal') return [];
    const keys =
      input.kind === 'slice'
        ? range(input.from, input.to).map((offset) => `${input.topic}-${input.partition}-${offset}`)
        : range(input.fromSeq, input.toSeq + 1)
            .map((foreign) => `${input.domain}/${input.cell}/${foreign}`)
            // A commit that is decided on in two parts stands in two runs.
            .filter((_, index) => index > 0 || input.fromEvent === undefined);
    return keys.flatMap((key) => {
      const other = this.#seqOfInput.get(key);
      this.#seqOfInput.set(key, seq);
      return other === undefined ? [] : [`ONCE: ${key} is decided on in seq ${other} and ${seq} of ${this.#name}`];
    });
  }

  #checkCommands({ seq, events }: AcceptedCommit<never>): string[] {
    return events.flatMap((event: { type: string; data: unknown }) => {
      if (event.type !== 'CommandAccepted') return [];
      const { command } = event.data as { command: string };
      const other = this.#seqOfCommand.get(command);
      this.#seqOfCommand.set(command, seq);
      return other === undefined ? [] : [`ONCE: ${command} is accepted in seq ${other} and ${seq} of ${this.#name}`];
    });
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

function short(hash: string): string {
  return hash.slice(0, 8);
}
