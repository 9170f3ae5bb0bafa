import type { SeededRandom } from '@orrery/testing';
import { PreemptionJudge } from './preemption-judge.js';
import type { Order, Scene } from './scene.js';

/** One organisation whose teams stand above each other, and another one that has nothing to say to them. */
const services = {
  batch: { role: 'eng/data/batch', priority: 10 },
  spare: { role: 'eng/data/batch', priority: 10, revocable: true },
  data: { role: 'eng/data', priority: 40 },
  store: { role: 'eng/data', priority: 20, keeps: true },
  web: { role: 'eng', priority: 60 },
  train: { role: 'eng', priority: 60, gang: true },
  other: { role: 'ops', priority: 80 },
} as const;
type Name = keyof typeof services;

const names = Object.keys(services) as Name[];
const priorities = [10, 20, 40, 60, 80];
const budgets = [0, 1, 2, 3, 5];

/** Far more is asked for than there is room for, so that the more important push the others out, a few in a minute. */
export const crowdedScene: Scene = {
  cpusMilli: 500,
  hasRoomForAll: false,
  order: orderOf,
  judge: () => new PreemptionJudge(),
};

function orderOf(random: SeededRandom): Order {
  const drawn = random.fraction();
  if (drawn < 0.1) {
    const perMinute = random.pick(budgets);
    return { domain: 'allocation', type: 'SetPreemptionBudget', key: 'preemption', perMinute };
  }
  const domain = 'services';
  const name = random.pick(names);
  if (drawn < 0.55) return { domain, type: 'ApplyService', key: name, ...specOf(name, random) };
  if (drawn < 0.9) return { domain, type: 'ScaleService', key: name, name, pod: 'web', count: countOf(random) };
  if (drawn < 0.95) return { domain, type: 'ReplacePod', key: name, name, pod: `web-${random.below(3)}` };
  return { domain, type: 'UninstallService', key: name, name };
}

function countOf(random: SeededRandom): number {
  return random.chance(0.2) ? 5 + random.below(8) : random.below(5);
}

/** Now and then a version gives its pods another priority. */
function specOf(name: Name, random: SeededRandom): Record<string, unknown> {
  const service: { role: string; priority: number; revocable?: boolean; keeps?: boolean; gang?: boolean } =
    services[name];
  const tasks = (cmd: string) => ({ server: { cmd, cpus: 0.1, memory: 64, 'kill-grace-period': 1 } });
  return {
    name,
    role: service.role,
    priority: random.chance(0.15) ? random.pick(priorities) : service.priority,
    backoff: { 'initial-secs': 1, factor: 2, 'max-secs': 8 },
    'replacement-failure-policy': { 'min-replace-delay-secs': 1 },
    pods: {
      web: {
        count: countOf(random),
        ...(service.revocable === true ? { revocable: true } : {}),
        ...(service.keeps === true
          ? { 'allow-decommission': true, volumes: { data: { path: 'data', type: 'ROOT', size: 64 } } }
          : {}),
        ...(service.gang === true ? { gang: 'all' } : {}),
        tasks: tasks(`serve ${random.below(2)}`),
      },
      ...(service.gang === true ? { chief: { gang: 'all', tasks: tasks('lead') } } : {}),
    },
  };
}
