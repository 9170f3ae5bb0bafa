import { agentReportsTopic, commandTopic, journalTopic } from '@orrery/contracts';
import { auditJournal } from '@orrery/control-loop';
import { messageLine, writeHistory, type HistoryLine } from './history.js';
import type { World } from './world.js';

/** Writes what a world lived through as a history for test/replay, and says what it holds. */
export async function recordHistory(
  file: string,
  world: World,
  { guest, note }: { readonly guest: string; readonly note: string },
): Promise<string> {
  const { cells, domains } = world.options.guest;
  const journals: HistoryLine[] = [];
  for (const { domain, cell } of world.shards) {
    const { decider } = domains.find((each) => each.domain === domain)!.host(world);
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
  writeHistory(file, [{ kind: 'head', guest, cells, note }, ...journals, ...messages]);
  return `${file}: ${journals.length} journals, ${messages.length} messages`;
}
