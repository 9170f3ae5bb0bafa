import {
  COMMAND_AHEAD_MAX_MS,
  COMMAND_BYTES_MAX,
  COMMAND_ID_LENGTH_MAX,
  COMMAND_LIFE_MS,
  commandHeaders,
  parseCommandType,
  type CommandId,
  type CommandOutcome,
  type DomainName,
} from '@orrery/contracts';
import type { CommandInput, EpochMs, Refusal } from '@orrery/kernel';
import { sha256 } from '../journal/hash.js';
import type { LogMessage } from '../ports/log.js';
import type { Decoded, TypedCommand } from '../shard/hosting.js';
import type { CommandWindow } from '../state/command-window.js';

/** What the loop knows of commands before a decider sees one. */
export interface CommandRules<Command> {
  readonly domain: DomainName;
  readonly cell: number;
  decodeCommand(name: string, version: number, body: unknown): Decoded<TypedCommand<Command>>;
  cellOf?(command: Command, subject: string): number | undefined;
}

/** Who sent it and why: recorded with every event that it causes. */
export interface Sender {
  readonly actor?: string;
  readonly reason?: string;
}

export type Intake<Command> = { readonly sender: Sender } & (
  | { readonly kind: 'decide'; readonly outcome: CommandOutcome; readonly input: CommandInput<Command> }
  /** Decided before, with the same body: its outcome is in the journal. */
  | { readonly kind: 'repeat' }
  | { readonly kind: 'forward'; readonly outcome: CommandOutcome; readonly partition: number }
  /** `outcome` is there when the command has an id, so that its sender can be told. */
  | {
      readonly kind: 'refuse';
      readonly outcome?: CommandOutcome;
      readonly refusal: Refusal;
      readonly quarantine: boolean;
    }
);

/** No sender may hold its id in the window for longer than this. */
const NOT_AFTER_MS_MAX = 24 * 60 * 60 * 1000;
const HEADER_LENGTH_MAX = 255;
const REASON_LENGTH_MAX = 2_000;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

/**
 * Judges a message of a command partition at time `at`, before any decider: a function of the message, the time of the
 * commit and the window alone, so every commit can be decided again.
 */
export function takeIn<Command>(
  message: LogMessage,
  { at, window, rules }: { at: EpochMs; window: CommandWindow; rules: CommandRules<Command> },
): Intake<Command> {
  const { headers, value } = message;
  const sender = senderOf(headers);
  const id = headers[commandHeaders.id];
  if (id === undefined || !isName(id, COMMAND_ID_LENGTH_MAX)) {
    const refusal = malformed(commandHeaders.id, `is not an id of 1 to ${COMMAND_ID_LENGTH_MAX} characters`);
    return { kind: 'refuse', sender, refusal, quarantine: true };
  }
  const unread = outcomeOf(id, message, at);
  const refuse = (refusal: Refusal, quarantine = false, outcome = unread): Intake<Command> => ({
    kind: 'refuse',
    sender,
    outcome,
    refusal,
    quarantine,
  });

  const decided = window.get(id);
  if (decided !== undefined && decided.bodyDigest === unread.bodyDigest) return { kind: 'repeat', sender };
  if (decided !== undefined) {
    return refuse({
      code: 'id-reused',
      message: `command ${id} was decided in commit ${decided.seq} with another body`,
      field: commandHeaders.id,
      remedy: 'send a new command under a new id',
    });
  }
  if (window.full) return refuse({ code: 'busy', message: `${window.size} commands are remembered, no more fit` });
  const fault = headerFault(headers);
  if (fault !== undefined) return refuse(fault, true);
  if (value === null) return refuse(malformed('/', 'has no body'), true);
  const untimely = whyUntimely(headers, unread.notAfter, at);
  if (untimely !== undefined) return refuse(untimely);
  if (value.length > COMMAND_BYTES_MAX) {
    return refuse({
      code: 'too-large',
      message: `a command has at most ${COMMAND_BYTES_MAX} bytes, found ${value.length}`,
      remedy: 'split it, or refer to data kept elsewhere',
    });
  }
  const decoded = decode(headers[commandHeaders.type]!, value, rules);
  if (!decoded.ok) return refuse(decoded.refusal, decoded.refusal.code === 'malformed');

  const { command, object } = decoded;
  const outcome = object === undefined ? unread : { ...unread, object };
  const cell = rules.cellOf?.(command, outcome.subject) ?? rules.cell;
  if (cell !== rules.cell && headers[commandHeaders.forwarded] === undefined) {
    return { kind: 'forward', sender, outcome, partition: cell };
  }
  if (cell !== rules.cell) {
    const message = `this is cell ${rules.cell}, the command belongs to cell ${cell}`;
    return refuse({ code: 'misrouted', message }, false, outcome);
  }
  const ifVersion = headers[commandHeaders.ifVersion];
  const input: CommandInput<Command> = {
    kind: 'command',
    id,
    actor: sender.actor!,
    ...(sender.reason === undefined ? {} : { reason: sender.reason }),
    ...(ifVersion === undefined ? {} : { ifVersion }),
    command,
  };
  return { kind: 'decide', sender, outcome, input };
}

