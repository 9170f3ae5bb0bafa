import type { DomainName, JournalRecord } from '@orrery/contracts';
import { allocationHosting } from '@orrery/allocator/hosting';
import { type DomainState } from '@orrery/kernel';
import { clusterHosting } from '@orrery/master/hosting';
import { servicesHosting } from '@orrery/service-manager/hosting';
import {
  allocationViolations,
  clusterViolations,
  servicesViolations,
  type AllocationState,
  type ClusterState,
  type ServicesState,
} from '@orrery/domain';
import { commandMessage, type SeededRandom } from '@orrery/testing';
import type { Guest, GuestRun, SimulatedCommand } from '../guest.js';
import { SimulatedMachine } from './simulated-machine.js';

const layout = { cells: 1, lanes: 1 };
const names = ['hello', 'store'];
const machines = ['m-1', 'm-2', 'm-3'];

/** The product itself: the three domains, hosted as their apps host them, and three machines with the real agent. */
export const orreryGuest: Guest = {
  cells: layout.cells,
  stepMsMax: 1_500,
  domains: [
    { domain: 'services', host: () => servicesHosting(layout) },
    { domain: 'allocation', host: () => allocationHosting() },
    {
      domain: 'cluster',
      host: ({ log, clock }) =>
        clusterHosting(layout, { log, clock, onTrouble: () => undefined, onLapsesHeld: () => undefined }),
    },
  ],
  command(random, nowMs, number): SimulatedCommand {
    const { type, key, ...body } = ordersOf(random);
    const message = { ...commandMessage(`command-${number}`, { type, ...body }, { nowMs, domain: 'services' }), key };
    return { domain: 'services', cell: 0, message };
  },
  fingerprint: (_domain, state) => {
    const parts = Object.values(state as DomainState) as { size?: number; name: string }[];
    return parts.map(({ name, size }) => `${name}:${size}`).join(' ');
  },
  begin: (world) => new OrreryRun(machines.map((machine) => new SimulatedMachine(machine, layout, world))),
};

function ordersOf(random: SeededRandom): { type: string; key: string } & Record<string, unknown> {
  const name = random.pick(names);
  const drawn = random.fraction();
  if (drawn < 0.45) return { type: 'ApplyService', key: name, ...specOf(name, random) };
  if (drawn < 0.8) return { type: 'ScaleService', key: name, name, pod: 'web', count: random.below(6) };
  if (drawn < 0.87) return { type: 'RestartPod', key: name, name, pod: `web-${random.below(3)}` };
  if (drawn < 0.94) return { type: 'ReplacePod', key: name, name, pod: `web-${random.below(3)}` };
  return { type: 'UninstallService', key: name, name };
}

function specOf(name: string, random: SeededRandom): Record<string, unknown> {
  return {
    name,
    backoff: { 'initial-secs': 1, factor: 2, 'max-secs': 8 },
    'replacement-failure-policy': { 'min-replace-delay-secs': 1 },
    pods: {
      web: {
        count: random.below(5),
        ...(name === 'store' ? { volumes: { data: { path: 'data', type: 'ROOT', size: 64 } } } : {}),
        tasks: {
          server: {
            cmd: `serve ${random.below(3)}`,
            cpus: 0.1,
            memory: 64,
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

  constructor(actors: readonly SimulatedMachine[]) {
    this.actors = actors;
  }

  onAccepted(domain: DomainName, record: JournalRecord, state: unknown): string[] {
    const found = violationsOf(domain, state).map((what) => `P5: ${what}, at seq ${record.seq} of ${domain}`);
    return [...found, ...this.#begunTwice()];
  }

  unrest(stateOf: (domain: DomainName, cell: number) => unknown): string[] {
    const services = stateOf('services', 0) as ServicesState;
    const cluster = stateOf('cluster', 0) as ClusterState;
    const running = this.actors.flatMap((machine) => machine.running);
    const wanted = [...services.pods.values()].length;
    const away = [...cluster.agents.values()].filter(({ reachable }) => !reachable);
    return [
      ...this.#begunTwice(),
      ...away.map(({ agent }) => `agent ${agent} is away`),
      ...(running.length === wanted
        ? []
        : [`${wanted} pods are wanted, ${running.length} tasks run: ${podsOf(services)}`]),
    ];
  }

  /** P6. */
  #begunTwice(): string[] {
    const begun = this.actors.flatMap((machine) => machine.begun);
    return new Set(begun).size === begun.length ? [] : ['P6: a launch has begun twice'];
  }
}

function podsOf(services: ServicesState): string {
  return [...services.pods.values()].map((row) => `${row.service}/${row.pod} ${row.status}`).join(', ');
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
