import type { PodSpec, PortSpec, ServiceSpec, TaskSpec } from '@orrery/contracts';
import { constraintsOf } from './constraints.js';
import { hello } from './examples.js';
import { recipeOf } from './recipe.js';
import { refusalOfSpec, withDefaults } from './spec.js';

const task = (more: Partial<TaskSpec>): ServiceSpec =>
  hello({ pods: { web: { tasks: { server: { cmd: 'serve', ...more } } } } });
const pod = (more: Partial<PodSpec>): ServiceSpec =>
  hello({ pods: { web: { tasks: { server: { cmd: 'serve' } }, ...more } } });

const withPort = (p: PortSpec) => pod({ tasks: { server: { cmd: 'serve', ports: { p } } } });

describe('a spec', () => {
  it('has its defaults written out', () => {
    expect(withDefaults(task({ ports: { 'web-ui': {} }, 'readiness-check': { cmd: './ready.sh' } }))).toMatchObject({
      role: '*',
      pods: {
        web: {
          count: 1,
          policy: 'spread',
          tasks: {
            server: {
              goal: 'RUNNING',
              essential: true,
              cpus: 0.1,
              memory: 64,
              'kill-grace-period': 5,
              ports: { 'web-ui': { port: 0, 'env-key': 'PORT_WEB_UI', advertise: false } },
              'readiness-check': { cmd: './ready.sh', interval: 1, timeout: 5, delay: 0 },
            },
          },
        },
      },
      'replacement-failure-policy': { 'unreachable-replace-secs': 0 },
      backoff: { 'initial-secs': 1, factor: 2, 'max-secs': 300 },
    });
  });

  it('has the same meaning when its defaults are written out twice', () => {
    const once = withDefaults(task({ ports: { http: {} }, 'health-check': { tcp: { port: 'http' } } }));
    expect(withDefaults(once)).toEqual(once);
  });

  it.each<[string, ServiceSpec]>([
    ['/pods/web/tasks/server/readiness-check', task({ 'readiness-check': {} })],
    ['/pods/web/tasks/server/readiness-check', task({ 'readiness-check': { cmd: 'a', tcp: { port: 'http' } } })],
    ['/pods/web/tasks/server/health-check/http/port', task({ 'health-check': { http: { port: 'http' } } })],
    ['/pods/web/tasks/server/ports/b/env-key', task({ ports: { a: { 'env-key': 'P' }, b: { 'env-key': 'P' } } })],
    ['/pods/web/tasks/server/ports/http/env-key', task({ env: { PORT_HTTP: '1' }, ports: { http: {} } })],
    ['/pods/web/tasks/server/env/ORRERY_POD', task({ env: { ORRERY_POD: 'x' } })],
    ['/pods/web/tasks/server/ports/b/port', task({ ports: { a: { port: 80 }, b: { port: 80 } } })],
    ['/pods/web/tasks/server/configs/c/dest', task({ configs: { c: { template: '', dest: '../out' } } })],
    ['/pods/web/tasks/server/configs/c/dest', task({ configs: { c: { template: '', dest: 'stdout' } } })],
    ['/pods/web/tasks', task({ env: { A: 'x'.repeat(65_000), B: 'x'.repeat(65_000), C: 'x'.repeat(2000) } })],
    ['/pods/web/volumes/b/path', pod({ volumes: { a: { path: 'data', size: 1 }, b: { path: 'data/b', size: 1 } } })],
    ['/pods/web/rlimits/RLIMIT_NOFILE/soft', pod({ rlimits: { RLIMIT_NOFILE: { soft: 2, hard: 1 } } })],
    ['/pods/web/rlimits/RLIMIT_CORE/soft', pod({ rlimits: { RLIMIT_CORE: { soft: -1, hard: 1 } } })],
    [
      '/pods/web/tasks/server/ports/b/vip',
      task({ ports: { a: { vip: { prefix: 'x', port: 80 } }, b: { vip: { prefix: 'x', port: 80 } } } }),
    ],
    ['/pods/web/tasks/server/ports/p/vip', withPort({ count: 2, vip: { prefix: 'x', port: 80 } })],
    [
      '/pods/web/tasks/side/discovery/prefix',
      pod({
        tasks: {
          server: { cmd: 'serve', discovery: { prefix: 'db' } },
          side: { cmd: 'serve', discovery: { prefix: 'db' } },
        },
      }),
    ],
    [
      '/pods/web/tasks/server/discovery/prefix',
      pod({ count: 11, tasks: { server: { cmd: 'serve', discovery: { prefix: 'x'.repeat(61) } } } }),
    ],
    ['/pods/web/secrets/s', pod({ secrets: { s: { secret: 'key' } } })],
    ['/pods/web/secrets/s/env-key', pod({ secrets: { s: { secret: 'key', 'env-key': 'ORRERY_KEY' } } })],
    [
      '/pods/web/secrets/t/env-key',
      pod({ secrets: { s: { secret: 'key', 'env-key': 'KEY' }, t: { secret: 'other', 'env-key': 'KEY' } } }),
    ],
    [
      '/pods/web/secrets/s/env-key',
      pod({
        secrets: { s: { secret: 'key', 'env-key': 'KEY' } },
        tasks: { server: { cmd: 'serve', env: { KEY: 'x' } } },
      }),
    ],
    [
      '/pods/web/secrets/s/env-key',
      pod({
        secrets: { s: { secret: 'key', 'env-key': 'PORT_HTTP' } },
        tasks: { server: { cmd: 'serve', ports: { http: {} } } },
      }),
    ],
    ['/pods/web/secrets/s/file', pod({ secrets: { s: { secret: 'key', file: '../key' } } })],
    ['/pods/web/secrets/s/file', pod({ secrets: { s: { secret: 'key', file: 'stderr' } } })],
    [
      '/pods/web/secrets/s/file',
      pod({ secrets: { s: { secret: 'key', file: 'data/key' } }, volumes: { d: { path: 'data', size: 1 } } }),
    ],
    [
      '/pods/web/secrets/s/file',
      pod({ secrets: { s: { secret: 'key', file: 'keys' }, t: { secret: 'other', file: 'keys/other' } } }),
    ],
    [
      '/pods/web/secrets/s/file',
      pod({
        secrets: { s: { secret: 'key', file: 'app.conf' } },
        tasks: { server: { cmd: 'serve', configs: { c: { template: '', dest: 'app.conf' } } } },
      }),
    ],
    ['/pods/web/placement/0', pod({ placement: [['hostname', 'NEAR', 'x']] })],
    [
      '/pods/web/placement/1',
      pod({
        placement: [
          ['hostname', 'UNIQUE'],
          ['hostname', 'UNIQUE', 'x'],
        ],
      }),
    ],
    ['/pods/web/placement/0', pod({ placement: [['hostname', 'MAX_PER', 'two']] })],
    ['/pods/web/placement/0', pod({ placement: [['hostname', 'MAX_PER', 0]] })],
    ['/pods/web/placement/0', pod({ placement: [['zone', 'GROUP_BY', 'x']] })],
    ['/pods/web/placement/0', pod({ placement: [['rack', 'LIKE', '(']] })],
    ['/pods/web/placement/0', pod({ placement: [['rack', 'LIKE', '(?=a)b']] })],
    ['/pods/web/placement/0', pod({ placement: [['rack', 'UNLIKE', String.raw`(a)\1`]] })],
    ['/pods/web/placement/0', pod({ placement: [['rack', 'IS']] })],
    [
      '/pods/web/placement/1',
      pod({
        placement: [
          ['rack', 'IS', '1'],
          ['rack', 'IS', '2'],
        ],
      }),
    ],
    [
      '/pods/web/placement/1',
      pod({
        count: 2,
        placement: [
          ['hostname', 'IS', 'a'],
          ['hostname', 'UNIQUE'],
        ],
      }),
    ],
    [
      '/pods/web/placement/0/or/1',
      pod({
        placement: [
          {
            or: [
              ['rack', 'IS', 'a'],
              ['rack', 'NEAR'],
            ],
          },
        ],
      }),
    ],
    ['/pods/web/placement/or/0', pod({ placement: { or: [['rack', 'LIKE', '(']] } })],
    ['/pods/web/placement/0', pod({ placement: [{ avoid: 'web' }] })],
    ['/pods/web/placement/1', pod({ placement: [['rack', 'UNIQUE'], { not: { colocate: 'db' } }] })],
    ['/pods/web/placement/0', pod({ placement: [{ avoid: {} }] })],
    [
      '/pods/web/placement/0/not/not/not/not',
      pod({ placement: [{ not: { not: { not: { not: ['a', 'IS', 'b'] } } } }] }),
    ],
    [
      '/pods/web/placement',
      pod({
        count: 3,
        placement: {
          and: [
            ['rack', 'UNIQUE'],
            {
              or: [
                ['rack', 'IS', 'a'],
                ['rack', 'IS', 'b'],
              ],
            },
          ],
        },
      }),
    ],
    [
      '/pods/web/placement',
      {
        ...hello(),
        pods: {
          web: { ...hello().pods['web']!, placement: { colocate: 'db' } },
          db: { ...hello().pods['web']!, placement: [{ and: [{ colocate: 'web' }] }] },
        },
      },
    ],
    [
      '/pods/web/placement',
      {
        ...hello(),
        pods: {
          web: { ...hello().pods['web']!, placement: { or: [{ colocate: 'db' }, { colocate: 'cache' }] } },
          db: { ...hello().pods['web']!, placement: [{ colocate: 'web' }] },
          cache: { ...hello().pods['web']!, placement: [{ colocate: 'db' }] },
        },
      },
    ],
    ['/pods/web/affinities/0', pod({ affinities: [{ field: 'rack', operator: 'LIKE', value: '(', weight: 10 }] })],
    ['/pods/web/affinities/0/weight', pod({ affinities: [{ field: 'rack', value: 'a', weight: 0 }] })],
    ['/pods/web/spreads/0/targets', pod({ spreads: [{ field: 'zone', targets: { a: 60, b: 50 } }] })],
    ['/pods/web/count', pod({ count: 100_000, gang: true })],
    [
      '/plans/deploy/phases/x/strategy',
      { ...pod({ gang: true }), plans: { deploy: { phases: { x: { pod: 'web', strategy: 'serial' } } } } },
    ],
    ['/pods/web/tasks/server/ports/p/port', withPort({ port: 80, count: 2 })],
    ['/pods/web/tasks/server/ports/p/ranges', withPort({ ranges: [{ begin: 9, end: 8 }] })],
    ['/pods/web/tasks/server/ports/p/count', withPort({ ranges: [{ begin: 8, end: 9 }], count: 3 })],
    [
      '/pods/web/tasks/server/ports/p/count',
      withPort({
        ranges: [
          { begin: 8, end: 9 },
          { begin: 11, end: 12 },
        ],
        count: 3,
        consecutive: true,
      }),
    ],
    ['/plans/deploy/phases/x/pod', { ...hello(), plans: { deploy: { phases: { x: { pod: 'db' } } } } }],
    ['/plans/uninstall', { ...hello(), plans: { uninstall: { phases: { x: { pod: 'web' } } } } }],
  ])('is refused with the field %s and a way out', (field, spec) => {
    const decision = refusalOfSpec(withDefaults(spec));
    expect(decision).toMatchObject({ accepted: false, refusal: { code: 'invalid-spec', field } });
    expect(decision !== undefined && !decision.accepted && decision.refusal.remedy).toBeTruthy();
  });

  it('may say all that the operators of Marathon take', () => {
    const placement = [
      ['hostname', 'UNIQUE'],
      ['rack', 'CLUSTER'],
      ['rack', 'CLUSTER', 'r-1'],
      ['zone', 'GROUP_BY'],
      ['zone', 'group_by', 3],
      ['hostname', 'MAX_PER', '2'],
      ['rack', 'LIKE', 'r-[1-3]'],
      ['rack', 'UNLIKE', 'r-9'],
      ['rack', 'IS', 'r-1'],
    ];
    expect(refusalOfSpec(withDefaults(pod({ placement })))).toBeUndefined();
    expect(constraintsOf(placement)[4]).toEqual({ field: 'zone', operator: 'GROUP_BY', value: '3' });
  });
});

