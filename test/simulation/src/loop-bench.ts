/**
 * The control loop alone, on an in-memory log and the machine's clock: how fast it commits small commands and folds small
 * events, a second of processor time. `node test/simulation/dist/loop-bench.js [commands]` prints one line of JSON.
 */
import { commandTopic, journalTopic } from '@orrery/contracts';
import {
  followJournals,
  hostDecider,
  provisionJournal,
  systemClock,
  systemRandom,
  type LoopSignal,
} from '@orrery/control-loop';
import {
  commandMessage,
  InMemoryLog,
  InMemoryRegistry,
  InMemorySnapshots,
  ManualHint,
  toyDecider,
  toyHosting,
} from '@orrery/testing';

const commands = Number(process.argv[2] ?? 100_000);
const log = new InMemoryLog(systemClock);
const registry = new InMemoryRegistry();
const ports = { log, registry, snapshots: new InMemorySnapshots(), clock: systemClock, random: systemRandom };

await provisionJournal(ports, { domain: 'services', cell: 0, cells: 1 });
const signals: LoopSignal[] = [];
const hint = new ManualHint();
const observe = (signal: LoopSignal) => void signals.push(signal);
const loop = hostDecider(toyHosting, { ...ports, hint, observe }, { instance: 'bench', cells: 1 });
await loop.start();
hint.name(0);
await until(() => loop.status()[0]!.state === 'owning');

const nowMs = Date.now();
const target = { topic: commandTopic('services'), partition: 0 };
const sends = Array.from({ length: commands }, (_, index) =>
  log.append(
    target,
    commandMessage(`command-${index}`, { type: 'Add', counter: `c${index % 1000}`, amount: 1 }, { nowMs }),
  ),
);
const [, committedS] = await timed(async () => {
  await Promise.all(sends);
  await decided();
});
const commits = signals.filter((signal) => signal.kind === 'committed');
const events = commits.reduce((sum, commit) => sum + commit.events, 0);
const bytes = commits.reduce((sum, commit) => sum + commit.bytes, 0);
const turns = signals.filter((signal) => signal.kind === 'turn').map(({ ms }) => ms);

let folded = 0;
const source = { domain: 'services', cell: 0, folding: toyDecider } as const;
const onCommit = ({ record }: { record: { kind: string } }) => void (folded += record.kind === 'Commit' ? 1 : 0);
const onStopped = (error: Error) => {
  console.error(error);
  process.exit(1);
};
const foldFromZero = async () => {
  const follower = followJournals({ sources: [source], start: { from: 'zero' }, onCommit, onStopped }, ports);
  const [, seconds] = await timed(async () => {
    await follower.start();
    await follower.caughtUp();
  });
  await follower.stop();
  return seconds;
};
// The first rounds warm up what the machine compiles.
const rounds = [await foldFromZero(), await foldFromZero(), await foldFromZero()];
const foldedS = Math.min(...rounds);

console.log(
  JSON.stringify({
    commands,
    commands_per_s: Math.round(commands / committedS),
    events,
    commits: commits.length,
    mib: Math.round(bytes / 1024 / 1024),
    longest_turn_ms: Math.max(...turns),
    fold_per_s: Math.round(events / foldedS),
    folded_commits: folded,
    journal_records: log.messagesOf({ topic: journalTopic('services'), partition: 0 }).length,
    rss_mib: Math.round(process.memoryUsage().rss / 1024 / 1024),
  }),
);
process.exit(0);

async function decided(): Promise<void> {
  const inputs = () => signals.reduce((sum, signal) => sum + (signal.kind === 'committed' ? signal.inputs : 0), 0);
  await until(() => inputs() >= commands);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function timed<Value>(run: () => Promise<Value>): Promise<[Value, number]> {
  const began = process.cpuUsage();
  const value = await run();
  const { user, system } = process.cpuUsage(began);
  return [value, (user + system) / 1e6];
}
