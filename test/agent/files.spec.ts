import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentId, LaunchId, StreamOrder } from '@orrery/contracts';
import { systemClock } from '@orrery/control-loop';
import { CheckpointFile } from '../../apps/agent/src/checkpoint-file.js';
import type { AgentFact } from '../../apps/agent/src/agent-state/agent-fact.js';
import { evolve } from '../../apps/agent/src/agent-state/agent-fact.js';
import { Streams } from '../../apps/agent/src/streams.js';
import { rotateOutput } from '../../libs/runtimes/src/exec/output-rotation.js';
import { realPlaceIn } from '../../libs/runtimes/src/exec/sandbox.js';
import { until } from './until.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'orrery-files-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the checkpoint', () => {
  const newId = () => 'ada-0001' as AgentId;
  const obeyed = (n: number): AgentFact => ({ type: 'Obeyed', n });
  const write = async (...facts: AgentFact[]) => {
    const file = await CheckpointFile.open(folder, newId);
    for (const fact of facts) evolve(file.state, fact);
    await file.append(facts);
    await file.close();
  };
  const read = async () => {
    const file = await CheckpointFile.open(folder, () => 'eve-0001' as AgentId);
    await file.close();
    return file.state;
  };

  it('keeps the id and every fact', async () => {
    await write(obeyed(1), obeyed(2));
    await write(obeyed(3));
    expect(await read()).toMatchObject({ agent: 'ada-0001', obeyed: 3 });
  });

  it('does not take a torn last line for a fact, and goes on behind it', async () => {
    await write(obeyed(1));
    appendFileSync(join(folder, 'checkpoint.log'), '[2,{"type":"Obey');
    expect(await read()).toMatchObject({ obeyed: 1 });
    await write(obeyed(5));
    expect(await read()).toMatchObject({ obeyed: 5 });
  });

  it('skips the facts that its state has already, when a crash left them behind', async () => {
    await write(obeyed(1));
    const line = readFileSync(join(folder, 'checkpoint.log'), 'utf8');
    const big: AgentFact = { type: 'StoodDown', reason: 'x'.repeat(5_000_000), killTasks: false };
    await write(big);
    expect(statSync(join(folder, 'checkpoint.log')).size).toBe(0);
    appendFileSync(join(folder, 'checkpoint.log'), line.replace('"n":1', '"n":77'));
    expect(await read()).toMatchObject({ obeyed: 1 });
  });

  it('refuses to go on over a gap', async () => {
    await write(obeyed(1));
    appendFileSync(join(folder, 'checkpoint.log'), '[9,{"type":"Obeyed","n":9}]\n');
    await expect(read()).rejects.toThrow('damaged');
  });
});

describe('the output of a task', () => {
  it('is rotated while it is written, without a gap', async () => {
    writeFileSync(join(folder, 'stderr'), 'short');
    const limits = { fileBytesMax: 10, filesKept: 2 };
    for (const part of ['first line\n', 'second line\n', 'third line\n']) {
      appendFileSync(join(folder, 'stdout'), part);
      await rotateOutput(folder, limits);
    }
    appendFileSync(join(folder, 'stdout'), 'rest');
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    expect([read('stdout'), read('stdout.1'), read('stdout.2')]).toEqual(['rest', 'third line\n', 'second line\n']);
    expect(existsSync(join(folder, 'stdout.3'))).toBe(false);
    expect(existsSync(join(folder, 'stderr.1'))).toBe(false);
  });
});

