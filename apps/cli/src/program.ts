import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { callOf, type Surroundings, type Verb } from './call.js';
import { parseDurationMs } from './duration.js';
import { outputFormats } from './output/output.js';
import { addCatalog } from './catalog-grammar.js';
import { addGuests } from './guest-grammar.js';
import { keyValue, repeatable, wholeNumber } from './option-values.js';
import { addPods } from './pod-grammar.js';
import { addSharing } from './sharing-grammar.js';
import { taskStates } from './task-states.js';

export interface VerbDefinition {
  readonly usage: string;
  readonly says: string;
  /** Loaded when the verb is called, so that `--help` stays fast. */
  readonly load: () => Promise<Verb>;
  readonly options?: readonly Option[];
}

/** The grammar: every noun, verb, argument and option. */
export function programOf(surroundings: Surroundings, ended: (code: number) => void): Command {
  const program = new Command('orrery')
    .description('A control plane for containers and the stateful services that hold their data')
    .version('0.1.0', '-V, --version')
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false })
    .configureOutput({ writeOut: surroundings.out, writeErr: surroundings.err })
    .showHelpAfterError('(add --help for the usage)')
    .exitOverride();
  const add = (parent: Command, { usage, says, load, options = [] }: VerbDefinition) => {
    const command = parent.command(usage).description(says);
    for (const option of options) command.addOption(option);
    command.action(async () => {
      const code = await (await load())(callOf(command, surroundings));
      if (typeof code === 'number') ended(code);
    });
    return command;
  };
  addCluster(program, add);
  addServices(noun(program, 'service', 'Services: what should run'), add);
  addPlans(noun(program, 'plan', 'Plans: the ordered work that brings a service to its target'), add);
  addPods(program, add, { listing, reading, changing, yes });
  addTasks(noun(program, 'task', 'Tasks: the processes and containers that run'), add);
  addAgents(noun(program, 'agent', 'Agents: the machines'), add);
  addSharing(program, add, { listing, reading, changing, yes });
  addCatalog(program, add, { listing, output, changing, yes });
  addGuests(program, add, { output, yes, changing });
  addPast(program, add);
  addTools(program, add);
  return program;
}

export type Add = (parent: Command, definition: VerbDefinition) => Command;

function noun(program: Command, name: string, says: string): Command {
  return program.command(name).description(says);
}

function addCluster(program: Command, add: Add): void {
  const local = (name: 'up' | 'down' | 'status') => async () => (await import('./verbs/local.js'))[name];
  add(program, {
    usage: 'up',
    says: 'Start a local cluster: Kafka, Cassandra, the control plane and agents',
    load: local('up'),
    options: [
      new Option('--detach', 'return once it is ready'),
      new Option('--agents <n>', 'number of local agents; as many as last time').argParser(wholeNumber),
      new Option('--simulate', 'agents without machines, thousands in one process'),
      new Option('--instances <n>', 'instances of each of the three owners').argParser(countFromOne),
      new Option('--infra <kind>', 'how Kafka and Cassandra are run').choices(['auto', 'jvm', 'docker']),
      new Option(
        '--secrets <dir>',
        'folder (mode 700) with a file (600) for each secret; default: secrets/ of ORRERY_HOME',
      ),
      repeatable(
        '--disk <disk>',
        'a disk of local agents, such as fast:MOUNT:512; none: no more; default: as last time',
      ),
      repeatable('--reserve <parts>', "parts of local agents for roles, such as 'cpus(eng):2;ports(eng):[7100-7110]'"),
    ],
  });
  add(program, { usage: 'down', says: 'Stop the local cluster; its data stays', load: local('down') });
  add(program, {
    usage: 'status',
    says: 'Show the processes of the local cluster',
    load: local('status'),
    options: [output()],
  });
}

