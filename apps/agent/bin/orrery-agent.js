#!/usr/bin/env node
// Plain JavaScript and checked in, so that the bin exists before anything is built and can say what is missing.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('orrery-agent is not built yet. Run `npm run build`.');
  process.exitCode = 1;
}
