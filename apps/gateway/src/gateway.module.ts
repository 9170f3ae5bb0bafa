import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { systemClock, type Log } from '@orrery/control-loop';
import { Registry } from 'prom-client';
import { CommandSender } from './commands/command-sender.js';
import { Outcomes } from './commands/outcomes.js';
import { EventRing } from './events/event-ring.js';
import { FigureStore } from './figures/figure-store.js';
import { FigureTail } from './figures/figure-tail.js';
import { History } from './history.js';
import { AgentsController } from './http/controllers/agents.controller.js';
import { CommandsController } from './http/controllers/commands.controller.js';
import { DocumentsController } from './http/controllers/documents.controller.js';
import { EventsController } from './http/controllers/events.controller.js';
import { KeptController } from './http/controllers/kept.controller.js';
import { OperationsController } from './http/controllers/operations.controller.js';
import { PastController } from './http/controllers/past.controller.js';
import { PackagesController } from './http/controllers/packages.controller.js';
import { RolesController } from './http/controllers/roles.controller.js';
import { SandboxesController } from './http/controllers/sandboxes.controller.js';
import { ServicesController } from './http/controllers/services.controller.js';
import { TaskFiguresController } from './http/controllers/task-figures.controller.js';
import { TasksController } from './http/controllers/tasks.controller.js';
import { Doctor } from './http/doctor.js';
import { EventStreams } from './http/event-streams.js';
import { HistoryReads } from './http/history-reads.js';
import { Placements } from './http/placements.js';
import { Reads } from './http/reads.js';
import { TaskExec } from './http/task-exec.js';
import { TaskFiguresReads } from './http/task-figures.js';
import { TaskFiles } from './http/task-files.js';
import { TaskLogs } from './http/task-logs.js';
import { TaskStreams } from './http/task-streams.js';
import { Writes } from './http/writes.js';
import { GatewayMetrics } from './metrics.js';
import { Packages } from './packages/packages.js';
import { Repositories } from './packages/repositories.js';
import { ReadModel } from './read-model/read-model.js';
import { GatewaySettings } from './settings.js';
import { LogTail } from './streams/log-tail.js';
import { StreamInput } from './streams/stream-input.js';

/** What the gateway stands on: real ones in a process, in-memory ones in specs. */
export interface GatewayParts {
  readonly settings: GatewaySettings;
  readonly model: ReadModel;
  readonly ring: EventRing;
  readonly outcomes: Outcomes;
  readonly sender: CommandSender;
  readonly history: History;
  readonly log: Pick<Log, 'follow' | 'bounds' | 'publish'>;
  readonly registry: Registry;
}

@Module({})
export class GatewayModule {
  static of({ settings, model, ring, outcomes, sender, history, log, registry }: GatewayParts): DynamicModule {
    const figures = new FigureStore();
    const given: Provider[] = [
      { provide: GatewaySettings, useValue: settings },
      { provide: ReadModel, useValue: model },
      { provide: EventRing, useValue: ring },
      { provide: Outcomes, useValue: outcomes },
      { provide: CommandSender, useValue: sender },
      { provide: History, useValue: history },
      { provide: FigureStore, useValue: figures },
      { provide: FigureTail, useValue: new FigureTail(log, systemClock, settings, figures) },
      { provide: LogTail, useValue: new LogTail(log) },
      { provide: StreamInput, useValue: new StreamInput(log, systemClock) },
      { provide: Repositories, useValue: new Repositories(settings.repositoriesFile) },
      { provide: Registry, useValue: registry },
    ];
    return {
      module: GatewayModule,
      controllers: [
        ServicesController,
        TaskFiguresController,
        TasksController,
        RolesController,
        KeptController,
        SandboxesController,
        AgentsController,
        PackagesController,
        RolesController,
        KeptController,
        CommandsController,
        EventsController,
        PastController,
        OperationsController,
        DocumentsController,
      ],
      providers: [
        ...given,
        Reads,
        Writes,
        HistoryReads,
        Packages,
        Placements,
        Doctor,
        TaskStreams,
        TaskLogs,
        TaskFiles,
        TaskFiguresReads,
        TaskExec,
        EventStreams,
        GatewayMetrics,
      ],
    };
  }
}
