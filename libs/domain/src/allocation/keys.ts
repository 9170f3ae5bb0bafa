import type { RoleName, ServiceName } from '@orrery/contracts';

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

/** Sorts by role, then by position. */
export function queueKey(role: RoleName, position: number): string {
  return `${role} ${padded(position)}`;
}

/** Numbers as text that sorts like them. */
export function padded(value: number): string {
  return String(value).padStart(16, '0');
}
