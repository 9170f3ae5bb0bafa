/**
 * Who should own which cell: a hint, never a proof. The journal decides (see journal-protocol, W5-W7); a wrong or late hint
 * costs time, not safety. Implemented over a Kafka consumer group by `@orrery/kafka`.
 */
export interface OwnershipHint {
  /** Joins; from now on `onChange` is told the cells that this instance should own, whenever they change. */
  start(onChange: (cells: ReadonlySet<number>) => void): Promise<void>;
  stop(): Promise<void>;
}
