import { Module, type DynamicModule, type INestMicroservice, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { JournalServer } from '@orrery/control-loop';
import type { Telemetry } from './telemetry.js';

export interface Closable {
  close(): Promise<void>;
}

/** The Nest microservice of an owner; SIGTERM and SIGINT settle what is in flight, hand over, and end the process. */
export async function ownerApplication(
  server: JournalServer,
  telemetry: Telemetry,
  adapters: readonly Closable[],
): Promise<INestMicroservice> {
  const app = await NestFactory.createMicroservice(OwnerModule.of(telemetry, adapters), {
    strategy: server,
    logger: telemetry.nestLog,
  });
  return app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
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
