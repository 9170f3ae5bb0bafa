import { priorityOf, type Ranked, type RoleName, type ServiceName } from '@orrery/contracts';

/** Pods of one kind of one service: what constraints such as UNIQUE speak about. */
export function setKey(of: {
  readonly service: ServiceName;
  readonly generation: number;
  readonly pod: string;
}): string {
  return `${of.service}/${of.generation}/${of.pod}`;
}

/** Shared volumes of one service in one role, of this name. */
export function sharedKey(of: { readonly role: RoleName; readonly service: string; readonly name: string }): string {
  return `${of.role}/${of.service}/${of.name}`;
}

/** Sorts by role, then the more important first, then by position. */
export function queueKey(role: RoleName, of: Ranked, position: number): string {
  return `${queuePrefix(role, of.revocable === true)}${String(100 - priorityOf(of)).padStart(3, '0')} ${padded(position)}`;
}

/** Revocable requests queue by themselves. */
export function queuePrefix(role: RoleName, revocable: boolean): string {
  return `${role} ${revocable ? 'r' : ''}`;
}

/** Places that are alike to whoever would preempt them: sorts the revocable apart, and the least important first. */
export function rankKey({ role, ...of }: Ranked & { readonly role: RoleName }): string {
  return `${rankPrefix(of.revocable === true)}${String(priorityOf(of)).padStart(3, '0')} ${role}`;
}

export function rankPrefix(revocable: boolean): string {
  return revocable ? 'revocable ' : 'held ';
}

/** Numbers as text that sorts like them. */
export function padded(value: number): string {
  return String(value).padStart(16, '0');
}

/** Of ascending values those with this prefix, which come first. */
export function* startingWith(values: Iterable<string>, prefix: string): IterableIterator<string> {
  for (const value of values) {
    if (!value.startsWith(prefix)) return;
    yield value;
  }
}
