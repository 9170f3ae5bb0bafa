import { InvalidArgumentError, Option, type Command } from 'commander';
import { keyValue, repeatable, wholeNumber } from './option-values.js';
import type { Add } from './program.js';

/** Options that verbs of all nouns have. */
interface CommonOptions {
  readonly listing: () => Option[];
  readonly reading: () => Option[];
  readonly changing: () => Option[];
  readonly yes: () => Option;
}

/** How roles share: their weights and quotas. */
export function addSharing(program: Command, add: Add, common: CommonOptions): void {
  addRoles(program.command('role').description('Roles: who resources are for'), add, common);
  addQuotas(
    program.command('quota').description('Quotas: at most, and at least, for a role and all below it'),
    add,
    common,
  );
  addReservations(
    program.command('reservation').description('Reservations: parts of agents kept for roles'),
    add,
    common,
  );
  addVolumes(program.command('volume').description('Volumes: the data of pods, and what outlived them'), add, common);
}

function addRoles(role: Command, add: Add, { listing, reading, changing }: CommonOptions): void {
  const verb = (name: keyof typeof import('./verbs/role.js')) => async () => (await import('./verbs/role.js'))[name];
  add(role, {
    usage: 'list',
    says: 'List roles, what they hold and what waits',
    load: verb('list'),
    options: listing(),
  });
  add(role, {
    usage: 'show <role>',
    says: 'Show one role, and why it is or is not its turn',
    load: verb('show'),
    options: reading(),
  });
  add(role, {
    usage: 'set <role>',
    says: 'Make a role such as eng/search, or set its weight',
    load: verb('set'),
    options: [
      new Option('--weight <n>', 'its part among its siblings').argParser(positiveNumber).makeOptionMandatory(),
      ...changing(),
    ],
  });
  add(role, {
    usage: 'fairness',
    says: 'Show what shares are made of, or leave scarce resources out of them',
    load: verb('fairness'),
    options: [
      new Option('--scarce <names>', 'leave out these alone, such as gpus or gpus,disk; none: all count').argParser(
        resourceList,
      ),
      new Option('--reason <text>', 'why; kept for ever'),
      ...reading(),
    ],
  });
  add(role, {
    usage: 'preemption',
    says: 'Show which pods make way for more important ones, or set how many may in a minute',
    load: verb('preemption'),
    options: [
      new Option('--per-minute <n>', 'at most in each cell; 0: none; default: 1 % of what runs, at least 10').argParser(
        perMinute,
      ),
      new Option('--reason <text>', 'why; kept for ever'),
      ...reading(),
    ],
  });
}

function addQuotas(quota: Command, add: Add, { listing, changing, yes }: CommonOptions): void {
  const verb = (name: keyof typeof import('./verbs/quota.js')) => async () => (await import('./verbs/quota.js'))[name];
  add(quota, { usage: 'list', says: 'List quotas and what is used of them', load: verb('list'), options: listing() });
  add(quota, {
    usage: 'set <role>',
    says: 'Set what a role may have at most, and has at least; replaces what was set before',
    load: verb('set'),
    options: [
      ...amounts('at most'),
      ...amounts('at least, kept free for it', 'guarantee-'),
      new Option('--force', 'even when more is used already: nothing is taken away'),
      ...changing(),
    ],
  });
  add(quota, {
    usage: 'remove <role>',
    says: 'End the limit and the guarantee of a role',
    load: verb('remove'),
    options: [yes(), ...changing()],
  });
}

function addReservations(reservation: Command, add: Add, { listing, changing, yes }: CommonOptions): void {
  const verb = (name: keyof typeof import('./verbs/reservation.js')) => async () =>
    (await import('./verbs/reservation.js'))[name];
  add(reservation, {
    usage: 'list',
    says: 'List reservations and what of them nobody uses',
    load: verb('list'),
    options: listing(),
  });
  add(reservation, {
    usage: 'create <role> <agent>',
    says: 'Keep a part of an agent for a role and those below it',
    load: verb('create'),
    options: [
      ...amounts('to keep'),
      new Option('--ports <ranges>', 'port numbers to keep, such as 9092-9095,9100').argParser(portRanges),
      repeatable('--whole-disk <name>', 'a disk that the agent declares, to keep'),
      new Option('--refines <reservation>', 'take it out of this one, of a role above'),
      new Option('--label <key=value>', 'tells it from others, repeatable').argParser(keyValue).default({}, 'none'),
      ...changing(),
    ],
  });
  add(reservation, {
    usage: 'remove <reservation>',
    says: 'End a reservation that nobody uses',
    load: verb('remove'),
    options: [yes(), ...changing()],
  });
}

function addVolumes(volume: Command, add: Add, { listing, changing, yes }: CommonOptions): void {
  const verb = (name: keyof typeof import('./verbs/volume.js')) => async () =>
    (await import('./verbs/volume.js'))[name];
  add(volume, { usage: 'list', says: 'List volumes and who holds them', load: verb('list'), options: listing() });
  add(volume, {
    usage: 'destroy <volume>',
    says: 'Delete the data of a volume that no pod holds',
    load: verb('destroy'),
    options: [yes(), ...changing()],
  });
  add(volume, {
    usage: 'adopt <volume> <service> <pod>',
    says: 'Give a volume that outlived its pod to another, such as node-0: its next place is there',
    load: verb('adopt'),
    options: changing(),
  });
}

function portRanges(text: string): { begin: number; end: number }[] {
  return text.split(',').map((range) => {
    const [, begin, end = begin] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range.trim()) ?? [];
    if (begin === undefined) throw new InvalidArgumentError(`${range} is no range such as 9092-9095.`);
    return { begin: Number(begin), end: Number(end) };
  });
}

const RESOURCES = ['cpus', 'memory', 'disk', 'gpus'];

function resourceList(text: string): string[] {
  const names = text === 'none' ? [] : text.split(',');
  const unknown = names.find((name) => !RESOURCES.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${RESOURCES.join(', ')}, nor none.`);
  return [...new Set(names)];
}

function perMinute(text: string): number | 'default' {
  return text === 'default' ? text : wholeNumber(text);
}

const amounts = (says: string, before = '') => [
  new Option(`--${before}cpus <n>`, `cores, ${says}`).argParser(amount),
  new Option(`--${before}memory <mib>`, `MiB, ${says}`).argParser(wholeNumber),
  new Option(`--${before}disk <mib>`, `MiB, ${says}`).argParser(wholeNumber),
  new Option(`--${before}gpus <n>`, `whole devices, ${says}`).argParser(wholeNumber),
];

function amount(text: string): number {
  if (!/^\d+(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('expected a number with up to three decimals.');
  return Number(text);
}

function positiveNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number) || number <= 0) {
    throw new InvalidArgumentError('expected a number above 0.');
  }
  return number;
}
