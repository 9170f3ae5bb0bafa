import {
  commandTopic,
  domainNames,
  type JournalRecord,
  type RecordedEvent,
  type RecordedOutcome,
} from '@orrery/contracts';
import { outcomesOf } from '@orrery/contracts';
import { journalName } from '../position.js';
import type { PodSpan, Subjects } from './subjects.js';

/** An accepted journal record as the event streams need it: made where the fold is, kept where the streams are. */
export interface StreamedCommit {
  readonly journal: string;
  readonly seq: number;
  readonly at: number;
  /** Last offset decided of command partitions, by the name of their journal. */
  readonly decided: readonly (readonly [string, number])[];
  /** None of a commit that was folded while nobody watched. */
  readonly events: readonly StreamedEvent[];
  readonly unwatched?: true;
  readonly outcomes: readonly RecordedOutcome[];
}

export interface StreamedEvent {
  readonly type: string;
  readonly services: readonly string[];
  readonly pods: readonly PodSpan[];
  /** All that clients see of it but its position. */
  readonly json: string;
}

export type SubjectsOfEvent = (event: RecordedEvent) => Subjects;

const domainOfCommandTopic = new Map(domainNames.map((domain) => [commandTopic(domain), domain]));

/** Without `subjectsOf` nobody watches: only how far it goes and what became of commands. */
export function streamedCommit(journal: string, record: JournalRecord, subjectsOf?: SubjectsOfEvent): StreamedCommit {
  const { seq, at } = record;
  if (record.kind !== 'Commit') return { journal, seq, at, decided: [], events: [], outcomes: [] };
  const decided = record.inputs.flatMap((input) => {
    const domain = input.kind === 'slice' ? domainOfCommandTopic.get(input.topic) : undefined;
    if (input.kind !== 'slice' || domain === undefined) return [];
    return [[journalName(domain, input.partition), input.to - 1] as const];
  });
  const outcomes = outcomesOf(record);
  if (subjectsOf === undefined) return { journal, seq, at, decided, events: [], unwatched: true, outcomes };
  const time = new Date(at).toISOString();
  const events = record.events.map((event): StreamedEvent => {
    const { services, agent, pods } = subjectsOf(event);
    const { type, version, cause, actor, reason, data } = event;
    const service = services.length === 1 ? services[0] : undefined;
    const about = { service, ...(services.length > 1 ? { services } : {}), agent };
    return {
      type,
      services,
      pods,
      json: JSON.stringify({ at: time, journal, seq, type, version, ...about, actor, reason, cause, data }),
    };
  });
  return { journal, seq, at, decided, events, outcomes };
}