function addServices(service: Command, add: Add): void {
  const verb = (name: keyof typeof import('./verbs/service.js')) => async () =>
    (await import('./verbs/service.js'))[name] as Verb;
  add(service, {
    usage: 'apply',
    says: 'Create a service, or bring it to what a file says',
    load: verb('apply'),
    options: [
      new Option('-f, --file <file>', 'service spec, YAML or JSON; - reads it from stdin').makeOptionMandatory(),
      new Option('--dry-run', 'print the difference, the plan and the places; change nothing'),
      new Option('--exit-code', 'with --dry-run: exit code 10 when there are changes'),
      ifVersion(),
      ...changing(),
    ],
  });
  add(service, { usage: 'list', says: 'List services', load: verb('list'), options: listing() });
  add(service, { usage: 'show <service>', says: 'Show one service', load: verb('show'), options: reading() });
  add(service, {
    usage: 'scale <service> <pod> <count>',
    says: 'Set the number of pods of one type',
    load: verb('scale'),
    options: [ifVersion(), ...changing()],
  });
  add(service, {
    usage: 'uninstall <service>',
    says: 'End all tasks of a service, destroy its volumes and forget it',
    load: verb('uninstall'),
    options: [yes(), ...changing()],
  });
  add(service, {
    usage: 'versions <service>',
    says: 'List the versions of a service',
    load: verb('versions'),
    options: reading(),
  });
  add(service, {
    usage: 'diff <service> <from> <to>',
    says: 'Show what changed between two versions',
    load: verb('diff'),
    options: reading(),
  });
  add(service, {
    usage: 'rollback <service> <version>',
    says: 'Apply an earlier version again, as a new one',
    load: verb('rollback'),
    options: [ifVersion(), ...changing()],
  });
}

function addPlans(plan: Command, add: Add): void {
  const load = (name: 'list' | 'show') => async () => (await import('./verbs/plan.js'))[name];
  add(plan, { usage: 'list <service>', says: 'List the plans of a service', load: load('list'), options: reading() });
  add(plan, {
    usage: 'show <service> [plan]',
    says: 'Show phases and steps of a plan (default: the one that brings the service to where it is to be)',
    load: load('show'),
    options: reading(),
  });
  const verbs = {
    start: 'Run a plan',
    stop: 'End a plan and forget its progress',
    pause: 'Start no further step; what runs goes on',
    resume: 'Go on where a pause began',
    'force-complete': 'Take a plan, phase or step for done',
    'force-restart': 'Do a plan, phase or step again',
  };
  for (const [name, says] of Object.entries(verbs)) {
    const options = [
      new Option('-p, --parameter <key=value>', 'parameter of the plan, repeatable')
        .argParser(keyValue)
        .default({}, 'none'),
      ...changing(),
    ];
    const loadVerb = async () => (await import('./verbs/plan.js')).verb(name);
    add(plan, { usage: `${name} <service> <plan> [phase] [step]`, says, load: loadVerb, options });
  }
}

