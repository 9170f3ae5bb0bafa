import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

/**
 * Loaded before a process's own code, in each of its threads: SIGUSR2 begins a profile, the next one writes it, to one file
 * for each time that is measured.
 */
const folder = process.env['ORRERY_BENCH_PROFILES'];
const SAMPLE_EVERY_US = 500;

if (folder !== undefined) {
  const threads = new BroadcastChannel('orrery-bench-profile') as BroadcastChannel & { unref(): void };
  threads.unref();
  const session = new Session();
  session.connect();
  let began = false;
  let written = 0;
  const turn = () => {
    began = !began;
    if (began) {
      session.post('Profiler.enable');
      session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
      session.post('Profiler.start');
      return;
    }
    written += 1;
    const file = `${nameOfProcess()}-${threadId}-${written}.cpuprofile`;
    session.post('Profiler.stop', (error, { profile }) => {
      if (error !== null) throw error;
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, file), JSON.stringify(profile));
    });
  };
  threads.onmessage = turn;
  if (isMainThread) {
    process.on('SIGUSR2', () => {
      threads.postMessage('turn');
      turn();
    });
  }
}

function nameOfProcess(): string {
  return `${/apps\/([a-z-]+)\/dist/.exec(process.argv[1] ?? '')?.[1] ?? 'other'}-${process.pid}`;
}
