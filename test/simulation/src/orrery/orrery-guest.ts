import { cellOfAgent, type DomainName, type JournalRecord, type TopicSizes } from '@orrery/contracts';
import { allocationHosting } from '@orrery/allocator/hosting';
import { type DomainState } from '@orrery/kernel';
import { clusterHosting } from '@orrery/master/hosting';
import { servicesHosting } from '@orrery/service-manager/hosting';
import {
  allocationViolations,
  clusterViolations,
  podViews,
  serviceViews,
  servicesViolations,
  type AllocationState,
  type ClusterState,
  type ServicesState,
} from '@orrery/domain';
import { commandMessage } from '@orrery/testing';
import type { Guest, GuestRun, SimulatedCommand } from '../guest.js';
import { roomyScene } from './roomy-scene.js';
import type { Scene, SceneJudge } from './scene.js';
import { SimulatedMachine } from './simulated-machine.js';

const MACHINES_A_CELL = 3;

/** The product itself: the three domains, hosted as their apps host them, and machines with the real agent. */
export function orreryGuestOf(cells: number, scene: Scene = roomyScene): Guest {
  const sizes: TopicSizes = { cells, lanes: 1 };
  return {
    cells,
    stepMsMax: 1_500,
    domains: [
      { domain: 'services', host: () => servicesHosting(sizes) },
      { domain: 'allocation', host: () => scene.hosted?.(allocationHosting()) ?? allocationHosting() },
      {
        domain: 'cluster',
        host: ({ log, clock }) =>
          clusterHosting(sizes, { log, clock, onTrouble: () => undefined, onLapsesHeld: () => undefined }),
      },
    ],
    command(random, nowMs, number): SimulatedCommand {
      const { domain, type, key, ...body } = scene.order(random);
      const message = { ...commandMessage(`command-${number}`, { type, ...body }, { nowMs, domain }), key };
      // Any partition will do: it is forwarded to where it belongs.
      return { domain, cell: random.below(cells), message };
    },
    fingerprint: (_domain, state) => {
      const parts = Object.values(state as DomainState) as { size?: number; name: string }[];
      return parts.map(({ name, size }) => `${name}:${size}`).join(' ');
    },
    begin: (world) =>
      new OrreryRun(
        cells,
        machineNames(cells).map((name) => new SimulatedMachine(name, { sizes, cpusMilli: scene.cpusMilli }, world)),
        scene,
      ),
  };
}

function machineNames(cells: number): string[] {
  return Array.from({ length: cells * MACHINES_A_CELL }, (_, index) => {
    const cell = index % cells;
    return `m-${index}${cell === 0 ? '' : `.c${cell}`}`;
  });
}

/** P5 and P6 at every commit; at rest, what runs is what is wanted. */
class OrreryRun implements GuestRun {
  readonly actors: readonly SimulatedMachine[];
  readonly #cells: readonly number[];
  readonly #scene: Scene;
  readonly #judge: SceneJudge | undefined;

  constructor(cells: number, actors: readonly SimulatedMachine[], scene: Scene) {
    this.actors = actors;
    this.#scene = scene;
    this.#judge = scene.judge?.();
    this.#cells = Array.from({ length: cells }, (_, cell) => cell);
  }

  onAccepted(domain: DomainName, record: JournalRecord, state: unknown): string[] {
    const found = violationsOf(domain, state).map((what) => `P5: ${what}, at seq ${record.seq} of ${domain}`);
    return [...found, ...this.#begunTwice(), ...(this.#judge?.onAccepted(domain, record, state) ?? [])];
  }

  unrest(stateOf: (domain: DomainName, cell: number) => unknown): string[] {
    const pods = this.#cells.flatMap((cell) => podsIn(stateOf('services', cell) as ServicesState));
    const agents = this.#cells.flatMap((cell) => [...(stateOf('cluster', cell) as ClusterState).agents.values()]);
    const running = this.actors.flatMap((machine) => machine.running);
    const placed = this.#scene.hasRoomForAll ? pods : pods.filter((pod) => !pod.endsWith(' PLACING'));
    return [
      ...this.#begunTwice(),
      ...pods.filter((pod) => / (STARTING|RUNNING)$/.test(pod)).map((pod) => `${pod} is on its way up`),
      ...agents.filter(({ reachable }) => !reachable).map(({ agent }) => `agent ${agent} is away`),
      ...(running.length === placed.length ? [] : [`${running.length} tasks run, wanted are ${placed.join(', ')}`]),
    ];
  }

  /** P6. Launches are numbered by the services journal of their cell. */
  #begunTwice(): string[] {
    const begun = this.actors.flatMap((machine) =>
      machine.begun.map((launch) => `${cellOfAgent(machine.name)}/${launch}`),
    );
    return new Set(begun).size === begun.length ? [] : ['P6: a launch has begun twice'];
  }
}

/** Every pod that is not gone, and its state. */
function podsIn(state: ServicesState): string[] {
  return serviceViews(state, Infinity).flatMap(({ name }) =>
    podViews(state, name, Infinity).map((pod) => `${name}/${pod.name} ${pod.state}`),
  );
}

function violationsOf(domain: DomainName, state: unknown): string[] {
  switch (domain) {
    case 'services':
      return servicesViolations(state as ServicesState);
    case 'allocation':
      return allocationViolations(state as AllocationState);
    case 'cluster':
      return clusterViolations(state as ClusterState);
  }
}
