import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Loaded before a process's own code: on the signal it collects all garbage and writes what is still alive to the file named so. */
const folder = process.env['ORRERY_BENCH_HEAPS'];

if (folder !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  process.on('SIGWINCH', () => {
    // What finalizers of the first time let go is collected by the second.
    collect();
    collect();
    const file = `${folder}/${process.pid}.json`;
    writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
    renameSync(`${file}.part`, file);
  });
}
