import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { journalTopic, type JournalRecord } from '@orrery/contracts';
import { auditJournal, redecideJournal } from '@orrery/control-loop';
import { InMemorySnapshots } from '@orrery/testing';
import { guestNamed } from '../simulation/src/guests.js';
import { loadHistory } from '../simulation/src/history.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'histories');
const histories = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));

/** What an installation lives through at the least; a story that lost one of them tests less than it says. */
const lived = [
  'ServiceApplied AgentRegistered AgentOpened PlacementRequested Placed LaunchOrdered LaunchAccepted TasksRunning StepCompleted',
  'CommandRefused InputQuarantined KillOrdered TasksEnded RetryScheduled AgentUnreachable ReplaceStarted AgentReturned',
  'GrantReturned GrantReleased GrantSuperseded RecoveryWaiting RoleSet QuotaSet PlacementPending AgentDraining AgentActivated',
  'UninstallStarted VolumeDestroying VolumeDestroyed ServiceRemoved',
].flatMap((line) => line.split(' '));

it('holds a story of the product in which everything happens that an installation lives through', () => {
  const { log, journals } = loadHistory(join(folder, 'current-orrery.jsonl'));
  const told = journals.flatMap(({ registration: { domain, cell } }) =>
    log.messagesOf({ topic: journalTopic(domain), partition: cell }).flatMap(({ value }) => {
      const record = JSON.parse(Buffer.from(value!).toString('utf8')) as JournalRecord;
      return record.kind === 'Commit' ? record.events.map(({ type }) => type) : [];
    }),
  );
  expect(lived.filter((type) => !told.includes(type))).toEqual([]);
});

describe.each(histories)('the history %s (meant to differ now? see test/replay/README.md)', (name) => {
  const { clock, log, registry, journals, head } = loadHistory(join(folder, name));
  const guest = guestNamed(head.guest, head.cells);
  const hostingOf = (domain: string) => guest.domains.find((each) => each.domain === domain)!.host({ log, clock });

  it.each(journals)(
    '$registration.domain/$registration.cell folds to the state of then',
    async ({ registration, digest }) => {
      const { domain, cell } = registration;
      const audited = auditJournal(
        { log, registry, snapshots: new InMemorySnapshots() },
        { domain, cell, folding: hostingOf(domain).decider },
      );
      expect(await clock.advanceWhile(audited)).toMatchObject({ stopped: undefined, clean: true, digest });
    },
  );

  it.each(journals)(
    '$registration.domain/$registration.cell is decided again as it was then',
    async ({ registration }) => {
      const { domain, cell } = registration;
      const redecided = redecideJournal(hostingOf(domain), cell, { log, registry });
      const { commits, differences } = await clock.advanceWhile(redecided);
      expect(differences).toEqual([]);
      expect(commits).toBeGreaterThan(0);
    },
  );
});