function addTasks(task: Command, add: Add): void {
  const verb = (name: keyof typeof import('./verbs/task.js')) => async () =>
    (await import('./verbs/task.js'))[name] as Verb;
  add(task, {
    usage: 'list',
    says: 'List tasks',
    load: verb('list'),
    options: [
      new Option('--service <name>', 'of one service'),
      new Option('--agent <agent>', 'on one agent: its id, hostname, or the beginning of either'),
      new Option('--state <state>', 'in one state, such as RUNNING').choices(taskStates).argParser(oneOfStates),
      ...listing(),
    ],
  });
  add(task, { usage: 'show <task>', says: 'Show one task', load: verb('show'), options: reading() });
  add(task, {
    usage: 'history <task>',
    says: 'Every state of every incarnation, with its cause',
    load: verb('history'),
    options: [limit(), output()],
  });
  add(task, {
    usage: 'logs <task>',
    says: 'Print what a task wrote: its stdout to stdout, its stderr to stderr',
    load: verb('logs'),
    options: [
      new Option('-f, --follow', 'go on with what it writes'),
      new Option('--stdout', 'its stdout alone'),
      new Option('--stderr', 'its stderr alone, to stdout').conflicts('stdout'),
      new Option(
        '--from <byte>',
        'of one of them, stdout unless said: begin at this byte; negative: so many before the end',
      ).argParser(integer),
    ],
  });
  add(task, {
    usage: 'exec <task> <command...>',
    says: 'Run a command inside a task, and end with its exit code: exec TASK -- COMMAND',
    load: async () => (await import('./verbs/exec.js')).exec,
    options: [
      new Option('-i, --stdin', 'give it what comes on stdin'),
      new Option('-t, --tty', 'run it on a terminal; with -i this one is handed over: exec -it TASK -- bash'),
      new Option('--ttl <duration>', 'end it after so long, at most 1h (default: 60s; with -i or -t: none)').argParser(
        hourAtMost,
      ),
    ],
  });
  add(task, {
    usage: 'files <task> [path]',
    says: 'List the files in the sandbox of a task, or print one with --cat',
    load: verb('files'),
    options: [
      new Option('--cat', 'print the bytes of the file instead'),
      new Option('-f, --follow', 'with --cat: go on with what is written').implies({ cat: true }),
      new Option('--from <byte>', 'with --cat: begin at this byte; negative: so many before the end')
        .argParser(integer)
        .implies({ cat: true }),
      output(),
    ],
  });
  addJudgements(task, add);
}

/** What uses most, why it is where it is, and how to be rid of it. */
function addJudgements(task: Command, add: Add): void {
  const verb = (name: 'top' | 'kill' | 'why') => async () => (await import('./verbs/task.js'))[name];
  add(task, {
    usage: 'top',
    says: 'Show which tasks use most, against what they asked for',
    load: verb('top'),
    options: [
      new Option('--service <name>', 'of one service'),
      new Option('--agent <agent>', 'on one agent: its id, hostname, or the beginning of either'),
      new Option('--sort <figure>', 'what is looked at').choices(['cpu', 'memory']).default('cpu'),
      ...[limit(), watch(), output()],
    ],
  });
  add(task, {
    usage: 'kill <task>',
    says: 'End the running incarnation; its service decides what follows',
    load: verb('kill'),
    options: [new Option('--grace <duration>', 'from SIGTERM to SIGKILL').argParser(duration), yes(), ...changing()],
  });
  add(task, {
    usage: 'why <task>',
    says: 'Explain where a task runs, or why it waits',
    load: verb('why'),
    options: [scores(), ...reading()],
  });
}

function addAgents(agent: Command, add: Add): void {
  const verb = (name: keyof typeof import('./verbs/agent.js')) => async () =>
    (await import('./verbs/agent.js'))[name] as Verb;
  add(agent, { usage: 'list', says: 'List agents', load: verb('list'), options: listing() });
  add(agent, { usage: 'show <agent>', says: 'Show one agent', load: verb('show'), options: reading() });
  add(agent, {
    usage: 'drain <agent>',
    says: 'Place nothing new there and move its tasks away',
    load: verb('drain'),
    options: [new Option('--grace <duration>', 'time that tasks get to move').argParser(duration), ...changing()],
  });
  add(agent, { usage: 'activate <agent>', says: 'End a drain', load: verb('activate'), options: changing() });
  add(agent, {
    usage: 'gone <agent>',
    says: 'Declare that a machine will never come back: its tasks are lost. Final',
    load: verb('gone'),
    options: [yes(), ...changing()],
  });
}

