#!/usr/bin/env node
// Plain JavaScript and checked in, so that the bin exists before anything is built and can say what is missing.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) {
  const { run } = await import(main.href);
  await run(process);
} else {
  console.error('orrery is not built yet. Run `npm start` (sets up and starts everything) or `npm run build`.');
  process.exitCode = 1;
}
