import {
  hostDecider,
  JournalServer,
  systemClock,
  systemRandom,
  type Hosting,
  type LoopPorts,
  type OwnershipHint,
} from '@orrery/control-loop';
import type { DomainEvent } from '@orrery/kernel';
import type { Closable } from './owner-application.js';
import type { ProcessSettings } from './process-settings.js';
import type { Telemetry } from './telemetry.js';

/** The adapters that an owner runs on, chosen by its app. */
export interface OwnerAdapters {
  readonly kafka: Pick<LoopPorts, 'log'> & { readonly hint: OwnershipHint } & Closable;
  readonly cassandra: Pick<LoopPorts, 'snapshots' | 'registry'> & Closable;
}

/** The take-overs are over by then, also those of the owners that began at the same time on the same processors. */
const TAKE_OVER_MS = 3_000;
/** A start that waits for Kafka or Cassandra is to be ended by a signal as orderly as any. */
const NEST_AFTER_MS_MAX = 8_000;

/** To leave the group and to settle what is in flight; a shard that failed may hold that up for ever. */
const HAND_OVER_MS_MAX = 5_000;

/**
 * Runs the process of an owner: a Nest microservice whose transport is the control loop around one decider. The loop begins
 * before Nest is loaded, which takes the processor as long as everything else at the start: a fail-over does not wait for it.
 * Resolves once every shard stands by.
 */
export async function runOwner<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent>(
  settings: ProcessSettings,
  telemetry: Telemetry,
  hosting: Hosting<Command, Foreign, Report, Internal, State, Event>,
  { kafka, cassandra }: OwnerAdapters,
): Promise<void> {
  telemetry.endOnBugs();
  const ports = { ...cassandra, ...kafka, clock: systemClock, random: systemRandom, observe: telemetry.observe };
  const server = new JournalServer(hostDecider(hosting, ports, settings));
  void server.beyondHelp.then((error) => endBeyondHelp(server, telemetry, error));
  const tookOver = server.start().then(() => pause(TAKE_OVER_MS));
  await telemetry.serve(() => ({ ready: server.health.ready, details: server.health }));
  await Promise.race([tookOver, pause(NEST_AFTER_MS_MAX)]);
  const { ownerApplication } = await import('./owner-application.js');
  const app = await ownerApplication(server, telemetry, [kafka, cassandra]);
  await app.listen();
  telemetry.log.info({ domain: hosting.domain, cells: settings.cells }, 'every shard stands by');
}

/** Whoever supervises starts the process anew, more slowly each time; another instance takes over what still works here. */
async function endBeyondHelp(server: JournalServer, telemetry: Telemetry, error: Error): Promise<never> {
  telemetry.log.fatal({ err: error }, 'a shard failed: this process ends, to be started anew');
  await Promise.race([server.close(), pause(HAND_OVER_MS_MAX)]);
  return process.exit(1);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve));
}
