import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { Historian } from './historian.js';

/** The Nest transport of the historian: it listens to journals, in order, not to messages one by one. */
export class HistorianServer implements CustomTransportStrategy {
  readonly transportId = Symbol('orrery-historian');

  constructor(private readonly historian: Historian) {}

  async listen(listening: (error?: unknown) => void): Promise<void> {
    try {
      await this.historian.start();
      listening();
    } catch (error) {
      listening(error);
    }
  }

  async close(): Promise<void> {
    await this.historian.stop();
  }
}
