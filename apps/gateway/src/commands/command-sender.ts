import {
  COMMAND_BYTES_MAX,
  COMMAND_ID_LENGTH_MAX,
  commandHeaders,
  commandTopic,
  commandTypeName,
  checkWholeShape,
  decodeCommand,
  type DomainName,
} from '@orrery/contracts';
import { AppendInDoubt, type Clock, type Log } from '@orrery/control-loop';
import { createHash } from 'node:crypto';
import { Problem } from '../problem.js';

/** A command as the edge got it: not decided on, its shape checked. */
export interface OutgoingCommand {
  readonly domain: DomainName;
  readonly name: string;
  /** What it is about: service, agent or role. */
  readonly key: string;
  readonly cell: number;
  readonly body: unknown;
  readonly id: string;
  readonly actor: string;
  readonly reason?: string;
  readonly ifVersion?: string;
}

export interface SentCommand {
  readonly cell: number;
  /** Of its message in the command partition. */
  readonly offset: number;
}

const SEND_FOR_MS = 10_000;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1_000;

/** Puts commands into their topics: the only thing that the gateway ever writes, beside the input of streams. */
export class CommandSender {
  constructor(
    private readonly log: Pick<Log, 'append'>,
    private readonly clock: Clock,
  ) {}

  /** Resolves once the broker has it. The same bytes may then stand there twice; the id makes that harmless. */
  async send(command: OutgoingCommand): Promise<SentCommand> {
    const value = encodeBody(command);
    const message = { key: command.key, headers: headersOf(command, this.clock.nowMs()), value };
    const target = { topic: commandTopic(command.domain), partition: command.cell };
    const deadlineMs = this.clock.nowMs() + SEND_FOR_MS;
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
      try {
        return { cell: command.cell, offset: await this.log.append(target, message) };
      } catch (error) {
        if (this.clock.nowMs() + pauseMs > deadlineMs) throw logAway(command.id, error);
        await new Promise<void>((done) => this.clock.after(pauseMs, done));
      }
    }
  }
}

/** What is wrong with a command already at the edge, with the code that its owner would refuse it with. */
export function checkCommand({
  domain,
  name,
  body,
  id,
}: Pick<OutgoingCommand, 'domain' | 'name' | 'body' | 'id'>): void {
  if (!/^[\u0021-\u007e]+$/.test(id) || id.length > COMMAND_ID_LENGTH_MAX) {
    const remedy = `send 1 to ${COMMAND_ID_LENGTH_MAX} visible ASCII characters`;
    throw Problem.of('invalid-parameter', 'Idempotency-Key is no id', { field: 'Idempotency-Key', remedy });
  }
  const decoded = decodeCommand(domain, name, 1, body, checkWholeShape);
  if (!decoded.ok) throw Problem.refused(decoded.refusal);
}

/** As the owner digests a body: the same id with another one is refused. */
export function bodyDigest(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16);
}

function encodeBody({ body }: OutgoingCommand): Uint8Array {
  const value = Buffer.from(JSON.stringify(body));
  if (value.byteLength <= COMMAND_BYTES_MAX) return value;
  throw Problem.of('too-large', `the body has ${value.byteLength} bytes, at most ${COMMAND_BYTES_MAX} are allowed`, {
    remedy: 'split it, or move large content into an asset',
  });
}

function headersOf(command: OutgoingCommand, nowMs: number): Record<string, string> {
  return {
    [commandHeaders.specversion]: '1.0',
    [commandHeaders.id]: command.id,
    [commandHeaders.type]: commandTypeName(command.domain, command.name),
    [commandHeaders.source]: command.actor,
    [commandHeaders.time]: new Date(nowMs).toISOString(),
    ...(command.reason === undefined ? {} : { [commandHeaders.reason]: command.reason }),
    ...(command.ifVersion === undefined ? {} : { [commandHeaders.ifVersion]: command.ifVersion }),
  };
}

function logAway(id: string, error: unknown): Problem {
  const doubt = error instanceof AppendInDoubt ? ', it may still take effect' : '';
  return Problem.of('log-away', `the command could not be handed over${doubt}: ${(error as Error).message}`, {
    remedy: `send it again with Idempotency-Key: ${id}`,
  });
}
