import { parseTaskId } from '@orrery/contracts';
import { encodePosition, type Position } from '../position.js';
import type { StreamedCommit, StreamedEvent } from './streamed-commit.js';
import type { PodSpan } from './subjects.js';

export interface EventFilter {
  readonly service?: string;
  readonly type?: string;
  /** Such as `hello.web-0.server`: also of events about many. */
  readonly task?: string;
}

export interface PlacedEvent {
  /** Right after this event: whoever goes on from here misses nothing and sees nothing twice. */
  readonly position: string;
  readonly event: StreamedEvent;
}

/**
 * How far one stream has come. Commits may be offered from any source that keeps causal order, more than once, and from
 * before the cursor: it takes each event exactly once.
 */
export class EventCursor {
  readonly #journals: Map<string, number>;
  readonly #commands: Map<string, number>;
  readonly #filter: EventFilter;
  readonly #task: ReturnType<typeof parseTaskId>;
  #partial: Position['partial'];

  constructor(from: Position, filter: EventFilter = {}) {
    this.#journals = new Map(from.journals);
    this.#commands = new Map(from.commands);
    this.#partial = from.partial;
    this.#filter = filter;
    this.#task = filter.task === undefined ? undefined : parseTaskId(filter.task);
  }

  get position(): Position {
    const partial = this.#partial === undefined ? {} : { partial: this.#partial };
    return { journals: new Map(this.#journals), commands: new Map(this.#commands), ...partial };
  }

  get encoded(): string {
    const partial = this.#partial === undefined ? {} : { partial: this.#partial };
    return encodePosition({ journals: this.#journals, commands: this.#commands, ...partial });
  }

  /** Events of this commit that were not taken yet and that the filter lets through. Passes the commit when done. */
  *take(commit: StreamedCommit): Generator<PlacedEvent> {
    if (this.#isPast(commit)) return;
    const taken = this.#partial?.journal === commit.journal ? this.#partial.events : 0;
    for (let at = taken; at < commit.events.length; at += 1) {
      const event = commit.events[at]!;
      if (at === commit.events.length - 1) this.#pass(commit);
      else this.#partial = { journal: commit.journal, events: at + 1 };
      if (this.#wants(event)) yield { position: this.encoded, event };
    }
    this.#pass(commit);
  }

  /** Passes a commit without looking at its events. */
  skip(commit: StreamedCommit): void {
    if (!this.#isPast(commit)) this.#pass(commit);
  }

  #isPast(commit: StreamedCommit): boolean {
    return commit.seq <= (this.#journals.get(commit.journal) ?? -1);
  }

  #pass(commit: StreamedCommit): void {
    this.#partial = this.#partial?.journal === commit.journal ? undefined : this.#partial;
    this.#journals.set(commit.journal, commit.seq);
    for (const [name, offset] of commit.decided) this.#commands.set(name, offset);
  }

  #wants(event: StreamedEvent): boolean {
    const { service, type } = this.#filter;
    if (type !== undefined && type !== event.type) return false;
    if (service !== undefined && !event.services.includes(service)) return false;
    return this.#task === undefined || event.pods.some((span) => holds(span, this.#task!));
  }
}

function holds(span: PodSpan, { service, pod, index, task }: NonNullable<ReturnType<typeof parseTaskId>>): boolean {
  if (span.service !== service || span.pod !== pod || index < span.first || index > span.last) return false;
  return span.task === undefined || span.task === task;
}
