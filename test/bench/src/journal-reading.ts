import {
  countIds,
  journalTopic,
  type AllocationEvent,
  type ClusterEvent,
  type CommitRecord,
  type DomainName,
  type JournalRecord,
} from '@orrery/contracts';
import type { KafkajsLog } from '@orrery/kafka';
import { Curve } from './curve.js';
import { round } from './statistics.js';

export interface ReadCommit {
  readonly record: CommitRecord;
  readonly timestampMs: number;
  readonly bytes: number;
}

/** Reads what was appended to a journal from an offset on: after the measurement, so that reading disturbs nothing. */
export async function readJournal(
  log: KafkajsLog,
  domain: DomainName,
  from: number,
  take: (commit: ReadCommit) => void,
): Promise<void> {
  const source = { topic: journalTopic(domain), partition: 0 };
  const { high } = await log.bounds(source);
  if (high <= from) return;
  await new Promise<void>((resolve, reject) => {
    const reader = log.follow(
      source,
      from,
      ({ messages }) => {
        for (const { value, offset, timestampMs } of messages) {
          const record = JSON.parse(Buffer.from(value!).toString('utf8')) as JournalRecord;
          if (record.kind === 'Commit') take({ record, timestampMs, bytes: value!.length });
          if (offset !== high - 1) continue;
          void reader.stop();
          resolve();
        }
      },
      reject,
    );
  });
}

export interface JournalVolume {
  commits: number;
  events: number;
  bytes: number;
}

/** What the journals say about a run, by the broker's clock. */
export interface Run {
  /** Places that were given. */
  readonly scheduled: Curve;
  readonly running: Curve;
  readonly ended: Curve;
  /** Seq of the cluster commit at which so many ran. */
  readonly seqOfRunning: (count: number) => number;
  readonly volumes: Readonly<Record<DomainName, JournalVolume>>;
}

/** For a report: what the journals took to run so many tasks. */
export function volumeFigures(volumes: Run['volumes'], tasks: number): Readonly<Record<string, number>> {
  const figures = Object.entries(volumes).flatMap(([domain, { commits, events, bytes }]) => [
    [`${domain}_commits`, commits] as const,
    [`${domain}_events_per_task`, round(events / tasks)] as const,
    [`${domain}_bytes_per_task`, round(bytes / tasks)] as const,
  ]);
  return Object.fromEntries(figures);
}

export type Marks = Readonly<Record<DomainName, number>>;

/** Where the journals end now. */
export async function markJournals(log: KafkajsLog): Promise<Marks> {
  const high = async (domain: DomainName) => (await log.bounds({ topic: journalTopic(domain), partition: 0 })).high;
  return { cluster: await high('cluster'), allocation: await high('allocation'), services: await high('services') };
}

/** Of the last record that a journal has now. */
export async function lastSeqOf(log: KafkajsLog, domain: DomainName): Promise<number> {
  const source = { topic: journalTopic(domain), partition: 0 };
  const { high } = await log.bounds(source);
  const [last] = await log.read(source, high - 1, high);
  return (JSON.parse(Buffer.from(last!.value!).toString('utf8')) as JournalRecord).seq;
}

export async function readRun(log: KafkajsLog, marks: Marks): Promise<Run> {
  const empty = (): JournalVolume => ({ commits: 0, events: 0, bytes: 0 });
  const volumes = { cluster: empty(), allocation: empty(), services: empty() };
  const [scheduled, running, ended] = [new Curve(), new Curve(), new Curve()];
  const seqs: { readonly seq: number; readonly running: number }[] = [];
  const note = (volume: JournalVolume, { record, bytes }: ReadCommit) => {
    volume.commits += 1;
    volume.events += record.events.length;
    volume.bytes += bytes;
  };
  await readJournal(log, 'allocation', marks.allocation, (commit) => {
    note(volumes.allocation, commit);
    for (const event of commit.record.events as unknown as AllocationEvent[]) {
      if (event.type === 'Placed') scheduled.add(commit.timestampMs, countIds(event.data.grants));
    }
  });
  await readJournal(log, 'cluster', marks.cluster, (commit) => {
    note(volumes.cluster, commit);
    for (const event of commit.record.events as unknown as ClusterEvent[]) {
      if (event.type === 'TasksRunning') running.add(commit.timestampMs, countIds(event.data.launches));
      if (event.type !== 'TasksEnded') continue;
      for (const { launches } of event.data.ends) ended.add(commit.timestampMs, countIds(launches));
    }
    seqs.push({ seq: commit.record.seq, running: running.total });
  });
  await readJournal(log, 'services', marks.services, (commit) => note(volumes.services, commit));
  return {
    scheduled,
    running,
    ended,
    volumes,
    seqOfRunning: (count) => seqs.find((each) => each.running >= count)?.seq ?? Infinity,
  };
}
