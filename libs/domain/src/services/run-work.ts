import { AgentRunsBuilder, countIn, IdRunsBuilder, type IdRuns, type Members } from '@orrery/contracts';
import { agentNamed } from './agents.js';
import { headOf, launchIds } from './launch.js';
import { keyOfPod, rowsIn } from './pods.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { recipeAt, type Recipe } from './recipe.js';
import { membersOf } from './run-rows.js';
import type { Range } from './run-steps.js';
import { epochAt, isIdleAt, LIVE, memberAt, type RunRow, STOPPING } from './runs.js';
import { eachSegment } from './segments.js';
import type { ServiceRow, ServicesState } from './state.js';
import { tallyOf } from './tallies.js';
import { wantedCount } from './wanted.js';

/** Runs that one decision works on. */
const RUNS_PER_DECISION_MAX = 128;
/** Members that are dealt with by themselves. */
const ALONE_PER_DECISION_MAX = 1024;
/** What the launch of one member takes in an event at most, ports apart. */
const MEMBER_LENGTH = 32;
const PORT_LENGTH = 6;

/** Members that hold a place on which nothing runs: the grants of those that are over go back, the others are launched. */
export function workOnRuns(proposal: Proposal, state: ServicesState): void {
  const services = new Map<string, string[]>();
  let runs = 0;
  for (const [key, run] of state.runs.by('work', 'work')) {
    const keys = services.get(run.service);
    if (keys === undefined) services.set(run.service, [key]);
    else keys.push(key);
    if (++runs >= RUNS_PER_DECISION_MAX) break;
  }
  for (const [name, keys] of services) workOnService(proposal, name, keys);
}

function workOnService(proposal: Proposal, name: string, keys: readonly string[]): void {
  const { state } = proposal;
  const service = state.services.get(name)!;
  const runs = keys.map((key) => state.runs.get(key)!);
  const wanted = new Map(runs.map(({ pod }) => [pod, wantedCount(state, service, pod)]));
  const grants = new IdRunsBuilder();
  const alone: string[] = [];
  const over: { readonly pod: string; readonly stretch: Range }[] = [];
  const toLaunch: { readonly run: RunRow; readonly stretch: Range }[] = [];
  for (const run of runs) {
    const what = (position: number) => workAt(proposal, run, position, wanted.get(run.pod)!);
    for (const { work, stretch } of idleStretches(run, what)) {
      if (work === 'return') {
        addGrants(grants, run, stretch);
        over.push({ pod: run.pod, stretch });
      } else if (work === 'launch') toLaunch.push({ run, stretch });
      else alone.push(...keysIn(proposal, run, stretch));
    }
  }
  if (grants.count > 0) {
    const { generation } = service;
    const data = { service: service.name, generation, grants: grants.runs, destroyVolumes: true };
    proposal.emit({ type: 'GrantReturned', data });
  }
  // Whose plan does not take them down any more they are rows now.
  for (const { pod, stretch } of over) alone.push(...rowsIn(state, name, pod, [stretch]).map(keyOfPod));
  for (const { run, stretch } of toLaunch) launchStretch(proposal, service, run, stretch);
  pursue(proposal, name, alone.slice(0, ALONE_PER_DECISION_MAX));
}

type Work = 'return' | 'launch' | 'alone';

/** What to do about a member that holds a place on which nothing runs. */
function workAt({ state }: Proposal, run: RunRow, position: number, wanted: number): Work {
  const isWanted = run.first + position < wanted;
  if (memberAt(run, position) === STOPPING) return isWanted ? 'alone' : 'return';
  const isLost = state.agents.has(agentNamed(state, run.agents[position]!));
  return isWanted && !isLost ? 'launch' : 'alone';
}

