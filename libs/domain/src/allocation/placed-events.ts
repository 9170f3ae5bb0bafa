import type { DecisionContext } from '@orrery/kernel';
import {
  columnOf,
  idOf,
  idRunsOf,
  isIn,
  priorityOf,
  rankedAs,
  type AllocationEvent,
  type AllocationEventOf,
  type Members,
  type Volume,
  type VolumeId,
} from '@orrery/contracts';
import { runsOf, type Picks } from '@orrery/scheduling';
import type { AdoptingRow } from './adoption.js';
import { superseded } from './grants.js';
import { avoidedBy } from './neighbours.js';
import { firstOf } from './ranges.js';
import type { AllocationState } from './state.js';

/** What a round found for each request, as it is told. */
type Served = ReadonlyMap<AdoptingRow, Picks>;

export function* placedEvents(
  state: AllocationState,
  context: DecisionContext,
  served: Served,
): IterableIterator<AllocationEvent> {
  for (const [row, picks] of served) {
    const { request, service, generation, role, pod, needs } = row;
    const first = context.nextIds(picks.count);
    const grants = [[context.seq, first, first + picks.count - 1]];
    const members = membersOf(state, context, row, picks);
    const avoided = avoidedBy({ service, constraints: row.avoids ?? row.constraints });
    const avoids = avoided.length === 0 ? {} : { avoids: avoided };
    const resizes = row.resize === undefined ? {} : { resizes: row.resize };
    const ranked = rankedAs(priorityOf(row), row.revocable === true);
    const data = {
      request,
      service,
      generation,
      role,
      pod,
      needs,
      ...ranked,
      grants,
      ...avoids,
      ...members,
      ...resizes,
    };
    yield { type: 'Placed', data };
  }
}

/** The first of the indexes, agent by agent. */
function membersOf(state: AllocationState, context: DecisionContext, row: AdoptingRow, picks: Picks): Members {
  const { indexes, needs } = row;
  const { numbers, counts, ports, gpuIds, disks } = runsOf(picks, needs.ports.length);
  const columns = needs.ports.map(({ name }, at) => [name, columnOf(ports[at]!)] as const);
  return {
    indexes: firstOf(indexes, picks.count),
    agents: {
      numbers,
      epochs: columnOf(numbers.map((number) => state.agents.numbered(number)!.epoch)),
      counts: columnOf(counts),
    },
    ...(columns.length === 0 ? {} : { ports: Object.fromEntries(columns) }),
    ...(gpuIds.length === 0 ? {} : { gpuIds }),
    ...(needs.volumes.length === 0 ? {} : { volumes: volumesFor(state, context, row, picks.count, disks) }),
  };
}

/** `disks`: of each pod those that were taken, in the order of the needs that take one. */
function volumesFor(
  state: AllocationState,
  context: DecisionContext,
  { needs: { volumes }, adoption }: AdoptingRow,
  count: number,
  disks: readonly (readonly string[])[],
): Volume[][] {
  let ordinal = context.nextIds(count * volumes.length);
  return Array.from({ length: count }, (_, pod) => {
    let taken = 0;
    return volumes.map(({ name, path, sizeMib, type }) => {
      const made = idOf<VolumeId>(context.seq, ordinal++);
      const known = adoption?.volumes.get(name);
      const onDisk = known === undefined && type !== 'ROOT' ? disks[pod]![taken++] : undefined;
      const disk = known === undefined ? onDisk : state.volumes.get(known)!.disk;
      return { volume: known ?? made, name, path, sizeMib, ...(disk === undefined ? {} : { disk }) };
    });
  });
}

/** Grants that others were placed for. */
export function supersededBy(state: AllocationState, served: Served): AllocationEventOf<'GrantSuperseded'>[] {
  const events: AllocationEventOf<'GrantSuperseded'>[] = [];
  for (const [row, picks] of served) {
    if (row.replaces.length === 0) continue;
    const placed = firstOf(row.indexes, picks.count);
    const old = row.replaces.filter(({ index }) => isIn(placed, index)).map(({ grant }) => grant);
    events.push(...superseded(state.lots.live(idRunsOf(old))));
  }
  return events;
}
