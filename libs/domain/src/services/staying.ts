import { podName, type AgentId } from '@orrery/contracts';
import { podsOn } from './pods.js';
import type { ServicesRows } from './state.js';
import { holdsData, isWanted, mayLeaveData } from './wanted.js';

/** A pod that a drain does not move, since its data would stay behind. */
export interface StayingPod {
  readonly service: string;
  readonly pod: string;
  /** By their names in the spec. */
  readonly volumes: readonly string[];
}

/** The pods on a machine that is drained, or was, that wait there until somebody replaces them or activates the machine. */
export function podsStaying(rows: ServicesRows, agent: AgentId): StayingPod[] {
  if (rows.agents.get(agent)?.state !== 'DRAINING') return [];
  return podsOn(rows, agent)
    .filter((row) => {
      const service = rows.services.get(row.service);
      if (service === undefined || !holdsData(row) || row.stopReason === 'replaced') return false;
      return isWanted(rows, service, row) && !mayLeaveData(rows, service);
    })
    .map(({ service, pod, index, seat }) => {
      const volumes = seat!.volumes.map(({ name }) => name).sort();
      return { service, pod: podName(pod, index), volumes };
    })
    .sort((left, right) => (`${left.service}.${left.pod}` < `${right.service}.${right.pod}` ? -1 : 1));
}
