import type { Amounts } from './amounts.js';
import { DiskSet, type Disk } from './disk-set.js';
import type { Machine, Node, Stock } from './node.js';
import { NodeRankings } from './node-ranking.js';
import { PortSet } from './port-set.js';
import { hasPort, type PortRanges } from './ports.js';

/** Ports and devices that something holds on a node. */
export interface Held {
  readonly ports: readonly number[];
  readonly gpuIds: readonly string[];
}

/**
 * All machines by their numbers, and what is free of each, in columns: a set touches a thousand machines, and a thousand
 * numbers in a row are cheaper than a thousand rows. Whoever owns the ledger tells of each machine and of each thing held;
 * what is free is capacity − all that is held, below zero where a machine came back smaller.
 *
 * It is made of what it was told and of nothing else, in any order: telling the opposite undoes anything.
 */
export class Fleet {
  /** Free amounts, by number. */
  cpusMilli = new Float64Array(FIRST_SIZE);
  memoryMib = new Float64Array(FIRST_SIZE);
  diskMib = new Float64Array(FIRST_SIZE);
  gpus = new Float64Array(FIRST_SIZE);
  ports = new Float64Array(FIRST_SIZE);
  /** Capacities that scores are made of, by number. */
  cpusInAll = new Float64Array(FIRST_SIZE);
  memoryInAll = new Float64Array(FIRST_SIZE);
  /** Pods there, by number. */
  pods = new Uint32Array(FIRST_SIZE);
  readonly portSets: PortSet[] = [];
  readonly gpuIds: (readonly string[])[] = [];
  /** Disks of their own, by number, where a machine has some. */
  readonly diskSets: (DiskSet | undefined)[] = [];
  /** Known machines, by number. */
  readonly nodes: (FleetNode | undefined)[] = [];
  /** Rises when other machines are open, or a machine is another one than before. */
  version = 0;
  /** Orders of the nodes that are kept between decisions. */
  readonly rankings = new NodeRankings(this);
  #changes = 0;
  /** The node of the last change, as long as nobody looked: more changes of it are the same one. */
  #changing = -1;
  #changed = new Uint32Array(FIRST_SIZE);
  readonly #isOpen: boolean[] = [];
  /** Devices that stay free for somebody else, by number: of each machine the last ones. */
  readonly #gpusKept = new Map<number, number>();
  readonly #portsKept = new Map<number, PortRanges>();
  readonly #numbers = new Map<string, number>();
  readonly #heldOn: (number: number) => Iterable<Held>;
  #open: number[] = [];
  #isMixed = false;
  /** The version of which that was said. */
  #mixedAt = -1;
  #openIsStale = false;

  /** `heldOn` is asked when a machine that holds something comes back with other ports or devices. */
  constructor(heldOn: (number: number) => Iterable<Held> = () => []) {
    this.#heldOn = heldOn;
  }

