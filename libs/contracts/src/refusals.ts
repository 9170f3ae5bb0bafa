/**
 * Every code that a refusal can carry, with the HTTP status that the gateway answers. Codes never change their meaning;
 * domains may add to the list.
 */
export const refusalStatus = {
  // Any command, by the control loop.
  malformed: 400,
  'unknown-type': 400,
  'unsupported-version': 400,
  'too-large': 413,
  expired: 422,
  'from-the-future': 422,
  'id-reused': 409,
  busy: 503,
  misrouted: 422,
  'decision-too-large': 422,
  // A body that does not fit its schema.
  'invalid-field': 400,
  'unknown-field': 400,
  // A plan is started with values that it does not take, or without those that it needs.
  'invalid-parameter': 422,
  // Services.
  'unknown-service': 404,
  'unknown-pod': 404,
  'unknown-task': 404,
  'unknown-plan': 404,
  'unknown-version': 404,
  'version-conflict': 412,
  'name-taken': 409,
  'being-uninstalled': 409,
  'plan-state': 409,
  // What an existing service may not become.
  'role-cannot-change': 422,
  'cell-cannot-change': 422,
  'volumes-cannot-change': 422,
  'resources-cannot-change': 422,
  'zones-cannot-change': 422,
  'region-cannot-change': 422,
  'decommission-not-allowed': 422,
  'pod-being-drained': 409,
  'invalid-spec': 422,
  'waits-for-later-phase': 422,
  // How pods are to change.
  'update-without-room': 422,
  'surge-with-volumes': 422,
  'surge-with-identity': 422,
  'wrong-cell': 422,
  'revocable-with-volumes': 422,
  'revocable-and-critical': 422,
  // Cluster.
  'unknown-agent': 404,
  'unknown-launch': 404,
  'agent-state': 409,
  'agent-unreachable': 409,
  'agent-not-active': 409,
  'epoch-passed': 409,
  'launch-id-used': 409,
  'task-ended': 409,
  // Allocation.
  'unknown-role': 404,
  'unknown-grant': 404,
  'grant-returned': 409,
  'grant-exceeded': 422,
  'task-runs': 409,
  'not-yours': 403,
  'unknown-request': 404,
  'invalid-placement': 422,
  'unknown-quota': 404,
  'unknown-reservation': 404,
  'unknown-volume': 404,
  'quota-exceeded': 422,
  'quota-conflict': 422,
  'guarantee-too-large': 422,
  'reservation-too-large': 422,
  'reservation-overlaps': 422,
  'reservation-in-use': 409,
  'reservation-declared': 409,
  'resource-in-use': 409,
  'unknown-disk': 404,
  'volume-in-use': 409,
  'volume-is-shared': 409,
} as const;

export type RefusalCode = keyof typeof refusalStatus;
