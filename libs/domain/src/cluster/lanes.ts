import {
  AgentRunsBuilder,
  columnOf,
  eachAgentRun,
  IdCursor,
  IdRunsBuilder,
  RangeCursor,
  type LaneHead,
  type LaneHeads,
  type LaunchSet,
  type Volume,
} from '@orrery/contracts';

/** Which lane an agent of a set reads, and how an order names it there. */
export interface Addressed extends LaneHead {
  readonly partition: number;
  readonly number: number;
}

export interface LanePart {
  readonly partition: number;
  readonly to: LaneHeads;
  readonly set: LaunchSet;
}

/** Gathers whom an order is for. */
export class LaneHeadsBuilder {
  readonly #numbers: number[] = [];
  readonly #epochs: number[] = [];
  readonly #ns: number[] = [];
  readonly #reported: number[] = [];

  add({ number, epoch, n, reported }: Addressed): void {
    this.#numbers.push(number);
    this.#epochs.push(epoch);
    this.#ns.push(n);
    this.#reported.push(reported);
  }

  get heads(): LaneHeads {
    return {
      numbers: this.#numbers,
      epochs: columnOf(this.#epochs),
      ns: columnOf(this.#ns),
      reported: columnOf(this.#reported),
    };
  }
}

/** What of a set goes to each lane. `addressed` goes run by run of its agents; those without are left out. */
export function lanesOf(set: LaunchSet, addressed: readonly (Addressed | undefined)[]): LanePart[] {
  const first = addressed[0]?.partition;
  if (first !== undefined && addressed.every((each) => each?.partition === first)) {
    const to = new LaneHeadsBuilder();
    for (const each of addressed) to.add(each!);
    return [{ partition: first, to: to.heads, set }];
  }
  const parts = new Map<number, PartBuilder>();
  const cursors = { launches: new IdCursor(set.launches), grants: new IdCursor(set.grants) };
  const indexes = new RangeCursor(set.indexes);
  eachAgentRun(set.agents, (_agent, _epoch, count, position, at) => {
    const address = addressed[at];
    if (address === undefined) {
      cursors.launches.skip(count);
      cursors.grants.skip(count);
      indexes.skip(count);
    } else {
      let part = parts.get(address.partition);
      if (part === undefined) parts.set(address.partition, (part = new PartBuilder(set)));
      part.add(address, count, position);
      cursors.launches.take(count, part.addLaunches);
      cursors.grants.take(count, part.addGrants);
      indexes.take(count, part.addIndexes);
    }
  });
  return Array.from(parts, ([partition, part]) => ({ partition, ...part.made }));
}

class PartBuilder {
  readonly #launches = new IdRunsBuilder();
  readonly #grants = new IdRunsBuilder();
  readonly #set: LaunchSet;
  readonly #to = new LaneHeadsBuilder();
  readonly #agents = new AgentRunsBuilder();
  readonly #indexes: [number, number][] = [];
  readonly #ports = new Map<string, number[]>();
  readonly #gpuIds: (readonly string[])[] = [];
  readonly #volumes: (readonly Volume[])[] = [];

  constructor(set: LaunchSet) {
    this.#set = set;
  }

  add(address: Addressed, count: number, position: number): void {
    const { ports, gpuIds, volumes } = this.#set;
    this.#to.add(address);
    this.#agents.add(address.number, address.epoch, count);
    const end = position + count;
    for (const name in ports) {
      const column = ports[name]!;
      const cut = this.#ports.get(name);
      if (column.length === 1) this.#ports.set(name, [column[0]!]);
      else if (cut === undefined) this.#ports.set(name, column.slice(position, end));
      else cut.push(...column.slice(position, end));
    }
    if (gpuIds !== undefined) this.#gpuIds.push(...gpuIds.slice(position, end));
    if (volumes !== undefined) this.#volumes.push(...volumes.slice(position, end));
  }

  // Functions of the part once, not of each agent anew: there are as many agents as tasks where they are spread.

  readonly addLaunches = (seq: number, from: number, count: number): void => this.#launches.add(seq, from, count);

  readonly addGrants = (seq: number, from: number, count: number): void => this.#grants.add(seq, from, count);

  readonly addIndexes = (from: number, count: number): void => {
    const range = this.#indexes.at(-1);
    if (range !== undefined && range[1] === from - 1) range[1] = from + count - 1;
    else this.#indexes.push([from, from + count - 1]);
  };

  get made(): Pick<LanePart, 'to' | 'set'> {
    const { ports, gpuIds, volumes, ...shared } = this.#set;
    const set = {
      ...shared,
      indexes: this.#indexes,
      agents: this.#agents.runs,
      ...(ports !== undefined && { ports: Object.fromEntries(this.#ports) }),
      ...(gpuIds !== undefined && { gpuIds: this.#gpuIds }),
      ...(volumes !== undefined && { volumes: this.#volumes }),
      launches: this.#launches.runs,
      grants: this.#grants.runs,
    };
    return { to: this.#to.heads, set };
  }
}
