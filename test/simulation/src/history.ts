import { readFileSync, writeFileSync } from 'node:fs';
import type { JournalRegistration, LogMessage, TopicPartition } from '@orrery/control-loop';
import { InMemoryLog, InMemoryRegistry, ManualClock } from '@orrery/testing';

/**
 * What an installation lived through, one JSON line each: journals, the inputs that they refer to, registrations, and the
 * digest that each journal folded to then. Once released it is never edited: later versions must read it as it is.
 */
export type HistoryLine =
  | { readonly kind: 'head'; readonly guest: string; readonly cells: number; readonly note: string }
  | { readonly kind: 'journal'; readonly registration: JournalRegistration; readonly digest: string }
  | {
      readonly kind: 'message';
      readonly topic: string;
      readonly partition: number;
      readonly timestampMs: number;
      readonly key: string | null;
      readonly headers: Readonly<Record<string, string>>;
      /** UTF-8 where the bytes are, else base64. */
      readonly value: string | null | { readonly base64: string };
    };

export function messageLine({ topic, partition }: TopicPartition, message: LogMessage): HistoryLine {
  const { timestampMs, key, headers, value } = message;
  return {
    kind: 'message',
    topic,
    partition,
    timestampMs,
    key: key === null ? null : Buffer.from(key).toString('utf8'),
    headers,
    value: value === null ? null : textOf(Buffer.from(value)),
  };
}

export function writeHistory(file: string, lines: readonly HistoryLine[]): void {
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** A history as a log and a registry that can be read. */
export function loadHistory(file: string) {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as HistoryLine);
  const clock = new ManualClock();
  const log = new InMemoryLog(clock);
  const registry = new InMemoryRegistry();
  const journals: (HistoryLine & { kind: 'journal' })[] = [];
  const head = lines.find((line) => line.kind === 'head')!;
  for (const line of lines) {
    if (line.kind === 'journal') {
      journals.push(line);
      void registry.put(line.registration);
    }
    if (line.kind === 'message')
      log.place(line, { ...line, key: line.key === null ? null : Buffer.from(line.key), value: bytesOf(line.value) });
  }
  return { clock, log, registry, journals, head };
}

function textOf(bytes: Buffer): string | { readonly base64: string } {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: bytes.toString('base64') };
}

function bytesOf(value: (HistoryLine & { kind: 'message' })['value']): Uint8Array | null {
  if (value === null) return null;
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value.base64, 'base64');
}
