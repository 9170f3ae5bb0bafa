import { over, Table, type DomainState, type EpochMs } from '@orrery/kernel';
import type {
  AgentId,
  Disk,
  FaultDomain,
  GrantId,
  PendingReasons,
  PlacementRequest,
  PodNeeds,
  Quota,
  RequestId,
  ReservationId,
  ResourceName,
  Resources,
  RoleName,
  ServiceName,
  VolumeId,
  VolumeNeed,
  VolumeType,
} from '@orrery/contracts';
import { effectOf, type Needs, type Stock } from '@orrery/scheduling';
import { accountKey, type AccountRow } from './accounts.js';
import { AgentTable, HeldByLots, HeldByVolumes } from './fleet-followers.js';
import { padded, queueKey, setKey, sharedKey } from './keys.js';
import { dueKeys, type PreemptionRow } from './preemption-row.js';
import { LotTable } from './lots.js';
import { servicesNear } from './neighbours.js';
import type { ReservationRow } from './reservations.js';
import { RoleTable } from './role-tree.js';

/**
 * The ledger: who holds what on which agent, and who waits.
 *
 *   request   RequestQueued ──▶ FRESH ──Placed (all indexes)──▶ (row gone)
 *                               │  ▲                              ▲
 *              PlacementPending │  │ Placed to a pod of its set   │ Placed, RequestDropped
 *                               ▼  │                              │
 *                              BLOCKED ───────────────────────────┘
 *
 *   grant     Placed ──▶ HELD ──GrantSuperseded──▶ SUPERSEDED       both: charged to the agent;
 *                         │                          │              HELD alone: charged to the role
 *                         ├──VolumeDestroying──▶ DESTROYING ──VolumeDestroyed──┐
 *                         └───────────GrantReleased──────────────▶ (row gone) ◀┘
 *
 *   preemption  PreemptionOrdered ──▶ room kept, victims awaited ──Placed there, all GrantReleased, or PreemptionLapsed──▶ (row gone)
 */
export interface AllocationState extends DomainState {
  readonly agents: AgentTable;
  /** Grants, a row each `Placed`. */
  readonly lots: LotTable;
  readonly volumes: Table<VolumeId, VolumeRow>;
  readonly reservations: Table<ReservationId, ReservationRow>;
  readonly requests: Table<RequestId, RequestRow>;
  readonly roles: RoleTable;
  /** By the id of the order: room that is kept for whom others make way, and who has not yet. */
  readonly preemptions: Table<string, PreemptionRow>;
  /** Removed services that still owned something when they were: until it is collected. */
  readonly accounts: Table<string, AccountRow>;
  /** One row, `all`. */
  readonly ledger: Table<'all', LedgerRow>;
}

/** What is free on an agent is no row: it follows from the lots and volumes, and stands in the fleet of the agents' table. */
export interface AgentRow {
  readonly id: AgentId;
  /** Of the cluster journal: how sets name it. */
  readonly number: number;
  readonly epoch: number;
  readonly hostname: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly faultDomain: FaultDomain;
  /** The last that the agent declared; nothing once it is gone. */
  readonly capacity: AgentStock;
  readonly closed?: 'unreachable' | 'draining' | 'gone';
  /** A drain outlives the loss of the agent: when it is back, it stays closed. */
  readonly draining?: true;
  /** What it holds did not fit any more when it declared less: the one case in which free may be below zero. */
  readonly shrunk?: true;
  /** It declared less than is in use and reserved: what is reserved may not be all there until it declares again. */
  readonly pressed?: true;
  /** The growth at which something became free here while requests waited. */
  readonly grownAt?: number;
}

export type AgentStock = Omit<Stock, 'disks'> & { readonly disks?: readonly Disk[] };

/** `held` by a grant, `detached`: outlived its grant, kept for whoever adopts or destroys it; `lost` with its agent. */
export interface VolumeRow {
  /** Its number. */
  readonly agent: number;
  readonly name: string;
  readonly path: string;
  readonly type: VolumeType;
  /** The disk of its own that it is on, or has all of. */
  readonly disk?: string;
  readonly sizeMib: number;
  /** Of a shared one: grants that mount it now. Its `service` owns it. */
  readonly users?: number;
  readonly service: ServiceName;
  readonly generation: number;
  readonly role: RoleName;
  readonly pod: string;
  readonly index: number;
  readonly grant?: GrantId;
  readonly state: 'held' | 'destroying' | 'detached' | 'lost';
  /** Of a detached one: the pod whose next place is there. */
  readonly adopter?: { readonly service: ServiceName; readonly pod: string; readonly index: number };
}

/** `indexes` are those that still wait. */
export interface RequestRow extends PlacementRequest {
  /** Place in the queue of its role: first come, first served. */
  readonly position: number;
  /** Absent: to be looked at on all agents. Else the growth at which it last found no room. */
  readonly triedAt?: number;
  readonly reasons?: PendingReasons;
  /** Others would make way for it when the budget lets them: looked at again then. */
  readonly heldUntil?: EpochMs;
}

export interface RoleRow {
  readonly weight: number;
  readonly quota?: Quota;
  /** Sum of its grants that are not superseded, volumes included in disk. */
  readonly used: Resources;
  /** Sum of its revocable grants that are not superseded: no part of its quota, and none of its share. */
  readonly revocable?: Resources;
}

