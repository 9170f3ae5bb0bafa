import { Option, type Command } from 'commander';
import type { Add } from './program.js';

interface CommonOptions {
  readonly listing: () => Option[];
  readonly output: () => Option;
  readonly changing: () => Option[];
  readonly yes: () => Option;
}

/** Packages and the repositories that they come from. */
export function addCatalog(program: Command, add: Add, common: CommonOptions): void {
  addPackages(program.command('package').description('Packages: services that are ready to be installed'), add, common);
  addRepositories(program.command('repo').description('Repositories: where packages come from'), add, common);
}

function addPackages(parent: Command, add: Add, { listing, output, changing, yes }: CommonOptions): void {
  const verb = (name: keyof typeof import('./verbs/package.js')) => async () =>
    (await import('./verbs/package.js'))[name];
  add(parent, {
    usage: 'search [words...]',
    says: 'Search packages by name, description and tags',
    load: verb('search'),
    options: [output()],
  });
  add(parent, {
    usage: 'describe <package>',
    says: 'Show a package, its versions and its options',
    load: verb('describe'),
    options: [packageVersion(), output()],
  });
  add(parent, {
    usage: 'install <package>',
    says: 'Make a service of a package',
    load: verb('install'),
    options: [...rendering(), ...trying(), ...changing()],
  });
  add(parent, { usage: 'list', says: 'List what is installed', load: verb('list'), options: listing() });
  add(parent, {
    usage: 'update <package>',
    says: 'Give an installed package other options or another version',
    load: verb('update'),
    options: [
      ...rendering('the one that is installed'),
      new Option('--replace', 'leave out the options that were given before'),
      ...trying(),
      ...changing(),
    ],
  });
  add(parent, {
    usage: 'uninstall <package>',
    says: 'End all tasks of an installed package, destroy its volumes and forget it',
    load: verb('uninstall'),
    options: [serviceName(), yes(), ...changing()],
  });
}

function addRepositories(repo: Command, add: Add, { output }: CommonOptions): void {
  const verb = (name: keyof typeof import('./verbs/repo.js')) => async () => (await import('./verbs/repo.js'))[name];
  add(repo, {
    usage: 'list',
    says: 'List repositories in the order of search',
    load: verb('list'),
    options: [output()],
  });
  add(repo, {
    usage: 'add <name> <uri>',
    says: 'Add a repository: a folder of the machine of the gateway, or the http address of an index.json',
    load: verb('add'),
    options: [output()],
  });
  add(repo, {
    usage: 'remove <name>',
    says: 'Take a repository off the list',
    load: verb('remove'),
    options: [output()],
  });
}

const packageVersion = (otherwise = 'the newest') =>
  new Option('--package-version <version>', `of the package (default: ${otherwise})`);
const serviceName = () => new Option('--name <service>', 'name of the service (default: as the package)');
const rendering = (otherwise?: string) => [
  new Option('--options <file>', 'its options, YAML or JSON; - reads them from stdin'),
  serviceName(),
  packageVersion(otherwise),
];
const trying = () => [
  new Option('--dry-run', 'print the difference, the plan and the places; change nothing'),
  new Option('--exit-code', 'with --dry-run: exit code 10 when there are changes'),
  new Option('--render', 'print the service spec that comes of it; change nothing'),
];
