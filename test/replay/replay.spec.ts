import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { auditJournal, redecideJournal } from '@orrery/control-loop';
import { InMemorySnapshots } from '@orrery/testing';
import { guestNamed } from '../simulation/src/guests.js';
import { loadHistory } from '../simulation/src/history.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'histories');
const histories = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));

describe.each(histories)('the history %s', (name) => {
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