describe('a stream', () => {
  const open = (order: Partial<StreamOrder>) => {
    const sent: { offset: number; text: string; end: boolean; error: string | undefined; code?: string | undefined }[] =
      [];
    const streams = new Streams({
      clock: systemClock,
      placeOf: (_, path) => realPlaceIn(join(folder, 'sandbox'), path, [join(folder, 'volumes')]),
      send: async (_, headers, value) => {
        const text = Buffer.from(value).toString();
        const end = headers['orrery-end'] === 'true';
        const [error, code] = [headers['orrery-error'], headers['orrery-code']];
        sent.push({ offset: Number(headers['orrery-offset']), text, end, error, code });
      },
      begin: async () => Promise.reject(new Error('no commands here')),
      input: async () => async () => undefined,
      warn: (message) => sent.push({ offset: -1, text: message, end: true, error: message }),
    });
    streams.open({
      stream: 's',
      launch: '1.0' as LaunchId,
      kind: 'stdout',
      from: 0,
      follow: false,
      limitBytes: 1000,
      untilMs: Date.now() + 20_000,
      ...order,
    });
    return {
      sent,
      text: () => sent.map(({ text }) => text).join(''),
      ended: () => until(() => sent.at(-1)?.end === true),
    };
  };

  beforeEach(() => {
    mkdirSync(join(folder, 'sandbox', 'conf'), { recursive: true });
    mkdirSync(join(folder, 'volumes', '7.0'), { recursive: true });
    writeFileSync(join(folder, 'sandbox', 'stdout'), 'hello world');
    writeFileSync(join(folder, 'sandbox', 'conf', 'app'), 'a=1');
    writeFileSync(join(folder, 'volumes', '7.0', 'data'), 'kept');
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'volumes', '7.0'), join(folder, 'sandbox', 'data'));
    symlinkSync(join(folder, 'secret'), join(folder, 'sandbox', 'trick'));
  });

  it('sends a file from an offset, from its end, and up to a limit', async () => {
    for (const [order, text] of [
      [{}, 'hello world'],
      [{ from: 6 }, 'world'],
      [{ from: -3 }, 'rld'],
      [{ from: -100, limitBytes: 4 }, 'hell'],
      [{ kind: 'file', path: 'conf/app' }, 'a=1'],
      [{ kind: 'file', path: 'data/data' }, 'kept'],
    ] as const) {
      const stream = open(order);
      await stream.ended();
      expect([stream.text(), stream.sent.at(-1)!.error]).toEqual([text, undefined]);
    }
  });

  it('follows a file as it grows and when it is rotated, until its time is over', async () => {
    const stream = open({ follow: true, from: 6, untilMs: Date.now() + 3000 });
    await until(() => stream.text() === 'world');
    appendFileSync(join(folder, 'sandbox', 'stdout'), '!');
    await until(() => stream.text() === 'world!');
    writeFileSync(join(folder, 'sandbox', 'stdout'), 'new');
    await until(() => stream.text() === 'world!new');
    await stream.ended();
  });

  it.each(['../secret', 'trick', '/etc/passwd', 'conf/../../secret'])('does not send %s', async (path) => {
    const stream = open({ kind: 'file', path });
    await stream.ended();
    expect(stream.text()).toBe('');
    expect(stream.sent.at(-1)).toMatchObject({
      error: expect.stringMatching(/leads out of the sandbox/),
      code: 'outside-sandbox',
    });
  });

  it.each([
    ['file', 'nowhere', 'unknown-path'],
    ['files', 'conf/app/x', 'unknown-path'],
    ['file', 'conf', 'not-a-file'],
    ['files', '..', 'outside-sandbox'],
    ['files', 'trick', 'outside-sandbox'],
  ] as const)('refuses a stream of kind %s of %s: %s', async (kind, path, code) => {
    const stream = open({ kind, path });
    await stream.ended();
    expect(stream.sent.at(-1)).toMatchObject({ text: '', code });
    expect(stream.sent.at(-1)!.error).not.toContain(folder);
  });

  it('lists a file as itself', async () => {
    const stream = open({ kind: 'files', path: 'conf/app' });
    await stream.ended();
    expect(JSON.parse(stream.text())).toMatchObject({ entries: [{ name: 'app', kind: 'file', size: 3 }], more: false });
  });

  it('lists a folder', async () => {
    const stream = open({ kind: 'files', path: '.' });
    await stream.ended();
    const { entries } = JSON.parse(stream.text()) as { entries: { name: string; kind: string; size: number }[] };
    expect(entries.map(({ name, kind }) => `${name} ${kind}`).sort()).toEqual([
      'conf folder',
      'data link',
      'stdout file',
      'trick link',
    ]);
  });
});
