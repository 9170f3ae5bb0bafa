import {
  idOf,
  isIn,
  numbersIn,
  ordinalOf,
  seqOf,
  type GrantId,
  type PodNeeds,
  type Ranges,
  type Resize,
  type VolumeId,
} from '@orrery/contracts';
import { minus, NOTHING, plus, type Amounts } from '@orrery/scheduling';
import type { AdoptingRow } from './adoption.js';
import { chargeOf } from './charge.js';
import { charge } from './charging.js';
import { chargedIn, type LotPart, type LotRow } from './lots.js';
import { common, positionsOf, without } from './ranges.js';
import type { AllocationState, RequestRow } from './state.js';

/**
 * A pod that stays where its data is and is to hold something else asks for what it lacks there: a grant beside the one that
 * it has. Both count while it runs on; when its service returns the old one, the new one is all of it. So it never has less
 * than it was promised, the agent never more than it has, and a larger size that finds no room takes nothing away.
 */
export function* resizingsOf(state: AllocationState, row: RequestRow): IterableIterator<AdoptingRow> {
  const { gang: _, preferences: __, ...alone } = row;
  for (const { index, grant } of row.resizes ?? []) {
    if (!isIn(row.indexes, index)) continue;
    const indexes = [[index, index]] as const;
    const part = state.lots.find(grant);
    const missing = whyNot(state, row, grant, part);
    const found = { ...alone, indexes, constraints: [], avoid: [] };
    if (part === undefined || missing !== undefined) {
      yield { ...found, adoption: { ...STAYS, agent: 0, missing: missing! } };
      continue;
    }
    const [[position]] = positionsOf(part.lot.ordinals, part.ordinals) as [[number, number]];
    const { needs, resize } = beside(part.lot, position, grant, row.needs);
    const agent = agentAt(part.lot, position);
    yield { ...found, needs, resize, avoids: row.constraints, adoption: { ...STAYS, agent } };
  }
}

const STAYS = { volumes: new Map<never, never>(), heldMib: 0, mounted: new Set<never>() };

function whyNot(
  state: AllocationState,
  { revocable }: RequestRow,
  grant: GrantId,
  part: LotPart | undefined,
): string | undefined {
  if (part === undefined) return `it has no grant ${grant} any more`;
  if (common(chargedIn(part.lot), part.ordinals).length === 0) return `its grant ${grant} is given up`;
  if (part.lot.revocable !== revocable) return 'its grant is of another kind: revocable, or not';
  if (part.lot.volumes === undefined) return 'it has no volumes that it would stay for';
  if (part.lot.resizes !== undefined || state.lots.countBy('resizes', grant) > 0) return 'it is being resized already';
  return undefined;
}

/** What a pod lacks of its new needs, and what it keeps. */
function beside(lot: LotRow, position: number, grant: GrantId, needs: PodNeeds): { needs: PodNeeds; resize: Resize } {
  const more = (amount: 'cpusMilli' | 'memoryMib' | 'diskMib' | 'gpus') =>
    Math.max(0, needs[amount] - lot.needs[amount]);
  const ports = portsKept(lot, position, needs);
  const gpuIds = [...(lot.gpuIds?.[position] ?? [])].sort().slice(0, needs.gpus);
  return {
    needs: {
      cpusMilli: more('cpusMilli'),
      memoryMib: more('memoryMib'),
      diskMib: more('diskMib'),
      gpus: needs.gpus - gpuIds.length,
      ports: needs.ports.filter(({ name }) => ports[name] === undefined),
      volumes: [],
    },
    resize: { grant, needs, ports, gpuIds },
  };
}

/** A port keeps its number where it may: others know the pod by it. */
function portsKept({ ports: held = {} }: LotRow, position: number, { ports }: PodNeeds): Record<string, number> {
  const numbers = new Set(Object.values(held).map((column) => column[position]!));
  const kept: Record<string, number> = {};
  for (const { name, port } of ports) if (port !== 0 && numbers.delete(port)) kept[name] = port;
  for (const { name, port } of ports) {
    const number = held[name]?.[position];
    if (port === 0 && number !== undefined && numbers.delete(number)) kept[name] = number;
  }
  return kept;
}

