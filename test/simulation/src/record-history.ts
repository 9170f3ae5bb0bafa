/**
 * Records a history for test/replay: `node test/simulation/dist/record-history.js --guest orrery --seed 3 --steps 60 FILE`. It
 * is lived in the simulation, so the same version records the same file again.
 */
import { parseArgs } from 'node:util';
import { agentReportsTopic, commandTopic, journalTopic } from '@orrery/contracts';
import { auditJournal } from '@orrery/control-loop';
import { guestNamed } from './guests.js';
import { messageLine, writeHistory, type HistoryLine } from './history.js';
import { Storm } from './storm.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    guest: { type: 'string', default: 'orrery' },
    cells: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '60' },
    note: { type: 'string', default: '' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name the file to write');
const cells = Number(values.cells);
const guest = guestNamed(values.guest, cells);
const storm = new Storm({ seed: Number(values.seed), steps: Number(values.steps), guest });
const { violations, records } = await storm.run();
if (violations.length > 0) throw new Error(`nothing worth keeping: ${violations[0]}`);

const { world } = storm;
const journals: HistoryLine[] = [];
for (const { domain, cell } of world.shards) {
  const { decider } = guest.domains.find((each) => each.domain === domain)!.host(world);
  const audit = await world.clock.advanceWhile(auditJournal(world, { domain, cell, folding: decider }));
  journals.push({ kind: 'journal', registration: world.registry.registered(domain, cell)!, digest: audit.digest });
}
const sources = [
  ...world.shards.flatMap(({ domain, cell }) => [
    { topic: journalTopic(domain), partition: cell },
    { topic: commandTopic(domain), partition: cell },
  ]),
  ...world.cells.map((partition) => ({ topic: agentReportsTopic, partition })),
];
const messages = sources.flatMap((source) =>
  world.log.messagesOf(source).map((message) => messageLine(source, message)),
);
writeHistory(file, [{ kind: 'head', guest: values.guest, cells, note: values.note }, ...journals, ...messages]);
console.log(`${file}: ${journals.length} journals, ${records} records, ${messages.length} messages`);
