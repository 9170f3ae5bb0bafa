/** What is counted: whole numbers only, so that sums are exact and equal on every machine. */
export interface Amounts {
  readonly cpusMilli: number;
  readonly memoryMib: number;
  readonly diskMib: number;
  /** Whole devices. */
  readonly gpus: number;
}

export const NOTHING: Amounts = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 };

export function plus(left: Amounts, right: Amounts): Amounts {
  return {
    cpusMilli: left.cpusMilli + right.cpusMilli,
    memoryMib: left.memoryMib + right.memoryMib,
    diskMib: left.diskMib + right.diskMib,
    gpus: left.gpus + right.gpus,
  };
}

export function minus(left: Amounts, right: Amounts): Amounts {
  return {
    cpusMilli: left.cpusMilli - right.cpusMilli,
    memoryMib: left.memoryMib - right.memoryMib,
    diskMib: left.diskMib - right.diskMib,
    gpus: left.gpus - right.gpus,
  };
}

export function times(amounts: Amounts, count: number): Amounts {
  return {
    cpusMilli: amounts.cpusMilli * count,
    memoryMib: amounts.memoryMib * count,
    diskMib: amounts.diskMib * count,
    gpus: amounts.gpus * count,
  };
}