describe('ports of a task', () => {
  it('may be several, in ranges or in a row, each with a name and an environment key of its own', () => {
    const spec = withDefaults(withPort({ ranges: [{ begin: 8000, end: 8099 }], count: 3, consecutive: true }));
    expect(refusalOfSpec(spec)).toBeUndefined();
    const { needs, tasks } = recipeOf(spec, 'web')!;
    const ranges = [[8000, 8099]];
    expect(needs.ports).toEqual([
      { name: 'server.p', port: 0, ranges },
      { name: 'server.p-1', port: 0, ranges, next: true },
      { name: 'server.p-2', port: 0, ranges, next: true },
    ]);
    expect(tasks[0]!.ports).toEqual(['p', 'p-1', 'p-2']);
    expect(tasks[0]!.template.portEnv).toEqual({ p: 'PORT_P', 'p-1': 'PORT_P_1', 'p-2': 'PORT_P_2' });
  });
});

it('limits of processes stand in the template, and change what runs', () => {
  const limited = pod({ rlimits: { RLIMIT_NOFILE: { soft: 1024, hard: -1 } } });
  expect(refusalOfSpec(withDefaults(limited))).toBeUndefined();
  const recipe = recipeOf(withDefaults(limited), 'web')!;
  expect(recipe.tasks[0]!.template.rlimits).toEqual([['RLIMIT_NOFILE', 1024, -1]]);
  expect(recipe.runDigest).not.toBe(recipeOf(withDefaults(pod({})), 'web')!.runDigest);
});

