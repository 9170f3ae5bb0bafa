import { Table, type TableFollower } from '@orrery/kernel';
import type { Quota, Resources, RoleName, SomeResources } from '@orrery/contracts';
import { minus, NOTHING, plus, type Standing } from '@orrery/scheduling';
import type { RoleRow } from './state.js';

/** Roles by name, and what each path of them holds with all below it. */
export class RoleTable extends Table<RoleName, RoleRow> {
  readonly tree: RoleTree;

  constructor() {
    super('roles');
    this.tree = new RoleTree((role) => this.get(role));
    this.follow(this.tree);
  }
}

/** A path and all above it, from the top: `eng`, `eng/search`. */
export function pathsOf(role: string): RoleName[] {
  const paths: RoleName[] = [];
  for (let cut = role.indexOf('/'); cut !== -1; cut = role.indexOf('/', cut + 1))
    paths.push(role.slice(0, cut) as RoleName);
  paths.push(role as RoleName);
  return paths;
}

/** Sums and quotas by path, kept up row by row; made of the table of roles alone. */
export class RoleTree implements TableFollower<RoleName, RoleRow> {
  readonly #row: (role: RoleName) => RoleRow | undefined;
  readonly #used = new Map<string, Resources>();
  /** By path, and at `''` of all: what may be taken back any time. */
  readonly #revocable = new Map<string, Resources>();
  /** Roles at or below a path. */
  readonly #roles = new Map<string, number>();
  readonly #quotas = new Map<RoleName, Quota>();
  /** Paths right below one (`''`: at the top) that something is guaranteed at or below. */
  readonly #guaranteed = new Map<string, Map<RoleName, number>>();

  constructor(row: (role: RoleName) => RoleRow | undefined) {
    this.#row = row;
  }

  get hasQuotas(): boolean {
    return this.#quotas.size > 0;
  }

  get hasGuarantees(): boolean {
    return this.#guaranteed.size > 0;
  }

  /** Whether the role, or one below it, was ever named. */
  isKnown(path: string): boolean {
    return this.#roles.has(path);
  }

  quotaOf(path: RoleName): Quota | undefined {
    return this.#quotas.get(path);
  }

  /** What a path holds with all below it. */
  usedBelow(path: string): Resources {
    return this.#used.get(path) ?? NOTHING;
  }

  /** What a path holds on call with all below it; `''`: everybody. */
  revocableBelow(path: string): Resources {
    return this.#revocable.get(path) ?? NOTHING;
  }

  /** Of what it holds on call, where revocable pods compete with each other. */
  revocableStandingOf(path: string): Standing {
    const row = this.#row(path as RoleName);
    return { weight: row?.weight ?? 1, used: this.revocableBelow(path), own: row?.revocable ?? NOTHING };
  }

  standingOf(path: string): Standing {
    const row = this.#row(path as RoleName);
    return { weight: row?.weight ?? 1, used: this.usedBelow(path), own: row?.used ?? NOTHING };
  }

  /** Paths right below one that something is guaranteed at or below; `''` is above all. */
  guaranteedBelow(path: string): Iterable<RoleName> {
    return this.#guaranteed.get(path)?.keys() ?? [];
  }

  written(role: RoleName, before: RoleRow | undefined, after: RoleRow | undefined): void {
    const used = minus(after?.used ?? NOTHING, before?.used ?? NOTHING);
    const roles = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    const guarantees = (hasGuarantee(after) ? 1 : 0) - (hasGuarantee(before) ? 1 : 0);
    if (after?.quota === undefined) this.#quotas.delete(role);
    else this.#quotas.set(role, after.quota);
    if (before?.revocable !== after?.revocable) this.#countRevocable(role, before, after);
    let above = '';
    for (const path of pathsOf(role)) {
      this.#used.set(path, plus(this.usedBelow(path), used));
      const count = (this.#roles.get(path) ?? 0) + roles;
      if (count > 0) this.#roles.set(path, count);
      else {
        this.#roles.delete(path);
        this.#used.delete(path);
        this.#revocable.delete(path);
      }
      if (guarantees !== 0) this.#countGuarantee(above, path, guarantees);
      above = path;
    }
  }

  cleared(): void {
    for (const map of [this.#used, this.#revocable, this.#roles, this.#quotas, this.#guaranteed]) map.clear();
  }

  #countRevocable(role: RoleName, before: RoleRow | undefined, after: RoleRow | undefined): void {
    const change = minus(after?.revocable ?? NOTHING, before?.revocable ?? NOTHING);
    for (const path of ['', ...pathsOf(role)]) this.#revocable.set(path, plus(this.revocableBelow(path), change));
  }

  #countGuarantee(above: string, path: RoleName, change: number): void {
    let below = this.#guaranteed.get(above);
    if (below === undefined) this.#guaranteed.set(above, (below = new Map()));
    const count = (below.get(path) ?? 0) + change;
    if (count > 0) below.set(path, count);
    else below.delete(path);
    if (below.size === 0) this.#guaranteed.delete(above);
  }
}

function hasGuarantee(row: RoleRow | undefined): boolean {
  return row?.quota?.guarantee !== undefined;
}

/** A cell's part of what was set for all cells: equal parts, rounded down. */
export function partOf(resources: SomeResources, { cells }: Pick<Quota, 'cells'>): SomeResources {
  const part: Partial<Record<keyof Resources, number>> = {};
  for (const resource of RESOURCES)
    if (resources[resource] !== undefined) part[resource] = Math.floor(resources[resource] / cells);
  return part;
}

export const RESOURCES = ['cpusMilli', 'memoryMib', 'diskMib', 'gpus'] as const;