function addPast(program: Command, add: Add): void {
  const verb = (name: keyof typeof import('./verbs/past.js')) => async () =>
    (await import('./verbs/past.js'))[name] as Verb;
  add(program, {
    usage: 'state',
    says: 'Show the whole state, now or at a moment of the past',
    load: verb('state'),
    options: [at(), output()],
  });
  add(program, {
    usage: 'diff <from> [to]',
    says: 'Show what came, went and changed between two moments (default: until now)',
    load: verb('diff'),
    options: [output()],
  });
  const audit = noun(program, 'audit', 'Who did what, when, why, and what followed');
  add(audit, {
    usage: 'log',
    says: 'List the commands that were given and what followed',
    load: verb('auditLog'),
    options: [
      new Option('--service <name>', 'about one service'),
      new Option('--actor <name>', 'by one person or program'),
      new Option('--since <time>', 'from this moment on: a time (RFC 3339), or a duration ago such as 1h'),
      new Option('--until <time>', 'up to this moment: a time, or a duration ago'),
      limit(),
      output(),
    ],
  });
  add(audit, {
    usage: 'verify',
    says: 'Walk all journals from zero and check chain, terms, offsets and snapshots',
    load: verb('auditVerify'),
    options: [output()],
  });
  add(program, {
    usage: 'events',
    says: 'Print what happens, as it happens',
    load: verb('events'),
    options: [
      new Option('--from <position>', 'begin here: a position, a time (RFC 3339), or a duration ago such as 10m'),
      new Option('-f, --follow', 'go on with what happens next'),
      new Option('--service <name>', 'of one service'),
      new Option('--task <task>', 'of one task, such as hello.web-0.server: also what happened to many at once'),
      new Option('--type <type>', 'of one type, such as TasksRunning'),
      output(),
    ],
  });
}

function addTools(program: Command, add: Add): void {
  add(program, {
    usage: 'endpoints <service> [name]',
    says: 'Show the addresses of a service',
    load: async () => (await import('./verbs/service.js')).endpoints,
    options: reading(),
  });
  add(program, {
    usage: 'doctor',
    says: 'Compare journals, snapshots, history and agents; name each difference and what to do',
    load: async () => (await import('./verbs/doctor.js')).doctor,
    options: [output()],
  });
  const completion = add(program, {
    usage: 'completion',
    says: 'Print the completion script of a shell',
    load: async () => (await import('./verbs/completion.js')).script,
  });
  completion.addArgument(
    new Argument('<shell>', 'for instance: source <(orrery completion bash)').choices(['bash', 'zsh', 'fish']),
  );
  const complete = add(program, {
    usage: '__complete [words...]',
    says: 'Words that can follow',
    load: async () => (await import('./verbs/completion.js')).complete(program),
  });
  complete.allowUnknownOption(true).helpOption(false);
  (complete as unknown as { _hidden: boolean })._hidden = true;
}

const output = () =>
  new Option('-o, --output <format>', 'how to print it').choices([...outputFormats]).default('table' as const);
const at = () => new Option('--at <time>', 'as it was then: a time (RFC 3339), a duration ago, or a position');
const limit = () => new Option('--limit <n>', 'at most so many').argParser(countFromOne);
const yes = () => new Option('-y, --yes', 'do not ask');
const ifVersion = () => new Option('--if-version <version>', 'only if the service is at this version');
const watch = () => new Option('-w, --watch', 'show it again whenever it changes');
const reading = () => [at(), watch(), output()];
const listing = () => [limit(), ...reading()];
const scores = () =>
  new Option('--scores <count>', 'of one that was placed: so many agents with their scores').argParser(integer);
const reasonAndOutput = () => [new Option('--reason <text>', 'why; kept for ever'), output()];
const changing = () => [
  ...reasonAndOutput(),
  new Option('--detach', 'return once it is accepted'),
  new Option('--timeout <duration>', 'how long to wait until it is done').argParser(duration).default(300_000, '5m'),
];

function countFromOne(text: string): number {
  const count = wholeNumber(text);
  if (count < 1) throw new InvalidArgumentError('expected 1 or more.');
  return count;
}

function hourAtMost(text: string): number {
  const ms = duration(text);
  if (ms < 1_000 || ms > 3_600_000) throw new InvalidArgumentError('expected 1s to 1h.');
  return ms;
}

function oneOfStates(text: string): string {
  const state = text.toUpperCase();
  if (taskStates.includes(state)) return state;
  throw new InvalidArgumentError(`expected one of ${taskStates.join(', ')}.`);
}

function integer(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

function duration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('expected a duration such as 90s, 5m or 1h.');
  return ms;
}