  /** Numbers of the machines that take new pods, ascending. */
  get open(): readonly number[] {
    if (this.#openIsStale) {
      this.#open = [];
      for (let number = 0; number < this.nodes.length; number += 1) if (this.#isOpen[number]) this.#open.push(number);
      this.#openIsStale = false;
    }
    return this.#open;
  }

  isOpen(number: number): boolean {
    return this.#isOpen[number] === true;
  }

  numberOf(id: string): number | undefined {
    return this.#numbers.get(id);
  }

  /** How many changes of what is free were told so far; the last of them are kept. */
  countChanges(): number {
    this.#changing = -1;
    return this.#changes;
  }

  /** So many of the last changes are known by their nodes. */
  get changesKept(): number {
    return this.#changed.length;
  }

  /** The node of one of the last changes, by its count. */
  changedAt(change: number): number {
    return this.#changed[change % this.#changed.length]!;
  }

  /** A machine is there, or is another than before; closed ones take no new pods. */
  put(number: number, machine: Machine, isOpen: boolean): void {
    this.#reach(number);
    const before = this.nodes[number];
    this.#declare(number, before?.capacity ?? NO_STOCK, machine.capacity);
    this.nodes[number] = new FleetNode(this, number, machine);
    this.#numbers.set(machine.id, number);
    this.#opened(number, isOpen);
  }

  remove(number: number): void {
    const before = this.nodes[number];
    if (before === undefined) return;
    this.#declare(number, before.capacity, NO_STOCK);
    this.nodes[number] = undefined;
    this.#numbers.delete(before.id);
    this.#opened(number, false);
  }

  /** `count` pods of these needs hold a place there; below zero: no longer. Ports and devices are told of by themselves. */
  hold(number: number, each: Amounts, count: number): void {
    this.#reach(number);
    this.cpusMilli[number]! -= each.cpusMilli * count;
    this.memoryMib[number]! -= each.memoryMib * count;
    this.diskMib[number]! -= each.diskMib * count;
    this.pods[number]! += count;
    this.#note(number);
  }

  holdDisk(number: number, sizeMib: number): void {
    this.#reach(number);
    this.diskMib[number]! -= sizeMib;
    this.#note(number);
  }

  /** A volume holds a part of a disk of its own, or all of it; or it does no longer. */
  holdOnDisk(number: number, disk: string, sizeMib: number, isHeld: boolean): void {
    this.#reach(number);
    const disks = (this.diskSets[number] ??= new DiskSet());
    if (isHeld) disks.hold(disk, sizeMib);
    else disks.release(disk, sizeMib);
    this.#note(number);
  }

  /** Somebody took from the disks, or gave back. */
  disksChanged(number: number): void {
    this.#note(number);
  }

  /** So much of what is free there stays free for somebody else; below zero: no longer. */
  keep(number: number, { cpusMilli, memoryMib, diskMib, gpus }: Amounts): void {
    this.#reach(number);
    this.cpusMilli[number]! -= cpusMilli;
    this.memoryMib[number]! -= memoryMib;
    this.diskMib[number]! -= diskMib;
    this.gpus[number]! -= gpus;
    this.#gpusKept.set(number, (this.#gpusKept.get(number) ?? 0) + gpus);
    this.#note(number);
  }

  /** From now on these are free there, and those stay free for somebody else. */
  putPorts(number: number, free: PortRanges, kept: PortRanges): void {
    this.portSets[number] = new PortSet(free);
    if (kept.length === 0) this.#portsKept.delete(number);
    else this.#portsKept.set(number, kept);
    this.portsChanged(number);
  }

  /** Ports that stay free for somebody else. */
  portsKept(number: number): PortRanges {
    return this.#portsKept.get(number) ?? [];
  }

  /** These disks stay free for somebody else. */
  keepDisks(number: number, names: readonly string[]): void {
    (this.diskSets[number] ??= new DiskSet()).keep(names);
    this.#note(number);
  }

  holdPorts(number: number, ports: readonly number[]): void {
    const free = this.portSets[number];
    if (free === undefined) return;
    for (const port of ports) free.take(port);
    this.portsChanged(number);
  }

  /** Ports that the machine no longer has are not given back. */
  freePorts(number: number, ports: readonly number[]): void {
    const capacity = this.nodes[number]?.capacity.ports;
    if (capacity === undefined || capacity.length === 0) return;
    const free = this.portSets[number]!;
    for (const port of ports) if (hasPort(capacity, port)) free.add(port);
    this.portsChanged(number);
  }

  holdGpus(number: number, gpuIds: readonly string[]): void {
    const free = this.gpuIds[number];
    if (free === undefined || gpuIds.length === 0) return;
    this.putGpus(
      number,
      free.filter((id) => !gpuIds.includes(id)),
    );
  }

  /** Devices that the machine no longer has are not given back. */
  freeGpus(number: number, gpuIds: readonly string[]): void {
    const capacity = this.nodes[number]?.capacity.gpuIds;
    if (capacity === undefined || gpuIds.length === 0) return;
    const known = gpuIds.filter((id) => capacity.includes(id));
    if (known.length > 0) this.putGpus(number, [...this.gpuIds[number]!, ...known].sort());
  }

  /** Somebody took from the set of free ports, or gave back. */
  portsChanged(number: number): void {
    this.ports[number] = this.portSets[number]!.count;
    this.#note(number);
  }

  putGpus(number: number, gpuIds: readonly string[]): void {
    this.gpuIds[number] = gpuIds;
    this.gpus[number] = gpuIds.length - (this.#gpusKept.get(number) ?? 0);
    this.#note(number);
  }

  free(number: number): Stock {
    return {
      cpusMilli: this.cpusMilli[number] ?? 0,
      memoryMib: this.memoryMib[number] ?? 0,
      diskMib: this.diskMib[number] ?? 0,
      gpuIds: this.#gpusFree(number),
      ports: this.portSets[number]?.ranges ?? [],
      ...(this.diskSets[number] === undefined ? {} : { disks: this.diskSets[number].free }),
    };
  }

  #gpusFree(number: number): readonly string[] {
    const gpuIds = this.gpuIds[number] ?? [];
    const kept = this.#gpusKept.get(number) ?? 0;
    return kept <= 0 ? gpuIds : gpuIds.slice(0, Math.max(0, gpuIds.length - kept));
  }

  /** Whether there are open machines with devices, and others without. */
  get isMixed(): boolean {
    if (this.#mixedAt !== this.version) {
      const count = this.open.reduce((sum, number) => sum + Math.min(1, this.nodes[number]!.capacity.gpuIds.length), 0);
      this.#isMixed = count > 0 && count < this.open.length;
      this.#mixedAt = this.version;
    }
    return this.#isMixed;
  }

  /** The sum over all open machines. */
  freeOnOpen(): Amounts {
    let [cpusMilli, memoryMib, diskMib, gpus] = [0, 0, 0, 0];
    for (const number of this.open) {
      cpusMilli += this.cpusMilli[number]!;
      memoryMib += this.memoryMib[number]!;
      diskMib += this.diskMib[number]!;
      gpus += this.gpus[number]!;
      for (const disk of this.diskSets[number]?.free ?? []) diskMib += disk.sizeMib;
    }
    return { cpusMilli, memoryMib, diskMib, gpus };
  }

  /** Holds more than it has. */
  isShort(number: number): boolean {
    if (this.cpusMilli[number]! < 0 || this.memoryMib[number]! < 0 || this.diskMib[number]! < 0) return true;
    return this.diskSets[number]?.isShort ?? false;
  }

  clear(): void {
    for (const column of this.#columns()) column.fill(0);
    for (const list of [this.portSets, this.gpuIds, this.diskSets, this.nodes, this.#isOpen]) list.length = 0;
    this.#numbers.clear();
    this.#portsKept.clear();
    this.rankings.clear();
    this.version += 1;
    this.#openIsStale = true;
  }

  #note(number: number): void {
    if (this.#changing === number) return;
    this.#changing = number;
    this.#changed[this.#changes % this.#changed.length] = number;
    this.#changes += 1;
  }

  #opened(number: number, isOpen: boolean): void {
    this.#isOpen[number] = isOpen;
    this.#openIsStale = true;
    this.version += 1;
  }

  #declare(number: number, before: Stock, after: Stock): void {
    this.cpusMilli[number]! += after.cpusMilli - before.cpusMilli;
    this.memoryMib[number]! += after.memoryMib - before.memoryMib;
    this.diskMib[number]! += after.diskMib - before.diskMib;
    this.cpusInAll[number] = after.cpusMilli;
    this.memoryInAll[number] = after.memoryMib;
    if (before.disks !== after.disks) (this.diskSets[number] ??= new DiskSet()).declare(after.disks ?? []);
    if (this.portSets[number] !== undefined && sameThings(before, after)) return;
    let { gpuIds } = after;
    this.portSets[number] = new PortSet(after.ports);
    if (this.pods[number]! > 0 && after.ports.length + gpuIds.length > 0)
      for (const held of this.#heldOn(number)) {
        for (const port of held.ports) this.portSets[number]!.take(port);
        gpuIds = gpuIds.filter((id) => !held.gpuIds.includes(id));
      }
    this.portsChanged(number);
    this.putGpus(number, gpuIds);
  }

  #reach(number: number): void {
    if (number < this.pods.length) return;
    const size = Math.max(number + 1, this.pods.length * 2);
    this.cpusMilli = grown(this.cpusMilli, size);
    this.memoryMib = grown(this.memoryMib, size);
    this.diskMib = grown(this.diskMib, size);
    this.gpus = grown(this.gpus, size);
    this.ports = grown(this.ports, size);
    this.cpusInAll = grown(this.cpusInAll, size);
    this.memoryInAll = grown(this.memoryInAll, size);
    const pods = new Uint32Array(size);
    pods.set(this.pods);
    this.pods = pods;
    // What was noted is forgotten: rankings are made anew.
    this.#changed = new Uint32Array(size);
    this.version += 1;
  }

  #columns(): (Float64Array | Uint32Array)[] {
    const { cpusMilli, memoryMib, diskMib, gpus, ports, cpusInAll, memoryInAll, pods } = this;
    return [cpusMilli, memoryMib, diskMib, gpus, ports, cpusInAll, memoryInAll, pods];
  }
}

