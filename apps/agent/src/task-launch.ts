import { taskId, type AgentId, type TaskTemplate } from '@orrery/contracts';
import type { TaskLaunch } from '@orrery/runtimes';
import type { LaunchRow } from './agent-state/agent-state.js';
import { peersEnvironment, peersView } from './peers.js';
import type { TaskSecretValues } from './task-secrets.js';

/** The agent, as its tasks see it. */
export interface TaskPlace {
  readonly id: AgentId;
  readonly address: string;
  readonly region?: string;
  readonly zone?: string;
}

/** What a row of the checkpoint means to a runtime. */
export function taskLaunchOf(
  row: LaunchRow,
  template: TaskTemplate,
  agent: TaskPlace,
  links: NonNullable<TaskLaunch['links']>,
  secrets: TaskSecretValues,
): TaskLaunch {
  return {
    launch: row.launch.launch,
    ...(template.image === undefined ? {} : { image: template.image }),
    command: template.cmd,
    environment: taskEnvironment(row, template, agent),
    cpusMilli: template.cpusMilli,
    memoryMib: template.memoryMib,
    gpuIds: row.launch.gpuIds,
    volumes: row.launch.volumes,
    links,
    configs: template.configs,
    view: peersView(template),
    rlimits: template.rlimits ?? [],
    secretEnvironment: secrets.environment,
    secretFiles: secrets.files,
  };
}

/** What a task sees; its own words come first, so that nobody can claim to be another task. */
export function taskEnvironment(
  { launch, kind }: LaunchRow,
  template: TaskTemplate,
  agent: TaskPlace,
): Record<string, string> {
  const ports = Object.entries(launch.ports).flatMap(([name, port]) => [
    [portVariable(name), `${port}`],
    ...(template.portEnv[name] === undefined ? [] : [[template.portEnv[name], `${port}`]]),
  ]) as [string, string][];
  const devices = launch.gpuIds.join(',');
  return {
    ...template.env,
    ...peersEnvironment(template),
    ...Object.fromEntries(ports),
    ...(devices !== '' && { CUDA_VISIBLE_DEVICES: devices, NVIDIA_VISIBLE_DEVICES: devices }),
    ORRERY_SERVICE: kind.service,
    ORRERY_POD: kind.pod,
    ORRERY_POD_INDEX: `${launch.index}`,
    ORRERY_TASK: kind.task,
    ORRERY_TASK_ID: taskId(kind.service, kind.pod, launch.index, kind.task),
    ORRERY_INCARNATION: `${launch.incarnation}`,
    ORRERY_AGENT: agent.id,
    ORRERY_ADDRESS: agent.address,
    ...(agent.region !== undefined && { ORRERY_REGION: agent.region }),
    ...(agent.zone !== undefined && { ORRERY_ZONE: agent.zone }),
  };
}

function portVariable(name: string): string {
  return `PORT_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}
