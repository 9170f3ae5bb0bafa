import { commandTopic, journalTopic, type DomainName, type JournalRecord } from '@orrery/contracts';
import { judge, ShardFold, startOf } from '@orrery/control-loop';
import type { OwnerSlot } from './owner-slot.js';
import type { World } from './world.js';

interface Truth {
  readonly seq: number;
  readonly digest: string;
  readonly state: object;
  /** Ids of the commands whose outcome is in the journal. */
  readonly outcomes: ReadonlySet<string>;
}

/**
 * What keeps a world from being at rest: everything in the topics is decided on, one process owns each shard, all of them
 * have the state that the journal folds to from zero, and the guest has nothing left to do.
 */
export function unrestOf(world: World, slots: readonly OwnerSlot[]): string[] {
  const truths = new Map<string, Truth>();
  const found = world.shards.flatMap(({ domain, cell }) => {
    const truth = truthOf(world, domain, cell);
    truths.set(`${domain}/${cell}`, truth);
    return unrestOfShard(
      world,
      { domain, cell },
      truth,
      slots.filter((slot) => slot.domain === domain),
    );
  });
  return found.length > 0 ? found : world.run.unrest((domain, cell) => truths.get(`${domain}/${cell}`)!.state);
}

function unrestOfShard(
  world: World,
  { domain, cell }: { domain: DomainName; cell: number },
  { seq, digest, outcomes }: Truth,
  slots: readonly OwnerSlot[],
): string[] {
  const name = `${domain}/${cell}`;
  const owners = slots.filter(({ loop }) => loop.status()[cell]!.state === 'owning');
  const apart = slots.filter(({ loop }) => loop.digests()[cell]?.digest !== digest);
  const undecided = world.log
    .messagesOf({ topic: commandTopic(domain), partition: cell })
    .flatMap(({ headers }) => headers['ce_id'] ?? [])
    .filter((id) => !outcomes.has(id));
  return [
    ...(owners.length === 1 ? [] : [`${name} has ${owners.length} owners`]),
    ...apart.map(
      (slot) => `${slot.name} is apart from the journal at seq ${seq}: ${JSON.stringify(slot.loop.status()[cell])}`,
    ),
    ...(undecided.length === 0
      ? []
      : [`${undecided.length} commands of ${name} are undecided: ${undecided.slice(0, 3).join(' ')}`]),
  ];
}

/** The fold from zero by the rules themselves, from what is in the log. */
function truthOf(world: World, domain: DomainName, cell: number): Truth {
  const registration = world.registry.registered(domain, cell)!;
  const { decider } = world.options.guest.domains.find((each) => each.domain === domain)!.host(world);
  const fold = new ShardFold<object, never>(decider);
  const outcomes = new Set<string>();
  let cursor = startOf(registration.journalId);
  const rules = { ...registration, inputsFault: fold.loop.inputsFault.bind(fold.loop) };
  for (const message of world.log.messagesOf({ topic: journalTopic(domain), partition: cell })) {
    const verdict = judge(cursor, message, rules);
    if (verdict.kind === 'stop') {
      world.note([`P3: ${verdict.reason}: ${verdict.message}`]);
      break;
    }
    cursor = verdict.cursor;
    if (verdict.kind === 'void') continue;
    fold.fold(verdict.record, verdict.cursor);
    for (const id of commandsOf(verdict.record)) outcomes.add(id);
  }
  return { seq: cursor.seq, digest: fold.digest(cursor), state: fold.domain, outcomes };
}

function commandsOf(record: JournalRecord): string[] {
  if (record.kind !== 'Commit') return [];
  return record.events.flatMap(({ type, data }) =>
    type.startsWith('Command') ? [(data as { command: string }).command] : [],
  );
}
