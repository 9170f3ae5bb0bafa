import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceSpec } from '@orrery/contracts';
import { endpointWishes } from './endpoints.js';
import { ALERTS_FILE, alertsOf } from './alerts.js';
import { refusalOfFixed } from './fixed-options.js';
import { mergeOptions, type Options } from './options.js';
import { readPackage, type PackageDefinition, type PackageFiles } from './package-definition.js';
import { packagesFolder } from './packages-folder.js';
import { filledFile, renderService, type RenderRequest } from './render.js';
import { compareVersions, refusalOfMove } from './versions.js';

const files: PackageFiles = {
  'package.json': '{"name":"sums","version":"1.2.0","description":"for specs","upgradesFrom":["1.1.0"]}',
  'config.json': JSON.stringify({
    properties: {
      service: { properties: { name: { type: 'string', default: 'sums' } } },
      node: {
        properties: {
          count: { type: 'integer', minimum: 1, default: 3, description: 'number of nodes' },
          words: { type: 'object', default: {} },
        },
      },
    },
  }),
  'resource.json': '{}',
  'service.yaml.mustache':
    'name: {{service.name}}\npods: { node: { count: {{node.count}}, tasks: { a: { cmd-file: run.sh, env: {{node.words}} } } } }\n',
  'run.sh': 'echo <%node.count%> {{ORRERY_POD}}\n',
};

const definitionOf = (given: PackageFiles): PackageDefinition => {
  const read = readPackage(given);
  if (!read.ok) throw new Error(read.refusal.message);
  return read.value;
};
const sums = definitionOf(files);
const render = (request: Partial<RenderRequest>, definition = sums) =>
  renderService(definition, { given: {}, ...request });
const refusalOf = (request: Partial<RenderRequest>) => {
  const rendered = render(request);
  if (rendered.ok) throw new Error('was not refused');
  return rendered.refusal;
};

describe('a package becomes a service', () => {
  it('with its defaults, what was stored before, and what is given, the later the stronger', () => {
    const rendered = render({
      stored: { node: { count: 5, words: { A: 'x' } } },
      given: { node: { words: { B: 'y' } } },
    });
    expect(rendered).toMatchObject({
      ok: true,
      value: { name: 'sums', pods: { node: { count: 5, tasks: { a: { env: { A: 'x', B: 'y' } } } } } },
    });
  });

  it('that carries the options that were chosen, without the defaults', () => {
    const rendered = render({ name: 'more', given: { node: { count: 4 } } });
    const options = { service: { name: 'more' }, node: { count: 4 } };
    expect(rendered).toMatchObject({ value: { name: 'more', package: { name: 'sums', version: '1.2.0', options } } });
  });

  it('with options in its files, whose other braces are left to the agent', () => {
    const { value } = render({}) as { value: ServiceSpec };
    expect(value.pods['node']!.tasks['a']!.cmd).toBe('echo 3 {{ORRERY_POD}}\n');
  });

  it('or a file for a program that runs without an agent', () => {
    const text =
      'node=<%node.count%> of {{ORRERY_ADDRESS}}\n<%#node.words@entries%>\n<%key%>=<%value%>\n<%/node.words@entries%>\n';
    const options = { node: { count: 3, words: { a: 'x/y', b: true } } };
    const filled = filledFile(text, { options, agent: { ORRERY_ADDRESS: '127.0.0.1' } });
    expect(filled).toBe('node=3 of 127.0.0.1\na=x/y\nb=true\n');
  });

  it('whose options stay in their place, whatever characters they have', () => {
    const words = { A: '"}, cmd: "rm' };
    const { value } = render({ given: { node: { words } } }) as { value: ServiceSpec };
    expect(value.pods['node']!.tasks['a']!.env).toEqual(words);
  });
});

describe('an option that names a service', () => {
  const definition = definitionOf({
    ...files,
    'config.json': JSON.stringify({
      properties: {
        service: { properties: { name: { type: 'string', default: 'sums' } } },
        kafka: { properties: { service: { type: 'string', 'x-endpoint': 'broker', default: 'kafka' } } },
      },
    }),
    'service.yaml.mustache':
      'name: {{service.name}}\npods: { p: { count: 1, tasks: { a: { cmd: run, env: { K: {{kafka.service@addresses}} } } } } }\n',
  });

  it('wants the addresses of its endpoint', () => {
    const wish = { option: 'kafka.service', endpoint: 'broker' };
    expect(endpointWishes(definition, {})).toEqual({ ok: true, value: [{ ...wish, service: 'kafka' }] });
    expect(endpointWishes(definition, { kafka: { service: 'events' } })).toEqual({
      ok: true,
      value: [{ ...wish, service: 'events' }],
    });
  });

  it('shows them to the template beside itself, and keeps the name alone', () => {
    const addresses = new Map([['kafka.service', ['127.0.0.1:9092', '127.0.0.2:9092']]]);
    const given = { kafka: { service: 'events' } };
    expect(render({ given, addresses }, definition)).toMatchObject({
      value: {
        pods: { p: { tasks: { a: { env: { K: '127.0.0.1:9092,127.0.0.2:9092' } } } } },
        package: { options: given },
      },
    });
  });
});

