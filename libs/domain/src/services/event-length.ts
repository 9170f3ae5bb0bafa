import type { IdRuns, Members, Ranges, ServicesEvent, TaskTemplate } from '@orrery/contracts';

const NUMBER_LENGTH = 8;
const RANGE_LENGTH = 2 * NUMBER_LENGTH + 1;
const AGENT_LENGTH = 14;
const PORT_LENGTH = 6;
const SHARED_LENGTH = 320;

const templateLengths = new WeakMap<TaskTemplate, number>();

/** About how many characters the data of an event take: sets by what they count, others as they are. */
export function lengthOf(event: ServicesEvent): number {
  switch (event.type) {
    case 'LaunchOrdered':
      return (
        membersLength(event.data) +
        idsLength(event.data.launches, event.data.grants) +
        templateLength(event.data.template)
      );
    case 'GrantsTaken':
      return membersLength(event.data) + idsLength(event.data.grants);
    case 'TasksObserved':
    case 'KillOrdered':
      return SHARED_LENGTH + idsLength(event.data.launches);
    case 'GrantReturned':
    case 'ReleaseNoted':
      return SHARED_LENGTH + idsLength(event.data.grants);
    case 'StepStarted':
    case 'StepCompleted':
      return SHARED_LENGTH + rangesLength(event.data.indexes);
    default:
      return JSON.stringify(event.data).length;
  }
}

function membersLength({ indexes, agents, ports, gpuIds, volumes }: Members): number {
  let length = SHARED_LENGTH + rangesLength(indexes) + agents.length * AGENT_LENGTH;
  for (const name in ports) length += name.length + ports[name]!.length * PORT_LENGTH;
  if (gpuIds !== undefined) length += JSON.stringify(gpuIds).length;
  if (volumes !== undefined) length += JSON.stringify(volumes).length;
  return length;
}

function idsLength(...all: readonly IdRuns[]): number {
  let numbers = 0;
  for (const ids of all) for (const entry of ids) numbers += entry.length;
  return numbers * NUMBER_LENGTH;
}

function rangesLength(ranges: Ranges): number {
  return ranges.length * RANGE_LENGTH;
}

export function templateLength(template: TaskTemplate): number {
  let length = templateLengths.get(template);
  if (length === undefined) templateLengths.set(template, (length = JSON.stringify(template).length));
  return length;
}
