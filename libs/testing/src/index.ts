export {
  digestOf,
  Outcome,
  Specification,
  specificationOf,
  SPECIFICATION_STARTS_AT_MS,
  type Stamp,
} from './decider-specification.js';
export { InMemoryLog, noFaults, type LogFaults } from './in-memory-log.js';
export { InMemoryRegistry } from './in-memory-registry.js';
export { InMemorySnapshots } from './in-memory-snapshots.js';
export { kafkaPython } from './kafka-python.js';
export { LoneAgent, type LoneAgentOptions } from './lone-agent.js';
export { ManualClock, settled } from './manual-clock.js';
export { ManualHint } from './manual-hint.js';
export { SeededRandom } from './seeded-random.js';
export { checkout, eventually, RealCluster, type CommandResult, type RealClusterOptions } from './real-cluster.js';
export {
  decodeToyCommand,
  toyDecider,
  type ToyCommand,
  type ToyEvent,
  type ToyInput,
  type ToyState,
} from './toy-decider.js';
export { commandMessage, toyHosting, ToyWorld, type ToyHosting } from './toy-world.js';
