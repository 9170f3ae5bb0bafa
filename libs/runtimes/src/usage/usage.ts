/** What a task has used since it began, and what it holds now. What its machine can't tell is left out. */
export interface Usage {
  readonly cpuMs?: number;
  /** Without what the kernel could take back at once. */
  readonly memoryBytes?: number;
  /** Of its sandbox and volumes; of very many files the first are counted. Left out until they were first counted. */
  readonly diskBytes?: number;
  /** Of a task with a network of its own. */
  readonly network?: NetworkUsage;
}

export interface NetworkUsage {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}
