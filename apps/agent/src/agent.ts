import {
  agentPartition,
  cellOfAgent,
  type AgentFacts,
  type HostFigures,
  type LaunchId,
  type StreamOrder,
  type TaskTemplate,
  type TopicSizes,
} from '@orrery/contracts';
import type { Clock, Log, Random } from '@orrery/control-loop';
import {
  SecretProblem,
  type ArtifactCache,
  type Ended,
  type Observation,
  type RunningCommand,
  type Runtime,
  type SecretFolder,
  type TaskCommand,
  type TaskLaunch,
} from '@orrery/runtimes';
import { AgentLoop } from './agent-loop.js';
import { isLive, type AgentState } from './agent-state/agent-state.js';
import type { Effect } from './agent-state/turn.js';
import { BrokerLink } from './broker-link.js';
import type { Checkpoint } from './checkpoint.js';
import { Checks } from './checks.js';
import { FigureSampler } from './figures/figure-sampler.js';
import { Slots } from './slots.js';
import { StreamFailure } from './stream-failure.js';
import { Streams } from './streams.js';
import { taskEnvironment, taskLaunchOf } from './task-launch.js';
import { TaskSecrets } from './task-secrets.js';

/** All of the world that an agent touches, so that a simulation can be that world. */
export interface AgentParts {
  readonly sizes: TopicSizes;
  readonly facts: AgentFacts;
  readonly checkpoint: Checkpoint;
  readonly runtime: Runtime;
  /** What of the machine is used; without it nothing is measured. */
  readonly host?: () => HostFigures;
  /** Where what tasks need is fetched to; without it a task that needs anything can't start. */
  readonly artifacts?: Pick<ArtifactCache, 'fetch' | 'release' | 'retain'>;
  /** Where the values are that tasks name; without it a task that names any can't start. */
  readonly secrets?: Pick<SecretFolder, 'read'>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly say: (level: 'info' | 'warn', message: string) => void;
  /** Nothing that is in memory may be believed any more: the process is to end. */
  readonly onFailure: (error: unknown) => void;
  /** The agent was told to leave for ever, and has: start anew under a new id. */
  readonly onRejoin: () => void;
}

const HEARTBEAT_MS = 1000;
const LAST_REPORTS_MS_MAX = 3000;
/** At least so many tasks begin at the same time. More than there are processors only make each other wait. */
const STARTS_MIN = 2;
const PROBES_MAX = 16;

