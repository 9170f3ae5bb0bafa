import type { SeededRandom } from '@orrery/testing';
import { ResizeJudge } from './resize-judge.js';
import type { Order, Scene } from './scene.js';

const names = ['hello', 'store'];

/** Two services, one with data, on machines with room for all that they can want. */
export const roomyScene: Scene = {
  cpusMilli: 4_000,
  hasRoomForAll: true,
  order: orderOf,
  judge: () => new ResizeJudge(),
};

function orderOf(random: SeededRandom): Order {
  const domain = 'services';
  const name = random.pick(names);
  const drawn = random.fraction();
  if (drawn < 0.45) return { domain, type: 'ApplyService', key: name, ...specOf(name, random) };
  if (drawn < 0.8) return { domain, type: 'ScaleService', key: name, name, pod: 'web', count: countOf(random) };
  const pausing = random.chance(0.5) ? 'PausePod' : 'ResumePod';
  if (drawn < 0.83) return { domain, type: pausing, key: name, name, pod: `web-${random.below(3)}` };
  if (drawn < 0.87) return { domain, type: 'RestartPod', key: name, name, pod: `web-${random.below(3)}` };
  if (drawn < 0.94) return { domain, type: 'ReplacePod', key: name, name, pod: `web-${random.below(3)}` };
  return { domain, type: 'UninstallService', key: name, name };
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
