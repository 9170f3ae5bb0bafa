// Which folder may import which: imports go downwards only (README.md, folder map).
const libs = (...names) => `^libs/(${names.join('|')})/`;
const pure = ['kernel', 'contracts', 'scheduling', 'domain'];
const adapters = ['kafka', 'cassandra', 'telemetry', 'runtimes'];
const specs = String.raw`\.spec\.ts$`;

/** Nothing but the libraries named (and itself) may be imported from within a library. */
const layer = (name, below, comment) => ({
  name: `layer-${name}`,
  comment,
  severity: 'error',
  from: { path: `^libs/${name}/`, pathNot: specs },
  to: { path: '^(libs|apps|deploy|test)/', pathNot: libs(name, ...below) },
});

export default {
  forbidden: [
    layer('kernel', [], 'The kernel imports nothing.'),
    layer('contracts', ['kernel'], 'Contracts know the kernel only.'),
    layer('scheduling', ['kernel'], 'Algorithms know the kernel only.'),
    layer('domain', ['kernel', 'contracts', 'scheduling'], 'Domains decide; they do not host, store or send.'),
    layer('control-loop', ['kernel', 'contracts'], 'The runtime hosts any decider, and so knows none.'),
    ...adapters.map((name) =>
      layer(name, ['kernel', 'contracts', 'control-loop'], 'An adapter knows one technology and the ports, no domain.'),
    ),
    layer('catalog', ['kernel', 'contracts'], 'Packages are data.'),
    layer('testing', [...pure, 'control-loop'], 'Doubles of ports stand on the ports.'),
    {
      name: 'no-deep-imports',
      comment: 'A library is what its index.ts says.',
      severity: 'error',
      from: { path: '^(libs|apps|deploy)/([^/]+)/' },
      to: { path: '^libs/', pathNot: ['^$1/$2/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'domain-siblings',
      comment: 'Domains meet in the contracts only.',
      severity: 'error',
      from: { path: '^libs/domain/src/([^/]+)/' },
      to: { path: '^libs/domain/src/([^/]+)/', pathNot: '^libs/domain/src/$1/' },
    },
    {
      name: 'apps-alone',
      comment: 'Processes speak through topics; their code does not import each other.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'nobody-imports-the-launcher',
      severity: 'error',
      from: { path: '^(libs|apps)/' },
      to: { path: '^(deploy|test)/' },
    },
    {
      name: 'pure-folders',
      comment: 'What decides has no clock, no chance and no way out.',
      severity: 'error',
      from: { path: libs(...pure), pathNot: specs },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-folders-packages',
      comment: 'Contracts use the schema library; nothing else is needed to decide.',
      severity: 'error',
      from: { path: libs(...pure), pathNot: specs },
      to: { path: 'node_modules', pathNot: 'node_modules/(typebox|ajv|ajv-formats)/' },
    },
    {
      name: 'one-technology-each',
      comment:
        'kafkajs is known to libs/kafka, cassandra-driver to libs/cassandra; the launcher asks both whether they serve.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: [libs('kafka', 'cassandra'), specs] },
      to: { path: 'node_modules/(kafkajs|cassandra-driver)/' },
    },
    {
      name: 'testing-from-tests',
      severity: 'error',
      from: { path: '^(libs|apps|deploy)/', pathNot: [specs, libs('testing')] },
      to: { path: libs('testing') },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