export interface LedgerRow {
  /** Position of the next request. */
  readonly nextPosition: number;
  /** Rises whenever something opened, closed or was released while requests waited. */
  readonly growth: number;
  /** All that waits has been tried against everything that grew up to here. */
  readonly settled: number;
  /** Sum over open agents: what roles have shares of. */
  readonly capacity: Resources;
  /** Resources that nobody's share is made of. */
  readonly scarce?: readonly ResourceName[];
  /** Preempted in the last minute: when, and how many pods. */
  readonly preempted?: readonly (readonly [at: EpochMs, pods: number])[];
  /** Pods that may be preempted in a minute; absent: by what runs. */
  readonly budgetPerMinute?: number;
}

const nothing: Resources = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 };
const EMPTY_LEDGER: LedgerRow = { nextPosition: 0, growth: 0, settled: 0, capacity: nothing };
export const NEW_ROLE: RoleRow = { weight: 1, used: nothing };

export function initialState(): AllocationState {
  const lots = new LotTable();
  const agents = new AgentTable((number) => lots.heldOn(number));
  const volumes = new Table<VolumeId, VolumeRow>('volumes', {
    agent: (row) => String(row.agent),
    adopter: ({ adopter }) => (adopter === undefined ? undefined : `${adopter.service}/${adopter.pod}`),
    shared: (row) => (row.users === undefined ? undefined : sharedKey(row)),
    owner: (row) => accountKey(row),
  });
  lots.follow(new HeldByLots(agents.fleet));
  volumes.follow(new HeldByVolumes(agents.fleet));
  return {
    agents,
    lots,
    volumes,
    reservations: new Table('reservations', { agent: (row) => String(row.agent) }),
    // Most of what happens to a request changes its indexes alone.
    requests: new Table<RequestId, RequestRow>('requests', {
      queue: over(['role', 'priority', 'revocable', 'position'], (row) => queueKey(row.role, row, row.position)),
      role: over(['role'], (row) => row.role),
      revocable: over(['role', 'revocable'], (row) => (row.revocable === true ? row.role : undefined)),
      fresh: over(['triedAt', 'gang'], (row) => (row.triedAt === undefined && isComplete(row) ? 'yes' : undefined)),
      tried: over(['triedAt'], (row) => (row.triedAt === undefined ? undefined : padded(row.triedAt))),
      set: over(['service', 'generation', 'pod'], (row) => setKey(row)),
      effect: over(['constraints'], (row) => effectOf(row.constraints)),
      near: over(['constraints', 'service'], (row) => servicesNear(row)),
      gang: over(['gang'], (row) => row.gang?.id),
      quota: over(['reasons'], (row) => quotaInTheWay(row)),
      held: over(['heldUntil'], (row) => (row.heldUntil === undefined ? undefined : padded(row.heldUntil))),
    }),
    roles: new RoleTable(),
    preemptions: new Table('preemptions', { request: (row) => row.for.request, due: dueKeys }),
    accounts: new Table('accounts', { over: (row) => (row.over === true ? 'yes' : undefined) }),
    ledger: new Table('ledger'),
  };
}

/** Of a gang of several requests nothing is tried before all of them are there. */
export function isComplete({ gang }: Pick<RequestRow, 'gang'>): boolean {
  return gang?.more !== true;
}

/** Where a quota keeps a request waiting: the role whose limit it is, or everybody's guarantees. */
export const KEPT_FOR_OTHERS = '(kept)';

function quotaInTheWay({ reasons }: Pick<RequestRow, 'reasons'>): string | undefined {
  if (reasons?.quota === undefined) return undefined;
  return reasons.quota.kind === 'limit' ? reasons.quota.role : KEPT_FOR_OTHERS;
}

export function ledgerOf(state: AllocationState): LedgerRow {
  return state.ledger.get('all') ?? EMPTY_LEDGER;
}

/** What a role is charged for a pod: volumes count as disk, wherever they are; shared ones are charged by themselves. */
export function needsOf(needs: PodNeeds, counts: (volume: VolumeNeed) => boolean = isOwn): Needs {
  const volumesMib = needs.volumes.reduce((sum, volume) => sum + (counts(volume) ? volume.sizeMib : 0), 0);
  return {
    cpusMilli: needs.cpusMilli,
    memoryMib: needs.memoryMib,
    diskMib: needs.diskMib + volumesMib,
    gpus: needs.gpus,
    ports: needs.ports,
  };
}

function isOwn({ shared }: VolumeNeed): boolean {
  return shared !== true;
}

/** Whether a blocked request has something new to look at. */
export function mayBeTried(request: RequestRow, { growth, settled }: LedgerRow): boolean {
  return request.triedAt === undefined || Math.max(request.triedAt, settled) < growth;
}

/** Whether any request has something to look at that it did not see yet. */
export function workWaits(state: AllocationState): boolean {
  if (state.requests.countBy('fresh', 'yes') > 0) return true;
  const { growth, settled } = ledgerOf(state);
  const [earliest] = state.requests.valuesOf('tried');
  return earliest !== undefined && Math.max(Number(earliest), settled) < growth;
}
