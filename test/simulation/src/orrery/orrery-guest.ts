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
import { commandMessage, type SeededRandom } from '@orrery/testing';
import type { Guest, GuestRun, SimulatedCommand } from '../guest.js';
import { SimulatedMachine } from './simulated-machine.js';

const names = ['hello', 'store'];
const MACHINES_A_CELL = 3;

/** The product itself: the three domains, hosted as their apps host them, and machines with the real agent. */
export function orreryGuestOf(cells: number): Guest {
  const sizes: TopicSizes = { cells, lanes: 1 };
  return {
    cells,
    stepMsMax: 1_500,
    domains: [
      { domain: 'services', host: () => servicesHosting(sizes) },
      { domain: 'allocation', host: () => allocationHosting() },
      {
        domain: 'cluster',
        host: ({ log, clock }) =>
          clusterHosting(sizes, { log, clock, onTrouble: () => undefined, onLapsesHeld: () => undefined }),
      },
    ],
    command(random, nowMs, number): SimulatedCommand {
      const { type, key, ...body } = ordersOf(random);
      const message = { ...commandMessage(`command-${number}`, { type, ...body }, { nowMs, domain: 'services' }), key };
      // Any partition will do: it is forwarded to where it belongs.
      return { domain: 'services', cell: random.below(cells), message };
    },
    fingerprint: (_domain, state) => {
      const parts = Object.values(state as DomainState) as { size?: number; name: string }[];
      return parts.map(({ name, size }) => `${name}:${size}`).join(' ');
    },
    begin: (world) =>
      new OrreryRun(
        cells,
        machineNames(cells).map((name) => new SimulatedMachine(name, sizes, world)),
      ),
  };
}

function machineNames(cells: number): string[] {
  return Array.from({ length: cells * MACHINES_A_CELL }, (_, index) => {
    const cell = index % cells;
    return `m-${index}${cell === 0 ? '' : `.c${cell}`}`;
  });
}

function ordersOf(random: SeededRandom): { type: string; key: string } & Record<string, unknown> {
  const name = random.pick(names);
  const drawn = random.fraction();
  if (drawn < 0.45) return { type: 'ApplyService', key: name, ...specOf(name, random) };
  if (drawn < 0.8) return { type: 'ScaleService', key: name, name, pod: 'web', count: countOf(random) };
  const pausing = random.chance(0.5) ? 'PausePod' : 'ResumePod';
  if (drawn < 0.83) return { type: pausing, key: name, name, pod: `web-${random.below(3)}` };
  if (drawn < 0.87) return { type: 'RestartPod', key: name, name, pod: `web-${random.below(3)}` };
  if (drawn < 0.94) return { type: 'ReplacePod', key: name, name, pod: `web-${random.below(3)}` };
  return { type: 'UninstallService', key: name, name };
}

/** Mostly a few, so that everything meets everything; sometimes enough for sets. */
function countOf(random: SeededRandom): number {
  return random.chance(0.25) ? 10 + random.below(10) : random.below(6);
}

function specOf(name: string, random: SeededRandom): Record<string, unknown> {
  return {
    name,
    backoff: { 'initial-secs': 1, factor: 2, 'max-secs': 8 },
    'replacement-failure-policy': { 'min-replace-delay-secs': 1 },
    pods: {
      web: {
        count: countOf(random),
        ...(name === 'store'
          ? { 'allow-decommission': true, volumes: { data: { path: 'data', type: 'ROOT', size: 64 } } }
          : {}),
        tasks: {
          server: {
            cmd: `serve ${random.below(3)}`,
            cpus: 0.1,
            memory: random.pick([32, 64, 128]),
            ports: { http: { port: 0 } },
            'kill-grace-period': 1,
          },
        },
      },
    },
  };
}

/** P5 and P6 at every commit; at rest, what runs is what is wanted. */
class OrreryRun implements GuestRun {
  readonly actors: readonly SimulatedMachine[];
  readonly #cells: readonly number[];

  constructor(cells: number, actors: readonly SimulatedMachine[]) {
    this.actors = actors;
    this.#cells = Array.from({ length: cells }, (_, cell) => cell);
  }

  onAccepted(domain: DomainName, record: JournalRecord, state: unknown): string[] {
    const found = violationsOf(domain, state).map((what) => `P5: ${what}, at seq ${record.seq} of ${domain}`);
    return [...found, ...this.#begunTwice()];
  }

  unrest(stateOf: (domain: DomainName, cell: number) => unknown): string[] {
    const pods = this.#cells.flatMap((cell) => podsIn(stateOf('services', cell) as ServicesState));
    const agents = this.#cells.flatMap((cell) => [...(stateOf('cluster', cell) as ClusterState).agents.values()]);
    const running = this.actors.flatMap((machine) => machine.running);
    return [
      ...this.#begunTwice(),
      ...agents.filter(({ reachable }) => !reachable).map(({ agent }) => `agent ${agent} is away`),
      ...(running.length === pods.length ? [] : [`${running.length} tasks run, wanted are ${pods.join(', ')}`]),
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