/** Stretches of members that need the same. */
function idleStretches(run: RunRow, what: (position: number) => Work): { work: Work; stretch: Range }[] {
  const found: { work: Work; from: number; to: number }[] = [];
  let left = run.idle;
  for (let position = 0; left > 0; position += 1) {
    const code = memberAt(run, position);
    if ((code !== STOPPING && code !== LIVE) || !isIdleAt(run.status, position)) continue;
    left -= 1;
    const work = what(position);
    const before = found.at(-1);
    if (before?.work === work && before.to === position - 1) before.to = position;
    else found.push({ work, from: position, to: position });
  }
  return found.map(({ work, from, to }) => ({ work, stretch: [run.first + from, run.first + to] }));
}

function keysIn({ state }: Proposal, run: RunRow, [first, last]: Range): string[] {
  return membersOf(state, run, first - run.first, last - run.first).map(keyOfPod);
}

function addGrants(grants: IdRunsBuilder, run: RunRow, [first, last]: Range): void {
  eachSegment(run.grants, first - run.first, last - run.first + 1, (_, count, seq, id) => grants.add(seq, id, count));
}

/** Launches members where they sit, as many as fit into the decision. */
function launchStretch(proposal: Proposal, service: ServiceRow, run: RunRow, stretch: Range): void {
  const recipe = recipeAt(proposal.state, service.name, run.recipe, run.pod);
  if (recipe === undefined) return;
  for (const part of withEachAgentOnce(run, stretch)) {
    const count = part[1] - part[0] + 1;
    const first = proposal.events.length === 0;
    if (!first && !fitLaunches(proposal, recipe, count, count)) return;
    const grants = new IdRunsBuilder();
    addGrants(grants, run, part);
    orderSets(proposal, service, { run, recipe }, { ...membersOn(run, part), grants: grants.runs });
  }
}

/** Whether the launches of so many pods fit into a decision, one set a task. */
export function fitLaunches(proposal: Proposal, recipe: Recipe, count: number, agents: number): boolean {
  let length = 0;
  for (const task of recipe.tasks) {
    length += 1024 + task.templateLength + agents * (MEMBER_LENGTH / 2) + count * PORT_LENGTH * task.ports.length;
  }
  return length <= proposal.room;
}

/** Orders all tasks of pods that never ran. Ports of the members are named `<task>.<port>`. */
export function orderSets(
  proposal: Proposal,
  service: ServiceRow,
  { run, recipe }: { readonly run: Pick<RunRow, 'pod' | 'recipe'>; readonly recipe: Recipe },
  { ports, grants, ...members }: Members & { readonly grants: IdRuns },
): void {
  const count = countIn(members.indexes);
  const incarnation = tallyOf(proposal.state, service.name, run.pod).incarnation + 1;
  for (const task of recipe.tasks) {
    const own = task.ports.map((name) => [name, ports![`${task.name}.${name}`]!] as const);
    const data = {
      ...headOf(service, run, task, incarnation),
      ...members,
      ...(own.length === 0 ? {} : { ports: Object.fromEntries(own) }),
      launches: launchIds(proposal, count),
      grants,
      template: task.template,
    };
    proposal.emit({ type: 'LaunchOrdered', data });
  }
}

/** In a set the members on one agent come one after the other. */
function withEachAgentOnce(run: RunRow, [first, last]: Range): Range[] {
  const parts: Range[] = [];
  let seen = new Set<number>();
  let begin = first;
  for (let index = first; index <= last; index += 1) {
    const agent = run.agents[index - run.first]!;
    const goesOn = index > begin && agent === run.agents[index - run.first - 1];
    if (!goesOn && seen.has(agent)) {
      parts.push([begin, index - 1]);
      seen = new Set();
      begin = index;
    }
    seen.add(agent);
  }
  return [...parts, [begin, last]];
}

function membersOn(run: RunRow, [first, last]: Range): Members {
  const agents = new AgentRunsBuilder();
  for (let position = first - run.first; position <= last - run.first; position += 1) {
    agents.add(run.agents[position]!, epochAt(run, position));
  }
  const ports: Record<string, number[]> = {};
  for (const name in run.ports) {
    ports[name] = [...run.ports[name]!.subarray(first - run.first, last - run.first + 1)];
  }
  const named = Object.keys(ports).length === 0 ? {} : { ports };
  return { indexes: [[first, last]], agents: agents.runs, ...named };
}
