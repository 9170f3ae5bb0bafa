import type { DomainName } from './ids.js';

/** Headers of a command message: a CloudEvent in binary mode. See interfaces §4. */
export const commandHeaders = {
  specversion: 'ce_specversion',
  id: 'ce_id',
  type: 'ce_type',
  source: 'ce_source',
  time: 'ce_time',
  reason: 'orrery-reason',
  ifVersion: 'orrery-ifversion',
  notAfter: 'orrery-notafter',
  authorization: 'orrery-authorization',
  /** Set by the relay that moves a misrouted command to the partition of its owner; a second misroute is refused. */
  forwarded: 'orrery-forwarded',
} as const;

/** A command is refused `expired` this long after its `ce_time`, unless `orrery-notafter` says otherwise. */
export const COMMAND_LIFE_MS = 15 * 60 * 1000;
/** A command whose `ce_time` lies further ahead than this is refused `from-the-future`. */
export const COMMAND_AHEAD_MAX_MS = 60 * 1000;
export const COMMAND_ID_LENGTH_MAX = 128;

/** `orrery.services.ApplyService.v1` */
export function commandTypeName(domain: DomainName, name: string, version = 1): string {
  return `orrery.${domain}.${name}.v${version}`;
}

/** The parts of a `ce_type`, or nothing when it is none of ours. */
export function parseCommandType(type: string): { domain: string; name: string; version: number } | undefined {
  const match = /^orrery\.([a-z]+)\.([A-Za-z]+)\.v([1-9]\d{0,3})$/.exec(type);
  return match === null ? undefined : { domain: match[1]!, name: match[2]!, version: Number(match[3]) };
}
