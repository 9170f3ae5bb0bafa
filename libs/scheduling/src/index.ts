export { minus, NOTHING, plus, times, type Amounts } from './amounts.js';
export type { Effect, Operator, Peer, Rule } from './constraints/constraint.js';
export { effectOf } from './constraints/constraints.js';
export { patternProblem } from './constraints/pattern.js';
export { dominantResourceFairness, weightedShare, type Claim, type FairShare, type Turn } from './fair-share.js';
export type { Filter } from './filters/filter.js';
export { funnelOf, type Funnel } from './funnel.js';
export {
  amountsOf,
  bulkOf,
  fits,
  giveBack,
  stockOf,
  take,
  type Bulk,
  type Holding,
  type Needs,
  type Node,
  type Stock,
} from './node.js';
export { countPorts, hasPort, normalisePorts, type PortNeed, type PortRanges } from './ports.js';
export { Session, type Found, type Nodes, type Place, type Wish } from './session.js';