describe('options are refused', () => {
  it('by their path, with what was expected, when they do not fit', () => {
    expect(refusalOf({ given: { node: { count: 0 } } })).toMatchObject({
      code: 'invalid-option',
      field: '/node/count',
    });
    expect(refusalOf({ given: { node: { count: 0 } } }).message).toBe('option node.count must be >= 1, found 0');
    expect(refusalOf({ given: { node: { count: 0 } } }).remedy).toContain('number of nodes');
  });

  it('when nobody knows them', () => {
    expect(refusalOf({ given: { node: { cuont: 4 } } })).toMatchObject({
      code: 'unknown-option',
      message: 'option node.cuont is not an option',
      remedy: 'remove it; known options here: count, words',
    });
  });

  it('when the service that comes of them is none', () => {
    expect(refusalOf({ name: 'Not A Name' })).toMatchObject({ code: 'not-renderable', field: '/name' });
  });
});

describe('an option that is fixed', () => {
  const config = JSON.parse(files['config.json']!) as { properties: { node: { properties: { count: object } } } };
  Object.assign(config.properties.node.properties.count, { 'x-fixed': true });
  const definition = definitionOf({ ...files, 'config.json': JSON.stringify(config) });
  const fixedFrom = (was: Options, will: Options) =>
    refusalOfFixed({ definition: sums, options: was }, { definition, options: will });

  it('stays as it was installed, and its default counts as chosen', () => {
    expect(fixedFrom({}, { node: { count: 3, words: { A: 'x' } } })).toBeUndefined();
    expect(fixedFrom({}, { node: { count: 4 } })).toMatchObject({
      code: 'option-fixed',
      message: 'option node.count is 3 for the life of the service, found 4',
      field: '/node/count',
    });
    expect(fixedFrom({ node: { count: 4 } }, {})).toMatchObject({ code: 'option-fixed' });
  });
});

it('takes an option back where null is given', () => {
  expect(mergeOptions({ a: 1, b: { c: 2, d: 3 } }, { a: null, b: { c: null } })).toEqual({ b: { d: 3 } });
});

describe('versions', () => {
  it('are compared part by part', () => {
    const sorted = ['1.0.0', '1.10.0', '1.9.1', '1.0.0-rc1', '1.0', '2.0'].sort(compareVersions);
    expect(sorted).toEqual(['1.0', '1.0.0-rc1', '1.0.0', '1.9.1', '1.10.0', '2.0']);
  });

  it('follow each other only where the package says so', () => {
    const older = definitionOf({
      ...files,
      'package.json': '{"name":"sums","version":"1.1.0","description":"","downgradesTo":["1.0.0"]}',
    });
    const oldest = definitionOf({ ...files, 'package.json': '{"name":"sums","version":"1.0.0","description":""}' });
    expect(refusalOfMove('1.1.0', sums, older)).toBeUndefined();
    expect(refusalOfMove('1.1.0', oldest, older)).toBeUndefined();
    expect(refusalOfMove('1.0.0', sums, oldest)).toMatchObject({ code: 'no-upgrade-path' });
    expect(refusalOfMove('1.2.0', older, sums)).toMatchObject({ code: 'no-upgrade-path' });
  });
});

describe('a broken package', () => {
  it.each([
    ['/config.json', { ...files, 'config.json': '{' }],
    ['/package.json/version', { ...files, 'package.json': '{"name":"sums","description":""}' }],
    [
      '/service.yaml.mustache',
      Object.fromEntries(Object.entries(files).filter(([name]) => !name.startsWith('service'))),
    ],
  ])('is refused with what is wrong: %s', (field, given) => {
    expect(readPackage(given)).toMatchObject({ ok: false, refusal: { code: 'broken-package', field } });
  });
});

describe('alerts of a package', () => {
  const rule = { alert: 'SumsWrong', expr: 'up == 0', labels: { severity: 'warning' } };
  const alerts = (...rules: object[]) =>
    alertsOf({ 'alerts.yaml': JSON.stringify({ groups: [{ name: 'a', rules }] }) });

  it('are read from rules of Prometheus', () => {
    const annotations = { summary: 'sums are wrong', description: 'of {{ $labels.pod }}' };
    expect(alerts({ ...rule, annotations, for: '5m' })).toEqual([
      { name: 'SumsWrong', severity: 'warning', summary: 'sums are wrong' },
    ]);
  });

  it('are none where they are not whole', () => {
    expect(alerts(rule)).toEqual([]);
    expect(alertsOf({ 'alerts.yaml': 'groups: [' })).toEqual([]);
    expect(alertsOf({})).toEqual([]);
  });
});

