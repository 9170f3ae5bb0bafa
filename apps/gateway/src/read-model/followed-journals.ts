import { domainNames, loopEventTypes, type DomainName, type RecordedEvent } from '@orrery/contracts';
import {
  followJournals,
  type FollowedSource,
  type FollowerPorts,
  type FollowerStart,
  type Folding,
  type JournalAddress,
  type JournalFollower,
  type VoidReason,
} from '@orrery/control-loop';
import type { DomainEvent } from '@orrery/kernel';
import { streamedCommit, type StreamedCommit } from '../events/streamed-commit.js';
import { subjectsOf, subjectsOfLoopEvent, type Subjects } from '../events/subjects.js';
import { journalName } from '../position.js';
import { foldings, type FoldedJournal } from './world.js';

export interface Journal extends FollowedSource {
  readonly domain: DomainName;
  readonly cell: number;
  readonly folding: Folding<object, never>;
}

export interface FollowedJournalsOptions {
  readonly cells: number;
  readonly start: FollowerStart;
  /** Whether anybody wants to see events: it costs as much as folding them. */
  readonly watched: () => boolean;
  onCommit(commit: StreamedCommit): void | Promise<void>;
  onVoid?(journal: JournalAddress, reason: VoidReason, offset: number): void;
  onTrouble?(journal: string, error: Error): void;
  onStopped(error: Error): void;
}

/** All journals of all cells, folded in causal order; each commit comes out as the event streams need it. */
export class FollowedJournals {
  readonly journals: readonly Journal[];
  readonly #follower: JournalFollower<Journal>;
  /** Whom each event is about, looked up right before it is folded. */
  readonly #subjects = new WeakMap<object, Subjects>();

  constructor(options: FollowedJournalsOptions, ports: FollowerPorts) {
    this.journals = journalsOf(options.cells).map((journal) => this.#observed(journal, options.watched));
    this.#follower = followJournals(
      {
        sources: this.journals,
        start: options.start,
        onCommit: ({ source, record }) => {
          const subjects = (event: RecordedEvent) => this.#subjectsOf(source.domain, event);
          return options.onCommit(streamedCommit(nameOf(source), record, options.watched() ? subjects : undefined));
        },
        onVoid: ({ domain, cell }, reason, offset) => options.onVoid?.({ domain, cell }, reason, offset),
        onTrouble: (source, error) => options.onTrouble?.(nameOf(source), error),
        onStopped: options.onStopped,
      },
      ports,
    );
  }

  start(): Promise<void> {
    return this.#follower.start();
  }

  stop(): Promise<void> {
    return this.#follower.stop();
  }

  caughtUp(): Promise<void> {
    return this.#follower.caughtUp();
  }

  /** The state of each journal, as far as it was handed over. */
  folded(): FoldedJournal[] {
    const positions = this.#follower.positions();
    return this.journals.map((journal) => {
      const { domain, cell } = journal;
      const { seq, at } = positions[`${domain}/${cell}`]!;
      return { domain, cell, fold: this.#follower.foldOf(journal), seq, atMs: at };
    });
  }

  /** Offset that each journal reads next. */
  nextOffsets(): ReadonlyMap<Journal, number> {
    const positions = this.#follower.positions();
    return new Map(this.journals.map((journal) => [journal, positions[`${journal.domain}/${journal.cell}`]!.next]));
  }

  #observed(journal: Journal, watched: () => boolean): Journal {
    const { domain, folding } = journal;
    const evolve = (state: object, event: never): void => {
      if (watched()) this.#subjects.set(event, subjectsOf(domain, state, event as DomainEvent));
      folding.evolve(state, event);
    };
    return { ...journal, folding: { ...folding, evolve } };
  }

  #subjectsOf(domain: DomainName, event: RecordedEvent): Subjects {
    if (loopEventTypes.has(event.type)) return subjectsOfLoopEvent(domain, event);
    return this.#subjects.get(event) ?? { services: [], pods: [] };
  }
}

export function journalsOf(cells: number): Journal[] {
  return Array.from({ length: cells }, (_, cell) => cell).flatMap((cell) =>
    domainNames.map((domain) => ({ domain, cell, folding: foldings[domain] as unknown as Folding<object, never> })),
  );
}

function nameOf({ domain, cell }: Journal): string {
  return journalName(domain, cell);
}
