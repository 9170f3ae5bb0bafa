import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
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
import type { ProcessSettings } from './process-settings.js';
import type { Telemetry } from './telemetry.js';

/** The adapters that an owner runs on, chosen by its app. */
export interface OwnerAdapters {
  readonly kafka: Pick<LoopPorts, 'log'> & { readonly hint: OwnershipHint } & Closable;
  readonly cassandra: Pick<LoopPorts, 'snapshots' | 'registry'> & Closable;
}

interface Closable {
  close(): Promise<void>;
}

/**
 * Runs the process of an owner: a Nest microservice whose transport is the control loop around one decider. Resolves once
 * every shard stands by; SIGTERM and SIGINT settle what is in flight, hand over, and end the process.
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
  await telemetry.serve(() => ({ ready: server.health.ready, details: server.health }));
  const app = await NestFactory.createMicroservice(OwnerModule.of(telemetry, [kafka, cassandra]), {
    strategy: server,
    logger: telemetry.nestLog,
  });
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  await app.listen();
  telemetry.log.info({ domain: hosting.domain, cells: settings.cells }, 'every shard stands by');
}

/** Ends what is not Nest's own, after the transport was closed. */
@Module({})
class OwnerModule {
  static of(telemetry: Telemetry, adapters: readonly Closable[]): DynamicModule {
    const closing: OnApplicationShutdown = {
      async onApplicationShutdown(signal) {
        for (const adapter of adapters) await adapter.close();
        await telemetry.close();
        telemetry.log.info({ signal }, 'ended');
      },
    };
    return { module: OwnerModule, providers: [{ provide: 'closing', useValue: closing }] };
  }
}
