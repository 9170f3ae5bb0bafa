export { cluster } from './cluster/decide.js';
export type { ClusterInput, ClusterInternal } from './cluster/input.js';
export { clusterViolations, watchEvent } from './cluster/invariants.js';
export { Leases } from './cluster/leases.js';
export { ordersOf } from './cluster/orders.js';
export type {
  AgentRow,
  AgentStanding,
  ClusterState,
  DestroyingVolume,
  LaunchPhase,
  LaunchRow,
  StreamRow,
  TemplateRow,
} from './cluster/state.js';
export {
  agentStateOf,
  agentView,
  currentLaunch,
  launchesOfService,
  launchesOnAgent,
  taskView,
  taskViewOf,
  usedOn,
  type AgentState,
  type AgentView,
  type TaskState,
  type TaskView,
} from './cluster/views.js';
export { allocation } from './allocation/decide.js';
export type { AllocationInput } from './allocation/input.js';
export type {
  AgentRow as AllocationAgentRow,
  AllocationState,
  GrantRow,
  LotRow,
  RequestRow,
  RoleRow,
  VolumeRow,
} from './allocation/state.js';
export {
  explainPending,
  grantOf,
  grantsOnAgent,
  rolesInUse,
  usedByRole,
  usedOnAgent,
  waitingRequests,
  type GrantView,
} from './allocation/views.js';
export { services } from './services/decide.js';
export type { ServicesInput } from './services/input.js';
