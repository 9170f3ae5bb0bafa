import type { LoopObserver, LoopSignal, Shard } from '@orrery/control-loop';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SHARD = ['domain', 'cell'] as const;
const COMMIT_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const TURN_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
/** No turn of an owner's event loop may be longer. */
const TURN_MS_MAX = 100;

/** Metrics and log lines of everything that the control loop tells about its shards. */
export function loopObserver(registry: Registry, log: Logger): LoopObserver {
  const meters = loopMeters(registry);
  return (signal) => {
    const labels = { domain: signal.shard.domain, cell: String(signal.shard.cell) };
    measure(signal, labels, meters);
    tell(signal, log);
  };
}

type Meters = ReturnType<typeof loopMeters>;

function loopMeters(registry: Registry) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labels: readonly Label[] = []) =>
    new Counter({ name, help, labelNames: [...SHARD, ...labels], registers });
  const histogram = <Label extends string>(name: string, help: string, buckets: number[], labels: readonly Label[]) =>
    new Histogram({ name, help, buckets, labelNames: [...SHARD, ...labels], registers });
  return {
    commits: counter('orrery_commits_total', 'Commits that were accepted'),
    inputs: counter('orrery_commit_inputs_total', 'Inputs that were decided in accepted commits'),
    events: counter('orrery_commit_events_total', 'Events of accepted commits'),
    bytes: counter('orrery_commit_bytes_total', 'Bytes of accepted commits'),
    append: histogram('orrery_commit_seconds', 'From the first send of a commit to its acceptance', COMMIT_SECONDS, []),
    voids: counter('orrery_journal_void_records_total', 'Journal records that no reader accepts', ['reason']),
    stopped: counter('orrery_journal_stopped_total', 'Readers that stopped at damage', ['reason']),
    doubts: counter('orrery_commits_in_doubt_total', 'Appends without an answer, sent again'),
    rolledBack: counter('orrery_commits_rolled_back_total', 'Commits that turned out void'),
    turns: histogram('orrery_turn_seconds', 'Uninterrupted stretches of work', TURN_SECONDS, ['work']),
    snapshots: counter('orrery_snapshots_total', 'Snapshots taken'),
    alarms: counter('orrery_alarms_total', 'What an operator should look at', ['code']),
    owned: new Gauge({
      name: 'orrery_shard_owned',
      help: '1 while this process owns the shard',
      labelNames: SHARD,
      registers,
    }),
    seq: new Gauge({ name: 'orrery_commit_seq', help: 'Last commit made here', labelNames: SHARD, registers }),
  };
}

function measure(signal: LoopSignal, labels: Readonly<Record<'domain' | 'cell', string>>, meters: Meters): void {
  switch (signal.kind) {
    case 'state':
      return meters.owned.set(labels, signal.to === 'owning' ? 1 : 0);
    case 'void-record':
      return meters.voids.inc({ ...labels, reason: signal.reason });
    case 'stopped':
      return meters.stopped.inc({ ...labels, reason: signal.reason });
    case 'committed':
      meters.commits.inc(labels);
      meters.inputs.inc(labels, signal.inputs);
      meters.events.inc(labels, signal.events);
      meters.bytes.inc(labels, signal.bytes);
      meters.seq.set(labels, signal.seq);
      return meters.append.observe(labels, signal.appendMs / 1000);
    case 'in-doubt':
      return meters.doubts.inc(labels);
    case 'rolled-back':
      return meters.rolledBack.inc(labels);
    case 'turn':
      return meters.turns.observe({ ...labels, work: signal.work }, signal.ms / 1000);
    case 'snapshot':
      return meters.snapshots.inc(labels);
    case 'alarm':
      return meters.alarms.inc({ ...labels, code: signal.code });
    default:
  }
}

function tell(signal: LoopSignal, log: Logger): void {
  const { shard, kind, ...fields } = signal;
  const line = { ...fields, shard: nameOf(shard) };
  switch (signal.kind) {
    case 'state':
      return log.info(line, `${nameOf(shard)} is ${signal.to}: ${signal.why}`);
    case 'loaded':
      return log.info(line, `${nameOf(shard)} begins at seq ${signal.seq}`);
    case 'stopped':
      return log.error(line, signal.message);
    case 'alarm':
      return log.warn(line, signal.message);
    case 'void-record':
      // `late` is the protocol at work; the others are records that should not be there.
      return signal.reason === 'late' ? log.debug(line, kind) : log.warn(line, `void record: ${signal.reason}`);
    case 'in-doubt':
    case 'rolled-back':
      return log.info(line, kind);
    case 'turn':
      if (signal.ms > TURN_MS_MAX) log.warn(line, `a turn of ${Math.round(signal.ms)} ms`);
      return;
    default:
      return log.debug(line, kind);
  }
}

function nameOf({ domain, cell }: Shard): string {
  return `${domain}/${cell}`;
}
