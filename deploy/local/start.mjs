// `npm start`: everything from a fresh clone to a running cluster. Plain JavaScript, since nothing is installed yet.
import { setUp } from './setup.mjs';

const flags = process.argv.slice(2);
const infra = flags[flags.indexOf('--infra') + 1];
await setUp(flags.includes('--infra') ? infra : process.env.ORRERY_INFRA);
const { run } = await import('./dist/command-line.js');
process.exitCode = await run(['up', ...flags]);