function agentAt({ agents, ends }: LotRow, position: number): number {
  return agents[ends.findIndex((end) => end > position)]!;
}

/** What would help a pod that waits for room where it is. */
export function remedyForGrowing(state: AllocationState, { resize, adoption }: AdoptingRow, remedy: string): string {
  const agent = state.agents.numbered(adoption?.agent ?? 0);
  if (resize === undefined || agent === undefined || agent.closed !== undefined) return remedy;
  return `make room on ${agent.hostname}, where the pod runs on as it was; or replace the pod, which leaves its data behind; or roll back`;
}

/** A grant that stands on one which is released holds all of its pod from now on, with its volumes: gives the ordinals left. */
export function takeOver(state: AllocationState, before: LotPart): Ranges {
  if (before.lot.volumes === undefined || state.lots.countBy('resizes', '*') === 0) return before.ordinals;
  const taken: (readonly [number, number])[] = [];
  for (const ordinal of numbersIn(before.ordinals)) {
    const grant = idOf<GrantId>(seqOf(before.key), ordinal);
    const [key, ...others] = state.lots.keysBy('resizes', grant);
    if (key === undefined) continue;
    for (const other of others) standAlone(state, other);
    const [[position]] = positionsOf(before.lot.ordinals, [[ordinal, ordinal]]) as [[number, number]];
    const volumes = before.lot.volumes[position]!;
    const isCharged = common(chargedIn(before.lot), [[ordinal, ordinal]]).length > 0;
    holdAll(state, key, volumes, isCharged);
    taken.push([ordinal, ordinal]);
  }
  return without(before.ordinals, taken);
}

/** One too many: it holds what it lacked until it is returned. */
function standAlone(state: AllocationState, key: GrantId): void {
  const { resizes: _, ...lot } = state.lots.get(key)!;
  state.lots.put(key, lot);
}

function holdAll(state: AllocationState, key: GrantId, volumes: readonly VolumeId[], isCharged: boolean): void {
  const { resizes, ...lot } = state.lots.get(key)!;
  const { needs, ports: kept, gpuIds: keptIds } = resizes!;
  const ports = Object.fromEntries(
    needs.ports.map(({ name }) => [name, Uint32Array.of(kept[name] ?? lot.ports![name]![0]!)] as const),
  );
  const gpuIds = [...keptIds, ...(lot.gpuIds?.[0] ?? [])].sort();
  const { ports: _, gpuIds: __, ...rest } = lot;
  const grown: LotRow = {
    ...rest,
    needs,
    ordinals: [...lot.ordinals],
    ...(needs.ports.length === 0 ? {} : { ports }),
    ...(gpuIds.length === 0 ? {} : { gpuIds: [gpuIds] }),
    volumes: [volumes],
    // What was given up before is not its role's again.
    ...(isCharged ? {} : { superseded: lot.ordinals }),
  };
  for (const id of volumes) {
    const volume = state.volumes.get(id);
    if (volume !== undefined && volume.users === undefined) state.volumes.put(id, { ...volume, grant: key });
  }
  charge(state, grown, minus(chargedFor(state, key, grown), chargedFor(state, key, lot)));
  state.lots.put(key, grown);
}

function chargedFor(state: AllocationState, key: GrantId, lot: LotRow): Amounts {
  return plus(NOTHING, chargeOf(state, { key, lot, ordinals: chargedIn(lot) }));
}

/** A grant that stands on another one stands on one of its pod that lives. */
export function* brokenResizes(state: AllocationState): Iterable<string> {
  for (const [key, { resizes, service, pod }] of state.lots.entries()) {
    if (resizes === undefined) continue;
    const under = state.lots.find(resizes.grant);
    if (under === undefined) yield `grant ${key} stands on ${resizes.grant}, which is released`;
    else if (under.lot.service !== service || under.lot.pod !== pod)
      yield `grant ${key} of ${service}/${pod} stands on one of ${under.lot.service}/${under.lot.pod}`;
    if (ordinalOf(key) !== numbersIn(state.lots.get(key)!.ordinals).next().value) yield `grant ${key} is not one alone`;
  }
}
