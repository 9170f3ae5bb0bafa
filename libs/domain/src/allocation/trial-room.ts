import { minus, NOTHING, type Amounts, type Evictions, type Fleet } from '@orrery/scheduling';
import type { LotGroup } from './evictables.js';
import { portsAt } from './lots.js';
import { positionsOf } from './ranges.js';

/** What those would give back who are asked to make way, while places are tried that need it. */
export class TrialRoom {
  readonly #fleet: Fleet;
  readonly #given: Given[] = [];

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Of this pod of a lot, which is on that agent. */
  give(agent: number, victim: Victim): void {
    const { lot } = victim.group;
    const { ordinal } = victim.pod;
    const [[position]] = positionsOf(lot.ordinals, [[ordinal, ordinal]]) as [[number, number]];
    const ports = lot.ports === undefined ? [] : portsAt(lot, position, position);
    const gpuIds = lot.gpuIds?.[position] ?? [];
    const { cpusMilli, memoryMib, diskMib } = lot.needs;
    const amounts = { cpusMilli, memoryMib, diskMib, gpus: 0 };
    this.#given.push({ victim, agent, amounts, ports, gpuIds });
    this.#fleet.keep(agent, minus(NOTHING, amounts));
    this.#fleet.freePorts(agent, ports);
    this.#fleet.freeGpus(agent, gpuIds);
  }

  /** After what was placed there was given back; gives those of whom it was. */
  takeBack(): Victim[] {
    const victims = this.#given.map(({ victim }) => victim);
    for (const { agent, amounts, ports, gpuIds } of this.#given) {
      this.#fleet.keep(agent, amounts);
      this.#fleet.holdPorts(agent, ports);
      this.#fleet.holdGpus(agent, gpuIds);
    }
    this.#given.length = 0;
    return victims;
  }
}

type Victim = Evictions<LotGroup>['victims'][number];

interface Given {
  readonly victim: Victim;
  readonly agent: number;
  readonly amounts: Amounts;
  readonly ports: readonly number[];
  readonly gpuIds: readonly string[];
}
