export { assert, InvariantError, unreachable } from './assert.js';
export type { Brand, EpochMs } from './brand.js';
export {
  accept,
  reject,
  type CommandInput,
  type Continue,
  type Decider,
  type Decision,
  type DecisionContext,
  type DomainEvent,
  type ForeignInput,
  type Input,
  type InternalInput,
  type Prepared,
  type Mistake,
  type Refusal,
  type ReportInput,
  type Tick,
} from './decider.js';
export { ByteReader, ByteWriter, decodePlain, encodePlain, type Plain } from './encoding.js';
export { sha256 } from './sha256.js';
export { SortedKeys } from './sorted-keys.js';
export { partsOf, slicesOf, type DomainState, type StatePart, type StateSlices } from './state.js';
export { fnv1a, over, Table, type IndexKeys, type TableFollower } from './table.js';
export { UndoLog } from './undo-log.js';