describe('secrets of a pod', () => {
  const keyed = (role: string, secret: string) => ({
    ...pod({ secrets: { key: { secret, 'env-key': 'KEY', file: 'private/key' } } }),
    role,
  });

  it.each([
    ['*', 'key'],
    ['eng/web', 'key'],
    ['eng/web', 'eng/key'],
    ['eng/web', 'eng/web/key'],
  ])('may be had by role %s where it is kept as %s', (role, secret) => {
    expect(refusalOfSpec(withDefaults(keyed(role, secret)))).toBeUndefined();
  });

  it.each([
    ['*', 'eng/key'],
    ['eng', 'eng/web/key'],
    ['eng/web', 'eng/we/key'],
    ['eng/web', 'sales/key'],
  ])('is of others for role %s where it is kept as %s', (role, secret) => {
    expect(refusalOfSpec(withDefaults(keyed(role, secret)))).toMatchObject({
      refusal: { code: 'secret-of-others', field: '/pods/web/secrets/key/secret' },
    });
  });

  it('stand in the template by name, and change what runs', () => {
    const recipe = recipeOf(withDefaults(keyed('eng', 'eng/key')), 'web')!;
    const secrets = [{ secret: 'eng/key', env: 'KEY', file: 'private/key' }];
    expect(recipe.tasks[0]!.template.secrets).toEqual(secrets);
    expect(recipe.runDigest).not.toBe(recipeOf(withDefaults(pod({})), 'web')!.runDigest);
  });
});