describe('each package that comes along', () => {
  it('Kafka: has no more controllers than brokers', () => {
    const kafka = definitionOf(filesOf('kafka', '4.1.1'));
    const few = renderService(kafka, { given: { brokers: { count: 2 } } });
    expect(few).toMatchObject({ refusal: { code: 'invalid-option', field: '/brokers/controllers' } });
    expect(renderService(kafka, { given: { brokers: { count: 2, controllers: 1 } } })).toMatchObject({ ok: true });
    const apart = (replicas: number) => ({ brokers: { count: 2 }, controllers: { count: 3, replicas } });
    expect(renderService(kafka, { given: apart(3) })).toMatchObject({ refusal: { field: '/controllers/replicas' } });
    const rendered = renderService(kafka, { given: apart(2) });
    expect(rendered).toMatchObject({ value: { pods: { controller: { count: 3 }, broker: { count: 2 } } } });
  });

  it.each([
    ['kafka', '4.1.1', 'apache/kafka:4.1.1', '/opt/kafka/libs/*'],
    ['cassandra', '4.1.10', 'cassandra:4.1.10', '/opt/cassandra/lib'],
    ['cassandra', '5.0.6', 'cassandra:5.0.6', '/opt/cassandra/lib'],
  ])('%s %s runs in containers where that is chosen, and fetches no jars then', (name, version, image, jars) => {
    const definition = definitionOf(filesOf(name, version));
    const podsWith = (container: object) => {
      const { value } = renderService(definition, { given: { container, metrics: { enabled: false } } }) as {
        value: ServiceSpec;
      };
      return Object.values(value.pods);
    };
    const images = (container: object) => podsWith(container).map((pod) => pod.image);
    expect(images({})).toEqual([undefined]);
    expect(images({ enabled: true })).toEqual([image]);
    expect(images({ enabled: true, image: 'registry.corp/it:1' })).toEqual(['registry.corp/it:1']);
    const [pod] = podsWith({ enabled: true });
    expect(pod!.uris).toEqual([]);
    expect(JSON.stringify(pod!.tasks)).toContain(jars);
    expect(JSON.stringify(podsWith({})[0]!.tasks)).not.toContain(jars);
  });

  it('Cassandra: what brings backups to a bucket is compiled from its source (compile-store.mjs)', () => {
    const { 'Store.java': source, 'Store.java.sha256': compiled } = filesOf('cassandra', '5.0.6');
    expect(compiled).toBe(`${createHash('sha256').update(source!).digest('hex')}  Store.java\n`);
  });

  const folders = readdirSync(packagesFolder).flatMap((name): string[][] => {
    const inside = readdirSync(join(packagesFolder, name)).filter((each) =>
      statSync(join(packagesFolder, name, each)).isDirectory(),
    );
    return inside.length === 0 ? [[name]] : inside.map((version) => [name, version]);
  });
  it.each(folders)('%s %s renders with its defaults, and every option says what it means', (...path) => {
    const definition = definitionOf(filesOf(...path));
    expect(definition.manifest.name).toBe(path[0]);
    const wishes = endpointWishes(definition, {});
    const addresses = new Map((wishes.ok ? wishes.value : []).map(({ option }) => [option, ['127.0.0.1:2000']]));
    expect(render({ addresses }, definition)).toMatchObject({ ok: true });
    expect(undescribed(definition.config)).toEqual([]);
    expect(alertsOf(definition.files).length > 0).toBe(definition.files[ALERTS_FILE] !== undefined);
    const { exec = {} } = definition.resource as { exec?: Record<string, string | { sha256: string }> };
    for (const [name, asset] of Object.entries(exec)) {
      if (typeof asset === 'string') continue;
      const list = definition.files[`${name}.sha256`]!;
      expect([name, asset.sha256]).toEqual([name, createHash('sha256').update(list).digest('hex')]);
    }
  });
});

/** Files of a package, and over them those of a version. */
function filesOf(...path: readonly string[]): PackageFiles {
  const texts = path.flatMap((_, depth) => {
    const folder = join(packagesFolder, ...path.slice(0, depth + 1));
    const names = readdirSync(folder).filter((each) => statSync(join(folder, each)).isFile());
    return names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
  });
  return Object.fromEntries(texts) as PackageFiles;
}

function undescribed(schema: object, path = ''): string[] {
  return Object.entries((schema as { properties?: Record<string, object> }).properties ?? {}).flatMap(
    ([name, property]) => {
      if ('properties' in property) return undescribed(property, `${path}${name}.`);
      return 'description' in property ? [] : [`${path}${name}`];
    },
  );
}
