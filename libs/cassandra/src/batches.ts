export interface Statement {
  readonly query: string;
  readonly params: readonly unknown[];
}

/** Statements of one partition, or of a few. */
export type Batch = readonly Statement[];

const STATEMENTS_MAX = 20;
const BYTES_MAX = 40 * 1024;
/** Of one batch: Cassandra warns of more. */
const PARTITIONS_MAX = 10;

/** Groups statements or whatever makes them by partition. */
export function byPartition<T>(items: readonly T[], partitionOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const partition = partitionOf(item);
    const group = groups.get(partition);
    if (group === undefined) groups.set(partition, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** The statements of one partition, in their order. */
export function batchesOf(statements: readonly Statement[]): Batch[] {
  return gathered(
    statements.map((statement) => [statement]),
    STATEMENTS_MAX,
  );
}

/**
 * Small batches of several partitions in one. Where every node has all partitions none has to ask another one for more than
 * it would anyway, and a request costs Cassandra as much as two rows.
 */
export function joined(batches: readonly Batch[]): Batch[] {
  return gathered(batches, PARTITIONS_MAX);
}

/** Put together in their order, so many at most. */
function gathered(batches: readonly Batch[], countMax: number): Batch[] {
  const all: Statement[][] = [];
  let [count, bytes] = [0, 0];
  for (const batch of batches) {
    const own = batch.reduce((sum, statement) => sum + bytesOf(statement), 0);
    const last = all.at(-1);
    const fits = count < countMax && bytes + own <= BYTES_MAX && (last?.length ?? 0) + batch.length <= STATEMENTS_MAX;
    if (last !== undefined && fits) {
      last.push(...batch);
      [count, bytes] = [count + 1, bytes + own];
    } else {
      all.push([...batch]);
      [count, bytes] = [1, own];
    }
  }
  return all;
}

function bytesOf({ params }: Statement): number {
  return params.reduce<number>((sum, param) => {
    const isLong = typeof param === 'string' || param instanceof Uint8Array;
    return sum + (isLong ? param.length : 8);
  }, 0);
}
