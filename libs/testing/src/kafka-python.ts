import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CLIENT = 'kafka-python==3.0.12';

/** A folder for PYTHONPATH with a Kafka client of another language, kept between runs. */
export async function kafkaPython(): Promise<string> {
  const folder = join(homedir(), '.cache/orrery/python', CLIENT);
  if (existsSync(join(folder, 'kafka'))) return folder;
  mkdirSync(folder, { recursive: true });
  await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', folder, CLIENT]);
  return folder;
}
