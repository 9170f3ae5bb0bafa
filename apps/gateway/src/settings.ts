import { processSettings, type Environment, type ProcessSettings } from '@orrery/telemetry';
import { join } from 'node:path';

const PORT_DEFAULT = 7070;

/** What the environment says about this process. */
export class GatewaySettings {
  readonly process: ProcessSettings;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;

  constructor(environment: Environment) {
    this.process = processSettings('gateway', environment);
    this.host = environment['ORRERY_HOST'] ?? '127.0.0.1';
    this.port = portOf(environment['ORRERY_PORT']);
  }

  get cells(): number {
    return this.process.cells;
  }

  get lanes(): number {
    return this.process.lanes;
  }

  /** The list of package repositories. */
  get repositoriesFile(): string {
    return join(this.process.home, 'repositories.json');
  }

  /** Where this process says at which address it really listens. */
  get addressFile(): string {
    return join(this.process.home, 'run', `${this.process.instance}.json`);
  }
}

function portOf(given: string | undefined): number {
  if (given === undefined || given === '') return PORT_DEFAULT;
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65_535) return Number(given);
  throw new Error(`ORRERY_PORT is a port, 0 for any free one, found ${JSON.stringify(given)}`);
}
