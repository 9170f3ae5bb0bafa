/** A disk of its own: `PATH` is shared by volumes, each with a part of it; `MOUNT` is of one volume alone. */
export interface Disk {
  readonly name: string;
  readonly type: 'PATH' | 'MOUNT';
  /** Of a stock that is free: what is left of it. */
  readonly sizeMib: number;
  /** Of a stock that is free: it is reserved for others. */
  readonly kept?: true;
}

/** A volume that needs a disk of its own. */
export interface DiskNeed {
  readonly type: Disk['type'];
  readonly sizeMib: number;
  /** The disk that it has to be; absent: the smallest that fits. */
  readonly disk?: string;
}

/** The disks of one machine and what volumes hold of them; what is held is remembered whatever the machine declares. */
export class DiskSet {
  #declared: readonly Disk[] = [];
  readonly #held = new Map<string, { sizeMib: number; volumes: number }>();

  /** Disks that stay free for somebody else. */
  #kept: readonly string[] = [];

  declare(disks: readonly Disk[]): void {
    this.#declared = [...disks].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** A volume holds so much of a disk, or no longer does. */
  hold(name: string, sizeMib: number): void {
    this.#count(name, sizeMib, 1);
  }

  release(name: string, sizeMib: number): void {
    this.#count(name, -sizeMib, -1);
  }

  /** From now on these stay free for somebody else, and no others. */
  keep(names: readonly string[]): void {
    this.#kept = names;
  }

  /** In the order of their names; of a `MOUNT` disk all or nothing. */
  get free(): readonly Disk[] {
    return this.#declared.map((disk) =>
      this.#kept.includes(disk.name) ? { ...disk, sizeMib: 0, kept: true } : { ...disk, sizeMib: this.#freeOf(disk) },
    );
  }

  /** Volumes hold more than the machine declared last. */
  get isShort(): boolean {
    return this.#declared.some((disk) =>
      disk.type === 'PATH' ? this.#freeOf(disk) < 0 : (this.#held.get(disk.name)?.volumes ?? 0) > 1,
    );
  }

  fits(needs: readonly DiskNeed[]): boolean {
    return chooseDisks(this.free, needs) !== undefined;
  }

  /** Takes a disk for each, in their order; they have to fit. */
  take(needs: readonly DiskNeed[]): string[] {
    const names = chooseDisks(this.free, needs) ?? [];
    for (const [at, name] of names.entries()) this.hold(name, needs[at]!.sizeMib);
    return names;
  }

  #freeOf({ name, type, sizeMib }: Disk): number {
    const held = this.#held.get(name);
    if (held === undefined) return sizeMib;
    return type === 'PATH' ? sizeMib - held.sizeMib : 0;
  }

  #count(name: string, sizeMib: number, volumes: number): void {
    const held = this.#held.get(name) ?? { sizeMib: 0, volumes: 0 };
    const after = { sizeMib: held.sizeMib + sizeMib, volumes: held.volumes + volumes };
    if (after.sizeMib === 0 && after.volumes === 0) this.#held.delete(name);
    else this.#held.set(name, after);
  }
}

/**
 * A disk for each need, in the order of the needs; nothing where they do not all fit. Those that name their disk come first,
 * then the largest, each on the smallest disk that fits: a large disk is not spent on what a small one can hold.
 */
export function chooseDisks(free: readonly Disk[], needs: readonly DiskNeed[]): string[] | undefined {
  const left = new Map(free.map((disk) => [disk.name, disk.sizeMib]));
  const chosen: string[] = [];
  const order = [...needs.keys()].sort(
    (one, other) =>
      Number(needs[one]!.disk === undefined) - Number(needs[other]!.disk === undefined) ||
      needs[other]!.sizeMib - needs[one]!.sizeMib ||
      one - other,
  );
  for (const at of order) {
    const { type, sizeMib, disk: named } = needs[at]!;
    const fitting = free.filter(
      (disk) =>
        disk.type === type &&
        (named === undefined || disk.name === named) &&
        left.get(disk.name)! >= Math.max(1, sizeMib),
    );
    if (fitting.length === 0) return undefined;
    const best = fitting.reduce((least, disk) => (left.get(disk.name)! < left.get(least.name)! ? disk : least));
    chosen[at] = best.name;
    left.set(best.name, type === 'MOUNT' ? 0 : left.get(best.name)! - sizeMib);
  }
  return chosen;
}
