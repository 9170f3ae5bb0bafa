export { cluster } from './cluster/decide.js';
export type { ClusterInput, ClusterInternal } from './cluster/input.js';
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
