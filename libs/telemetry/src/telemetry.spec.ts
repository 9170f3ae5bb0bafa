import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { loopObserver } from './loop-metrics.js';
import { processSettings } from './process-settings.js';
import { TelemetryServer } from './telemetry-server.js';

const shard = { domain: 'cluster', cell: 1 };

function observed() {
  const registry = new Registry();
  const lines: { level: number; msg: string }[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { registry, lines, observe: loopObserver(registry, log) };
}

describe('what the control loop tells', () => {
  it('becomes metrics by domain and cell', async () => {
    const { registry, observe } = observed();
    observe({ shard, kind: 'committed', seq: 7, inputs: 3, events: 2, bytes: 100, appendMs: 4 });
    observe({ shard, kind: 'void-record', reason: 'foreign', offset: 5 });
    observe({ shard, kind: 'state', from: 'standby', to: 'owning', why: 'term 1' });
    const text = await registry.metrics();
    expect(text).toContain('orrery_commits_total{domain="cluster",cell="1"} 1');
    expect(text).toContain('orrery_commit_events_total{domain="cluster",cell="1"} 2');
    expect(text).toContain('orrery_journal_void_records_total{domain="cluster",cell="1",reason="foreign"} 1');
    expect(text).toContain('orrery_shard_owned{domain="cluster",cell="1"} 1');
  });

  it('is said aloud only where somebody should look', () => {
    const { lines, observe } = observed();
    observe({ shard, kind: 'turn', work: 'decide', ms: 99 });
    observe({ shard, kind: 'turn', work: 'decide', ms: 101 });
    observe({ shard, kind: 'void-record', reason: 'late', offset: 5 });
    observe({ shard, kind: 'void-record', reason: 'foreign', offset: 6 });
    observe({ shard, kind: 'alarm', code: 'clock-ahead', message: 'six seconds ahead' });
    expect(lines.filter(({ level }) => level >= 40).map(({ msg }) => msg)).toEqual([
      'a turn of 101 ms',
      'void record: foreign',
      'six seconds ahead',
    ]);
  });

  it('tells each step of the way to an owned shard, so that a slow take-over can be explained', () => {
    const { lines, observe } = observed();
    observe({ shard, kind: 'state', from: 'initial', to: 'loading', why: 'started' });
    observe({ shard, kind: 'loaded', seq: 41 });
    observe({ shard, kind: 'state', from: 'loading', to: 'standby', why: 'folded up to seq 43' });
    expect(lines.filter(({ level }) => level >= 30).map(({ msg }) => msg)).toEqual([
      'cluster/1 is loading: started',
      'cluster/1 begins at seq 41',
      'cluster/1 is standby: folded up to seq 43',
    ]);
  });
});

describe('the telemetry server', () => {
  it('answers on an address that its file tells, until it stops', async () => {
    const home = await mkdtemp(join(tmpdir(), 'telemetry-'));
    const environment = { ORRERY_HOME: home, ORRERY_KAFKA: 'k:1', ORRERY_CASSANDRA: 'c:1' };
    let ready = false;
    const health = () => ({ ready, details: ['cluster/0'] });
    const server = new TelemetryServer(processSettings('master', environment), new Registry(), health);
    await server.start();
    const file = join(home, 'run', 'master-0.json');
    const { url, pid } = JSON.parse(await readFile(file, 'utf8')) as { url: string; pid: number };
    expect(pid).toBe(process.pid);
    const statusOf = async (path: string) => (await fetch(`${url}${path}`)).status;
    expect(await statusOf('/livez')).toBe(200);
    expect(await statusOf('/metrics')).toBe(200);
    expect(await statusOf('/readyz')).toBe(503);
    ready = true;
    expect(await (await fetch(`${url}/readyz?verbose`)).json()).toEqual({ ready: true, details: ['cluster/0'] });
    expect(await statusOf('/else')).toBe(404);
    await server.stop();
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
    await expect(readFile(file)).rejects.toThrow('ENOENT');
    await rm(home, { recursive: true });
  });
});