function decode<Command>(
  type: string,
  value: Uint8Array,
  { domain, decodeCommand }: CommandRules<Command>,
): Decoded<TypedCommand<Command>> {
  const parts = parseCommandType(type);
  if (parts === undefined || parts.domain !== domain) {
    const message = `${type} is not a command of ${domain}`;
    const remedy = `use orrery.${domain}.<Name>.v<version> on the topic of that domain`;
    return { ok: false, refusal: { code: 'unknown-type', message, field: commandHeaders.type, remedy } };
  }
  const body = parseBody(value);
  if (!body.ok) return { ok: false, refusal: malformed('/', body.why) };
  return decodeCommand(parts.name, parts.version, body.value);
}

/** A body is JSON in UTF-8; anything else has no meaning here. */
export function parseBody(
  value: Uint8Array,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string } {
  try {
    return { ok: true, value: JSON.parse(utf8.decode(value)) as unknown };
  } catch (error) {
    return { ok: false, why: `is not JSON in UTF-8: ${(error as Error).message.slice(0, 200)}` };
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function outcomeOf(id: string, { headers, key, value }: LogMessage, at: EpochMs): CommandOutcome {
  return {
    command: id as CommandId,
    commandType: (headers[commandHeaders.type] ?? '').slice(0, HEADER_LENGTH_MAX),
    bodyDigest: sha256(value ?? '').slice(0, 16),
    notAfter: notAfterOf(headers, at),
    subject: key === null ? '' : Buffer.from(key).toString('utf8').slice(0, HEADER_LENGTH_MAX),
  };
}

/** Fixed by the sender and equal in repeats; without a readable time the command lives as long as one sent now. */
function notAfterOf(headers: LogMessage['headers'], at: EpochMs): EpochMs {
  const sentAt = timeOf(headers[commandHeaders.time]) ?? at;
  const notAfter = timeOf(headers[commandHeaders.notAfter]) ?? sentAt + COMMAND_LIFE_MS;
  return Math.max(0, Math.min(notAfter, sentAt + NOT_AFTER_MS_MAX));
}

function headerFault(headers: LogMessage['headers']): Refusal | undefined {
  const { specversion, type, source, time, notAfter, reason } = commandHeaders;
  if (headers[specversion] !== '1.0') return malformed(specversion, 'is not 1.0');
  if (!isName(headers[type], HEADER_LENGTH_MAX)) return malformed(type, 'is missing');
  if (!isName(headers[source], HEADER_LENGTH_MAX)) return malformed(source, 'is missing: who sends this');
  if (timeOf(headers[time]) === undefined) return malformed(time, 'is not an RFC 3339 time');
  if (headers[notAfter] !== undefined && timeOf(headers[notAfter]) === undefined) {
    return malformed(notAfter, 'is not an RFC 3339 time');
  }
  if ((headers[reason]?.length ?? 0) > REASON_LENGTH_MAX) {
    return malformed(reason, `is longer than ${REASON_LENGTH_MAX} characters`);
  }
  return undefined;
}

function whyUntimely(headers: LogMessage['headers'], notAfter: EpochMs, at: EpochMs): Refusal | undefined {
  const remedy = 'send it again under a new id';
  if (at > notAfter) {
    const message = `the command was good until ${new Date(notAfter).toISOString()}, it is ${new Date(at).toISOString()}`;
    return { code: 'expired', message, field: commandHeaders.time, remedy };
  }
  const sentAt = timeOf(headers[commandHeaders.time])!;
  if (sentAt <= at + COMMAND_AHEAD_MAX_MS) return undefined;
  const message = `${commandHeaders.time} is ${new Date(sentAt).toISOString()}, here it is ${new Date(at).toISOString()}`;
  return { code: 'from-the-future', message, field: commandHeaders.time, remedy: `set the clock; ${remedy}` };
}

function senderOf(headers: LogMessage['headers']): Sender {
  const actor = headers[commandHeaders.source];
  const reason = headers[commandHeaders.reason];
  return {
    ...(actor === undefined || actor === '' ? {} : { actor: actor.slice(0, HEADER_LENGTH_MAX) }),
    ...(reason === undefined || reason === '' ? {} : { reason: reason.slice(0, REASON_LENGTH_MAX) }),
  };
}

function timeOf(text: string | undefined): EpochMs | undefined {
  if (text === undefined || !RFC3339.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

function isName(text: string | undefined, lengthMax: number): text is string {
  return text !== undefined && text.length > 0 && text.length <= lengthMax && !/[\u0000-\u001f\u007f]/.test(text);
}

function malformed(field: string, what: string): Refusal {
  return { code: 'malformed', message: `${field} ${what}`, field, remedy: 'see the AsyncAPI description of commands' };
}
