import { domainNames, type DomainName } from '@orrery/contracts';

/**
 * How far a reader has come: of each journal the seq folded last, of each command topic partition the offset decided last.
 * The second part lets a client that has only sent a command wait until it was decided.
 */
export interface Position {
  /** `services-0` → seq. */
  readonly journals: ReadonlyMap<string, number>;
  /** `services-0` → last offset of its command partition that is decided. */
  readonly commands: ReadonlyMap<string, number>;
  /** In the middle of a commit: of journal `journal`, so many events after its seq above. */
  readonly partial?: { readonly journal: string; readonly events: number };
}

export const beginning: Position = { journals: new Map(), commands: new Map() };

const VERSION = '1';
const POSITION_LENGTH_MAX = 64 * 1024;

export function journalName(domain: DomainName, cell: number): string {
  return `${domain}-${cell}`;
}

export function parseJournalName(name: string): { domain: DomainName; cell: number } | undefined {
  const match = /^([a-z]+)-(0|[1-9]\d{0,4})$/.exec(name);
  const domain = domainNames.find((known) => known === match?.[1]);
  return domain === undefined ? undefined : { domain, cell: Number(match![2]) };
}

/** One opaque string, good on any gateway. */
export function encodePosition({ journals, commands, partial }: Position): string {
  const text = [
    VERSION,
    listOf(journals),
    listOf(commands),
    partial === undefined ? '' : `${partial.journal}=${partial.events}`,
  ].join(';');
  return Buffer.from(text).toString('base64url');
}

/** Nothing when the string is no position. */
export function decodePosition(encoded: string): Position | undefined {
  if (encoded.length > POSITION_LENGTH_MAX || !/^[A-Za-z0-9_-]+$/.test(encoded)) return undefined;
  const [version, journalList, commandList, partialList, ...rest] = Buffer.from(encoded, 'base64url')
    .toString()
    .split(';');
  if (version !== VERSION || rest.length > 0) return undefined;
  const [journals, commands, partials] = [mapOf(journalList), mapOf(commandList), mapOf(partialList)];
  if (journals === undefined || commands === undefined || partials === undefined || partials.size > 1) return undefined;
  const [partial] = partials;
  return {
    journals,
    commands,
    ...(partial === undefined ? {} : { partial: { journal: partial[0], events: partial[1] } }),
  };
}

/** Whether a reader that has come to `reached` has seen everything before `wanted`. */
export function covers(reached: Position, wanted: Position): boolean {
  return (
    behindIn(reached.journals, wanted.journals) === undefined &&
    behindIn(reached.commands, wanted.commands) === undefined
  );
}

/** The journal or command partition that is not as far as wanted, if any. */
function behindIn(reached: ReadonlyMap<string, number>, wanted: ReadonlyMap<string, number>): string | undefined {
  for (const [name, value] of wanted) if ((reached.get(name) ?? -1) < value) return name;
  return undefined;
}

function listOf(values: ReadonlyMap<string, number>): string {
  return [...values].map(([name, value]) => `${name}=${value}`).join(',');
}

function mapOf(list: string | undefined): Map<string, number> | undefined {
  const values = new Map<string, number>();
  if (list === undefined || list === '') return values;
  for (const entry of list.split(',')) {
    const match = /^([a-z]+-\d+)=(-1|\d{1,15})$/.exec(entry);
    if (match === null || parseJournalName(match[1]!) === undefined) return undefined;
    values.set(match[1]!, Number(match[2]));
  }
  return values;
}