/** One life of an agent process: what it judges is in agent-state/, what it does is here. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #loop: AgentLoop;
  readonly #link: BrokerLink;
  readonly #checks: Checks;
  readonly #streams: Streams;
  readonly #secrets: TaskSecrets;
  readonly #starts: Slots;
  readonly #probes = new Slots(PROBES_MAX);
  #stopHeartbeat: (() => void) | undefined;
  #figures: FigureSampler | undefined;
  #onLeave: ((told: boolean) => void) | undefined;

  /** Resolves once the agent looks after its tasks; whether a broker is there does not matter. */
  static async begin(parts: AgentParts): Promise<Agent> {
    const agent = new Agent(parts);
    await agent.#begin();
    return agent;
  }

  private constructor(parts: AgentParts) {
    const { checkpoint, clock, facts, log, runtime, say, sizes } = parts;
    const { agent } = checkpoint.state;
    const warn = (message: string) => say('warn', message);
    this.#parts = parts;
    this.#secrets = new TaskSecrets(parts.secrets);
    this.#starts = new Slots(Math.max(STARTS_MIN, Math.ceil(facts.capacity.cpusMilli / 1000)));
    this.#loop = new AgentLoop({
      checkpoint,
      clock,
      act: (effect) => this.#act(effect),
      onFailure: parts.onFailure,
    });
    this.#link = new BrokerLink({
      log,
      clock,
      agent,
      partition: agentPartition(agent, cellOfAgent(agent), sizes),
      warn,
    });
    this.#checks = new Checks({
      clock,
      address: facts.address,
      probe: (launch, probe) => this.#probes.run(() => runtime.probe(launch, probe)),
      environmentOf: (row, template) => ({
        ...this.#secrets.environmentOf(row.launch.launch),
        ...taskEnvironment(row, template, this.#identity),
      }),
      onReady: (launch) => this.#loop.submit({ type: 'ready', launch }),
      onUnhealthy: (launch, message) => this.#loop.submit({ type: 'unhealthy', launch, message }),
    });
    this.#streams = new Streams({
      clock,
      placeOf: (launch, path) => runtime.placeOf(launch, path),
      send: (stream, headers, value) => this.#link.chunk(stream, headers, value),
      input: (stream, onMessage, onError) => this.#link.input(stream, onMessage, onError),
      begin: (order, onOutput) => this.#beginCommand(order, onOutput),
      warn,
    });
  }

  get state(): AgentState {
    return this.#loop.state;
  }

  /** Ends this life. Tasks live on, unless they are to be ended first, each with its own grace. */
  async stop({ endTasks }: { readonly endTasks: boolean }): Promise<void> {
    if (endTasks) await this.#endTasks();
    this.#stopHeartbeat?.();
    this.#figures?.close();
    this.#checks.close();
    await this.#streams.close();
    await this.#loop.stop();
    await this.#link.close();
    await this.#parts.checkpoint.close();
  }

  /** The last ends are told too, unless nobody takes them: then the next life tells them. */
  async #endTasks(): Promise<void> {
    let giveUp: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      this.#onLeave = (told) => {
        if (told) resolve();
        else giveUp ??= this.#parts.clock.after(LAST_REPORTS_MS_MAX, resolve);
      };
      this.#loop.submit({ type: 'leave', killTasks: true });
    });
    giveUp?.();
  }

  async #begin(): Promise<void> {
    const { artifacts, facts, random, runtime, say } = this.#parts;
    const { state } = this.#loop;
    const live = [...state.launches.values()].filter(isLive).map(({ launch }) => launch.launch);
    for (const launch of live) this.#secrets.recall(launch, this.#templateOf(launch));
    const observed = await Promise.all(
      live.map(async (launch): Promise<[LaunchId, Observation]> => [
        launch,
        this.#censored(launch, await runtime.observe(launch)),
      ]),
    );
    const ended = observed.filter(([, seen]) => seen.state === 'ended').map(([launch]) => launch);
    for (const launch of ended) this.#secrets.forget(launch);
    await artifacts?.retain(new Set(live.filter((launch) => !ended.includes(launch))));
    await this.#releaseUnknown();
    // From before the Inventory on: its answer must not be missed.
    this.#link.follow(async (orders) => {
      for (const order of orders) this.#loop.submit({ type: 'order', order });
      await this.#loop.settled();
    });
    this.#loop.submit({ type: 'boot', session: random.id(), facts, observed });
    await this.#loop.settled();
    this.#beat();
    this.#measure();
    say('info', `agent ${state.agent} with ${live.length} tasks, isolation ${runtime.isolation}`);
  }

  /** What was forgotten just before a crash. A task that runs unknown (its checkpoint was lost) is left to the operator. */
  async #releaseUnknown(): Promise<void> {
    const { runtime, say } = this.#parts;
    for (const launch of runtime.launches().filter((name) => !this.state.launches.has(name as LaunchId))) {
      const seen = await runtime.observe(launch);
      if (seen.state !== 'running') await runtime.release(launch);
      else say('warn', `task ${launch} runs as pid ${seen.pid}, and the checkpoint doesn't know it: end it by hand`);
    }
  }

  #beat(): void {
    const { agent, session, epoch, obeyed, made, standDown } = this.state;
    if (standDown === undefined) this.#link.beat({ agent, session, epoch, obeyed, m: made });
    this.#stopHeartbeat = this.#parts.clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  #measure(): void {
    const { clock, host, runtime, say } = this.#parts;
    if (host === undefined) return;
    this.#figures = new FigureSampler({
      clock,
      runtime,
      host,
      running: () =>
        [...this.state.launches.values()]
          .filter(({ state }) => state === 'RUNNING')
          .map(({ launch, kind }) => ({ launch: launch.launch, service: kind.service })),
      head: () => {
        const { agent, session, epoch, standDown } = this.state;
        return epoch > 0 && standDown === undefined ? { agent, session } : undefined;
      },
      send: (message) => this.#link.figures(message),
      warn: (message) => say('warn', message),
    });
  }

  get #identity() {
    const { address, faultDomain } = this.#parts.facts;
    return { id: this.state.agent, address, ...faultDomain };
  }

  #act(effect: Effect): void {
    this.#carryOut(effect).catch((error: unknown) => this.#parts.onFailure(error));
  }

  async #carryOut(effect: Effect): Promise<void> {
    const { checkpoint, runtime, say, onRejoin } = this.#parts;
    switch (effect.type) {
      case 'start':
        return this.#start(effect);
      case 'watch':
        if (effect.template !== undefined) this.#checks.begin(effect.row, effect.template);
        return this.#watch(effect.row.launch.launch);
      case 'stop':
        await runtime.stop(effect.launch, effect.graceMs);
        return this.#watch(effect.launch);
      case 'release':
        for (const launch of effect.launches) await runtime.release(launch);
        return;
      case 'destroy-volumes':
        await runtime.destroyVolumes(effect.volumes);
        return this.#loop.submit({ type: 'volumes-destroyed', volumes: effect.volumes });
      case 'publish': {
        const { report } = effect;
        const taken = await this.#link.report(report);
        if (taken && report.type !== 'Inventory')
          this.#loop.submit({ type: 'taken', epoch: report.epoch, m: report.m });
        return;
      }
      case 'open-stream':
        return this.#streams.open(effect.stream);
      case 'leave':
        return this.#onLeave?.(effect.told);
      case 'rejoin':
        await checkpoint.discard();
        return onRejoin();
      case 'say':
        return say(effect.level, effect.message);
    }
  }

  async #start({ row, template }: Extract<Effect, { type: 'start' }>): Promise<void> {
    const { launch } = row.launch;
    const { runtime } = this.#parts;
    const fail = (how: Ended['how'], message: string) => {
      const observation = { state: 'ended', how, at: this.#parts.clock.nowMs(), message } as const;
      return this.#observed(launch, observation);
    };
    const links = await this.#fetch(launch, template).catch((error: Error) => error);
    if (links instanceof Error) return fail('fetch-failed', links.message);
    const secrets = this.#secrets.give(launch, template);
    if (secrets instanceof SecretProblem) return fail(secrets.code, secrets.message);
    const task = taskLaunchOf(row, template, this.#identity, links, secrets);
    const observation = await this.#starts.run(async () => {
      // To make a process holds up all others of this one for a while: what is known of the tasks before it goes first.
      await this.#loop.settled();
      return runtime.start(task);
    });
    await this.#observed(launch, observation);
  }

  async #observed(launch: LaunchId, seen: Observation): Promise<void> {
    this.#loop.submit({ type: 'observed', launch, observation: this.#censored(launch, seen) });
    if (seen.state !== 'ended') return;
    this.#secrets.forget(launch);
    await this.#parts.artifacts?.release(launch);
  }

  #censored(launch: LaunchId, seen: Observation): Observation {
    return this.#secrets.censored(launch, this.#templateOf(launch), seen);
  }

  #templateOf(launch: LaunchId): TaskTemplate | undefined {
    const row = this.state.launches.get(launch);
    return row && this.state.templates.get(row.kind.templateDigest);
  }

  async #fetch(launch: LaunchId, { artifacts = [], image }: TaskTemplate): Promise<NonNullable<TaskLaunch['links']>> {
    const cache = this.#parts.artifacts;
    if (artifacts.length > 0 && cache === undefined) throw new Error('this agent fetches nothing');
    if (image !== undefined) await this.#parts.runtime.fetchImage(image);
    return Promise.all(
      artifacts.map(async (artifact) => ({ place: await cache!.fetch(artifact, launch), path: artifact.dest })),
    );
  }

  async #beginCommand(order: StreamOrder, onOutput: TaskCommand['onOutput']): Promise<RunningCommand> {
    const { launch, cmd = [], terminal } = order;
    const row = this.state.launches.get(launch);
    const template = row && this.state.templates.get(row.kind.templateDigest);
    const { runtime } = this.#parts;
    if (row === undefined || template === undefined || (await runtime.observe(launch)).state !== 'running')
      throw new StreamFailure('task-ended', 'the task does not run');
    const environment = taskEnvironment(row, template, this.#identity);
    return runtime.exec(launch, { words: cmd, environment, onOutput, ...(terminal !== undefined && { terminal }) });
  }

  #watch(launch: LaunchId): void {
    this.#parts.runtime.watch(launch, (observation) => {
      this.#checks.end(launch);
      this.#streams.endCommandsOf(launch);
      this.#observed(launch, observation).catch(this.#parts.onFailure);
    });
  }
}