/** A machine of the fleet, with what is free there whenever it is asked. */
export class FleetNode implements Node {
  readonly id: string;
  readonly number: number;
  readonly hostname: string;
  readonly attributes: Node['attributes'];
  readonly faultDomain: Node['faultDomain'];
  readonly capacity: Stock;
  readonly free: Stock;

  constructor(fleet: Fleet, number: number, { id, hostname, attributes, faultDomain, capacity }: Machine) {
    this.id = id;
    this.number = number;
    this.hostname = hostname;
    this.attributes = attributes;
    this.faultDomain = faultDomain;
    this.capacity = capacity;
    this.free = new FreeStock(fleet, number);
  }
}

/** Reads the columns: a filter that asks for one figure of 5,000 machines should not make 5,000 stocks. */
class FreeStock implements Stock {
  readonly #fleet: Fleet;
  readonly #number: number;

  constructor(fleet: Fleet, number: number) {
    this.#fleet = fleet;
    this.#number = number;
  }

  get cpusMilli(): number {
    return this.#fleet.cpusMilli[this.#number]!;
  }

  get memoryMib(): number {
    return this.#fleet.memoryMib[this.#number]!;
  }

  get diskMib(): number {
    return this.#fleet.diskMib[this.#number]!;
  }

  get gpuIds(): readonly string[] {
    return this.#fleet.gpuIds[this.#number]!;
  }

  get disks(): readonly Disk[] {
    return this.#fleet.diskSets[this.#number]?.free ?? [];
  }

  get ports(): PortRanges {
    return this.#fleet.portSets[this.#number]!.ranges;
  }

  get portsKept(): PortRanges {
    return this.#fleet.portsKept(this.#number);
  }
}

const FIRST_SIZE = 64;
const NO_STOCK: Stock = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpuIds: [], ports: [] };

function grown(column: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(size);
  larger.set(column);
  return larger;
}

function sameThings(left: Stock, right: Stock): boolean {
  if (left === right) return true;
  return (
    left.gpuIds.length === right.gpuIds.length &&
    left.gpuIds.every((id, at) => right.gpuIds[at] === id) &&
    left.ports.length === right.ports.length &&
    left.ports.every(([from, to], at) => right.ports[at]![0] === from && right.ports[at]![1] === to)
  );
}
