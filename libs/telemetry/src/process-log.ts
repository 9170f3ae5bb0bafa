import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import type { Environment, ProcessSettings } from './process-settings.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Takes a line of an adapter: what `@orrery/kafka` and `@orrery/cassandra` ask for. */
export type LineTaker = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;

/** JSON lines on stdout, one object each; ORRERY_LOG_LEVEL says from which level on. */
export function processLog({ instance }: ProcessSettings, environment: Environment): Logger {
  const asked = environment['ORRERY_LOG_LEVEL'];
  const level = LEVELS.find((known) => known === asked) ?? 'info';
  return pino({ level, base: { instance, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime });
}

export function lineTaker(log: Logger, part: string): LineTaker {
  const own = log.child({ part });
  return (level, message, fields) => own[level](fields, message);
}

/** Nest's own lines, which are about modules coming up, count as debug. */
export function nestLog(log: Logger): LoggerService {
  const own = log.child({ part: 'nest' });
  const text = (message: unknown) => (message instanceof Error ? message.message : String(message));
  return {
    log: (message) => own.debug(text(message)),
    debug: (message) => own.debug(text(message)),
    verbose: (message) => own.debug(text(message)),
    warn: (message) => own.warn(text(message)),
    error: (message, ...more: unknown[]) => own.error({ more }, text(message)),
    fatal: (message, ...more: unknown[]) => own.fatal({ more }, text(message)),
  };
}