describe('placement beyond rows', () => {
  it('is put together by and, or, not, and speaks of other pods', () => {
    const placement = {
      and: [
        ['hostname', 'UNIQUE'],
        {
          or: [
            ['zone', 'IS', 'a'],
            ['zone', 'is', 'b'],
          ],
        },
        { not: ['rack', 'LIKE', 'r-9'] },
        { avoid: 'db' },
        { colocate: { service: 'other', pod: 'cache', field: 'rack' } },
        { 'round-robin': 'zone', groups: 2 },
      ],
    };
    const spec = withDefaults({
      ...hello(),
      pods: { web: { ...hello().pods['web']!, placement }, db: hello().pods['web']! },
    });
    expect(refusalOfSpec(spec)).toBeUndefined();
    expect(constraintsOf(placement)).toEqual([
      {
        and: [
          { field: 'hostname', operator: 'UNIQUE' },
          {
            or: [
              { field: 'zone', operator: 'IS', value: 'a' },
              { field: 'zone', operator: 'IS', value: 'b' },
            ],
          },
          { not: { field: 'rack', operator: 'LIKE', value: 'r-9' } },
          { avoid: { pod: 'db' } },
          { colocate: { service: 'other', pod: 'cache', field: 'rack' } },
          { field: 'zone', operator: 'GROUP_BY', value: '2' },
        ],
      },
    ]);
  });
});

describe('a recipe', () => {
  it('sums up what the tasks of a pod need, and says how each of them runs', () => {
    const spec = withDefaults(
      hello({
        pods: {
          web: {
            image: 'web:1',
            placement: [['hostname', 'UNIQUE']],
            volumes: { data: { path: 'data', size: 10 } },
            tasks: {
              server: { cmd: 'serve', cpus: 0.25, memory: 100, gpus: 1, ports: { http: { port: 80 } } },
              side: { cmd: 'watch', cpus: 0.1, memory: 20, 'kill-grace-period': 0.5 },
            },
          },
        },
      }),
    );
    const recipe = recipeOf(spec, 'web')!;
    expect(recipe.needs).toEqual({
      cpusMilli: 350,
      memoryMib: 120,
      diskMib: 0,
      gpus: 1,
      ports: [{ name: 'server.http', port: 80 }],
      volumes: [{ name: 'data', path: 'data', type: 'ROOT', sizeMib: 10 }],
    });
    expect(recipe).toMatchObject({
      constraints: [
        { field: 'engine', operator: 'LIKE', value: '.+' },
        { field: 'hostname', operator: 'UNIQUE' },
      ],
      policy: 'spread',
    });
    expect(recipe.tasks[0]).toMatchObject({
      name: 'server',
      template: { cmd: 'serve', image: 'web:1', cpusMilli: 250, portEnv: { http: 'PORT_HTTP' }, killGraceMs: 5000 },
    });
    expect(recipe.tasks[1]!.template.killGraceMs).toBe(500);
    expect(recipe.tasks[0]!.templateDigest).toMatch(/^[0-9a-f]{16}$/);
  });
});
