import { dryRunText, type DryRun } from './dry-run.js';

const front = {
  count: 2,
  placement: [],
  volumes: {},
  tasks: { server: { cpus: 0.1, memory: 32, disk: 0, gpus: 0, ports: { http: { port: 0 }, admin: { port: 8080 } } } },
};
const db = {
  count: 1,
  placement: [['hostname', 'UNIQUE']],
  volumes: { data: { type: 'ROOT', size: 64 } },
  tasks: { main: { cpus: 20, memory: 64, disk: 10, gpus: 1 } },
};
const phase = (name: string, pod: string, first: number, last: number) =>
  ({ name, pod, strategy: 'parallel', indexes: [[first, last]] }) as const;

describe('a dry run', () => {
  it('of a new service tells its pods and what they need, the plan, the places and what has none', () => {
    const run: DryRun = {
      name: 'shop',
      version: null,
      changes: [
        { path: '/backoff', after: { factor: 2 } },
        { path: '/pods', after: { front, db } },
        { path: '/role', after: 'eng' },
      ],
      pods: [
        { pod: 'front', countBefore: 0, countAfter: 2, effect: 'new' },
        { pod: 'db', countBefore: 0, countAfter: 1, effect: 'new' },
      ],
      plan: { name: 'deploy', strategy: 'serial', phases: [phase('front', 'front', 0, 1), phase('db', 'db', 0, 0)] },
      places: [
        { pod: 'front', indexes: [1, 0], hostname: 'ada' },
        { pod: 'db', indexes: [0], hostname: null, reasons: { agents: 3, remedy: 'no agent has 20 cpus' } },
      ],
    };
    expect(dryRunText(run).trimEnd().split('\n')).toEqual([
      'shop is new',
      '+ role eng',
      '+ pod front: 2, task server (cpus 0.1, memory 32 MiB, port http, port admin 8080)',
      '+ pod db: 1, task main (cpus 20, memory 64 MiB, disk 10 MiB, gpus 1), volume data (ROOT 64 MiB), placement [[hostname, UNIQUE]]',
      'plan deploy, phases serial',
      '  front  parallel: front-0..1',
      '  db     parallel: db-0',
      'places, as it is now',
      '  front-0..1 on ada',
      '  db-0: NO PLACE on any of 3 agents: no agent has 20 cpus',
    ]);
  });

  it('of a change tells only what changes, and what becomes of the pods', () => {
    const run: DryRun = {
      name: 'shop',
      version: 2,
      changes: [
        { path: '/pods/db', before: db },
        { path: '/pods/front/count', before: 2, after: 3 },
        { path: '/pods/front/tasks/server/env/A', after: 'b' },
        { path: '/pods/cache', after: front },
      ],
      pods: [
        { pod: 'front', countBefore: 2, countAfter: 3, effect: 'relaunch' },
        { pod: 'db', countBefore: 1, countAfter: 0, effect: 'end' },
        { pod: 'same', countBefore: 4, countAfter: 4, effect: 'none' },
        { pod: 'cache', countBefore: 0, countAfter: 2, effect: 'new' },
      ],
      plan: { name: 'update', strategy: 'serial', phases: [phase('front', 'front', 2, 2), phase('x', 'front', 0, 1)] },
      places: [{ pod: 'front', indexes: [2], hostname: 'eve' }],
    };
    expect(dryRunText(run).trimEnd().split('\n')).toEqual([
      'shop version 2 → 3',
      '- pod db',
      '~ /pods/front/count: 2 → 3',
      '+ /pods/front/tasks/server/env/A: b',
      '+ pod cache: 2, task server (cpus 0.1, memory 32 MiB, port http, port admin 8080)',
      'pod front: 2 → 3, those that stay run anew in their places',
      'pod db: 1 → 0, all of them end',
      'plan update, phases serial',
      '  front  parallel: front-2',
      '  x      parallel: front-0..1',
      'places, as it is now',
      '  front-2 on eve',
    ]);
  });

  it('names the first agents of many, and says in one line that nothing changes', () => {
    const places = Array.from({ length: 30 }, (_, at) => ({ pod: 'web', indexes: [at], hostname: `m${at}` }));
    const changes = [{ path: '/pods', after: { web: front } }];
    const plan = { name: 'deploy', strategy: 'serial', phases: [phase('web', 'web', 0, 29)] };
    const run: DryRun = { name: 'shop', version: null, changes, pods: [], plan, places };
    expect(dryRunText(run)).toContain('web-7 on m7, … on 30 agents in all\n');
    expect(dryRunText({ ...run, version: 1, changes: [], plan: null, places: [] })).toBe('shop: no change\n');
  });
});
