export { minus, NOTHING, plus, times, type Amounts } from './amounts.js';
export type { FieldRule, Neighbour, NeighbourNodes, Peer, Rule } from './constraints/constraint.js';
export { contradictionOf, type Contradiction } from './constraints/contradiction.js';
export { GPUS_FIELD } from './constraints/field.js';
export { ruleProblem } from './constraints/rule-problem.js';
export { effectOf, fieldsOf, flattened, leavesOf, neighbourIn } from './constraints/rules.js';
export {
  planEvictions,
  ROOM_FILTERS,
  type EvictableGroup,
  type EvictablePod,
  type EvictionNode,
  type Evictions,
} from './evictions.js';
export type { FairShare, Pool, ResourceName, ShareLevel, Shares, Standing, Turn } from './fair-share.js';
export { hierarchicalDominantShares, ShareTree } from './fair-share-tree.js';
export type { Filter } from './filters/filter.js';
export { chooseDisks, type Disk, type DiskNeed } from './disk-set.js';
export { Fleet, type FleetNode, type Held } from './fleet.js';
export { funnelOf } from './funnel.js';
export { amountsOf, stockOf, type Machine, type Needs, type Node, type Stock } from './node.js';
export { Picks, runsOf, type Runs } from './picks.js';
export { hasPort } from './ports.js';
export { fittingOnEmpty } from './potential.js';
export { scoredNodes, type ScoredNode } from './scored-nodes.js';
export { NO_PREFERENCES, type Affinity, type Preferences, type SpreadOver } from './scores/preference.js';
export { preferenceProblem } from './scores/preference-problem.js';
export { Session, type Found, type Wish } from './session.js';
export { compilePattern, type Pattern } from './constraints/pattern.js';
