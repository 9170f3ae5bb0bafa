export { cluster } from './cluster/decide.js';
export type { ClusterInput, ClusterInternal } from './cluster/input.js';
export { clusterViolations, watchEvent } from './cluster/invariants.js';
export { Leases } from './cluster/leases.js';
export { ordersOf, type OrderContext, type RelayedOrder } from './cluster/orders.js';
export { gatheredReports } from './cluster/reports.js';
export {
  countOnAgent,
  launchesOfService,
  launchesOnAgent,
  launchOf,
  spansOf,
  taskKey,
  tasksInOrder,
  type LaunchSpan,
} from './cluster/find.js';
export {
  PHASE as LAUNCH_PHASE,
  RUN_MEMBERS_MAX,
  toldOf,
  UNWANTED as LAUNCH_UNWANTED,
  type LaunchKind,
  type RunRow,
} from './cluster/runs.js';
export {
  isLivePhase,
  type AgentRow,
  type AgentStanding,
  type ClusterState,
  type DestroyingVolume,
  type LaunchPhase,
  type LaunchRow,
  type StreamRow,
  type TemplateRow,
} from './cluster/state.js';
export {
  agentStateOf,
  agentView,
  countStates,
  currentLaunch,
  taskView,
  taskViewOf,
  usedOn,
  type AgentState,
  type AgentView,
  type TaskState,
  type TaskView,
} from './cluster/views.js';
export { allocation } from './allocation/decide.js';
export { choiceOf, type Choice, type PlacingCommit } from './allocation/choice.js';
export { ownedBy, type Owned } from './allocation/accounts.js';
export type { AllocationInput } from './allocation/input.js';
export { allocationViolations } from './allocation/invariants.js';
export { allocationEventViolations } from './allocation/preemption-invariants.js';
export { preemptionView, type PreemptionView } from './allocation/preemption-views.js';
export type {
  AgentRow as AllocationAgentRow,
  AllocationState,
  RequestRow,
  RoleRow,
  VolumeRow,
} from './allocation/state.js';
export {
  disksFreeOn,
  explainPending,
  grantOf,
  grantsOnAgent,
  predictPlacement,
  rolesInUse,
  usedByRole,
  usedOnAgent,
  waitingRequests,
  type GrantView,
  type Prediction,
} from './allocation/views.js';
export {
  fairnessView,
  reservationViews,
  rolesKnown,
  roleView,
  shareOfRole,
  volumeViews,
  type FairnessView,
  type ReservationView,
  type RoleView,
  type VolumeView,
} from './allocation/sharing-views.js';
export { services } from './services/decide.js';
export type { ServicesInput } from './services/input.js';
export { servicesEventViolations, servicesViolations } from './services/invariants.js';
export { differenceOf, type Difference, type FieldChange, type PodDifference } from './services/difference.js';
export { planView, planViews, type PhaseView, type PlanView, type StepView } from './services/plan-view.js';
export { podsStaying, type StayingPod } from './services/staying.js';
export { podOfGrant, podOfLaunch } from './services/pods.js';
export type {
  PlanRow,
  PodRow,
  PodStatus,
  Seat,
  ServiceRow,
  ServicesState,
  TaskRow,
  VersionRow,
} from './services/state.js';
export { recipeAt } from './services/recipe.js';
export { refusalOfSpec, withDefaults } from './services/spec.js';
export {
  podCounts,
  podView,
  podViews,
  previewApply,
  isPausedTask,
  serviceView,
  serviceViews,
  versionsRunning,
  versionDifference,
  versionViews,
  type PodView,
  type Preview,
  type ServiceState,
  type ServiceView,
  type VersionView,
} from './services/views.js';
