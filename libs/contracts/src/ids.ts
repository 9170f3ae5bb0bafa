import { fnv1a, type Brand } from '@orrery/kernel';

export type AgentId = Brand<string, 'AgentId'>;
export type ServiceName = Brand<string, 'ServiceName'>;
/** `<services journal seq>.<ordinal>`: unique for ever; one launch is one run of one task. */
export type LaunchId = Brand<string, 'LaunchId'>;
/** `<allocation journal seq>.<ordinal>`: what a pod holds on an agent. */
export type GrantId = Brand<string, 'GrantId'>;
/** `<services journal seq>.<ordinal>`: a wish for places. */
export type RequestId = Brand<string, 'RequestId'>;
/** `<allocation journal seq>.<ordinal>`; never used again. */
export type VolumeId = Brand<string, 'VolumeId'>;
/** `<allocation journal seq>.<ordinal>`: a part of an agent kept for a role. */
export type ReservationId = Brand<string, 'ReservationId'>;
/** Chosen by the sender of a command: its idempotency key. */
export type CommandId = Brand<string, 'CommandId'>;
export type JournalId = Brand<string, 'JournalId'>;
/** A path such as `eng/search`; `*` is everyone. */
export type RoleName = Brand<string, 'RoleName'>;

export type DomainName = 'cluster' | 'allocation' | 'services';
export const domainNames: readonly DomainName[] = ['cluster', 'allocation', 'services'];

/** The cell that a name belongs to when nothing else was said. */
export function cellOfName(name: string, cells: number): number {
  return fnv1a(name) % cells;
}

/** Agents of a cell share its lanes by hash; partition = lane × cells + cell. */
export function agentPartition(
  agent: string,
  cell: number,
  layout: { readonly cells: number; readonly lanes: number },
): number {
  return (fnv1a(agent) % layout.lanes) * layout.cells + cell;
}

/** Every partition of an agent topic that belongs to a cell. */
export function agentPartitionsOfCell(
  cell: number,
  layout: { readonly cells: number; readonly lanes: number },
): number[] {
  return Array.from({ length: layout.lanes }, (_, lane) => lane * layout.cells + cell);
}

/** `web-0` of pod type `web`. */
export function podName(pod: string, index: number): string {
  return `${pod}-${index}`;
}

/** Stable over incarnations: `hello.web-0.server`. */
export function taskId(service: string, pod: string, index: number, task: string): string {
  return `${service}.${pod}-${index}.${task}`;
}

/** The parts of a task id, or nothing when it is none. Names contain no dot; a pod type may contain dashes. */
export function parseTaskId(id: string): { service: string; pod: string; index: number; task: string } | undefined {
  const match = /^([^.]+)\.([^.]+)-(\d+)\.([^.]+)$/.exec(id);
  if (match === null) return undefined;
  return { service: match[1]!, pod: match[2]!, index: Number(match[3]), task: match[4]! };
}

/** Agents of a cell other than 0 carry it in their id: `<name>-<random>.c<cell>`. */
export function cellOfAgent(agent: string): number {
  const match = /\.c(\d+)$/.exec(agent);
  return match === null ? 0 : Number(match[1]);
}
