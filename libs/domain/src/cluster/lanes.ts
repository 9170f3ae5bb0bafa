import {
  IdCursor,
  IdRunsBuilder,
  RangeCursor,
  type AgentRun,
  type LaneOrderHead,
  type LaunchSet,
  type Volume,
} from '@orrery/contracts';

/** Which lane an agent of a set reads, and how an order names it there. */
export interface Addressed {
  readonly partition: number;
  readonly head: LaneOrderHead;
}

export interface LanePart {
  readonly partition: number;
  readonly to: readonly LaneOrderHead[];
  readonly set: LaunchSet;
}

/** What of a set goes to each lane. `addressed` goes run by run of its agents; those without are left out. */
export function lanesOf(set: LaunchSet, addressed: readonly (Addressed | undefined)[]): LanePart[] {
  const first = addressed[0]?.partition;
  if (first !== undefined && addressed.every((each) => each?.partition === first)) {
    return [{ partition: first, to: addressed.map((each) => each!.head), set }];
  }
  const parts = new Map<number, PartBuilder>();
  const cursors = { launches: new IdCursor(set.launches), grants: new IdCursor(set.grants) };
  const indexes = new RangeCursor(set.indexes);
  let position = 0;
  set.agents.forEach((run, at) => {
    const address = addressed[at];
    const count = run[2];
    if (address === undefined) {
      cursors.launches.skip(count);
      cursors.grants.skip(count);
      indexes.skip(count);
    } else {
      let part = parts.get(address.partition);
      if (part === undefined) parts.set(address.partition, (part = new PartBuilder(set)));
      part.add(address.head, run, position);
      cursors.launches.take(count, (seq, from, ids) => part.launches.add(seq, from, ids));
      cursors.grants.take(count, (seq, from, ids) => part.grants.add(seq, from, ids));
      indexes.take(count, (from, numbers) => part.addIndexes(from, numbers));
    }
    position += count;
  });
  return Array.from(parts, ([partition, part]) => ({ partition, ...part.made }));
}

class PartBuilder {
  readonly launches = new IdRunsBuilder();
  readonly grants = new IdRunsBuilder();
  readonly #set: LaunchSet;
  readonly #to: LaneOrderHead[] = [];
  readonly #agents: AgentRun[] = [];
  readonly #indexes: [number, number][] = [];
  readonly #ports = new Map<string, number[]>();
  readonly #gpuIds: (readonly string[])[] = [];
  readonly #volumes: (readonly Volume[])[] = [];

  constructor(set: LaunchSet) {
    this.#set = set;
  }

  add(head: LaneOrderHead, run: AgentRun, position: number): void {
    const { ports, gpuIds, volumes } = this.#set;
    this.#to.push(head);
    this.#agents.push(run);
    const end = position + run[2];
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

  addIndexes(from: number, count: number): void {
    const range = this.#indexes.at(-1);
    if (range !== undefined && range[1] === from - 1) range[1] = from + count - 1;
    else this.#indexes.push([from, from + count - 1]);
  }

  get made(): Pick<LanePart, 'to' | 'set'> {
    const { ports, gpuIds, volumes, ...shared } = this.#set;
    const set = {
      ...shared,
      indexes: this.#indexes,
      agents: this.#agents,
      ...(ports !== undefined && { ports: Object.fromEntries(this.#ports) }),
      ...(gpuIds !== undefined && { gpuIds: this.#gpuIds }),
      ...(volumes !== undefined && { volumes: this.#volumes }),
      launches: this.launches.runs,
      grants: this.grants.runs,
    };
    return { to: this.#to, set };
  }
}
