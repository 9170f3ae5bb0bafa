#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { Home, HomeTaken } from './home.js';
import { runInfra } from './infra.js';
import { infraChoice, settingsFrom, WrongSetting, type Settings } from './settings.js';

const usage = `usage: node deploy/local/dist/main.js VERB
  infra [--home DIR] [--infra auto|jvm|docker] [--deletable-topics] [--while-stdin-is-open]
                    only Kafka and Cassandra, in the foreground
`;

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const expected = error instanceof HomeTaken || error instanceof WrongSetting;
  console.error(expected ? `orrery: ${error.message}` : error);
  process.exitCode = error instanceof WrongSetting ? 2 : error instanceof HomeTaken ? 4 : 1;
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      home: { type: 'string' },
      infra: { type: 'string' },
      'deletable-topics': { type: 'boolean', default: false },
      'while-stdin-is-open': { type: 'boolean', default: false },
    },
  });
  const settings = withFlags(settingsFrom(process.env), values);
  switch (positionals[0]) {
    case 'infra':
      return runInfra(settings, {
        deletableTopics: values['deletable-topics'],
        whileStdinIsOpen: values['while-stdin-is-open'],
      });
    case 'sweep':
      await new Home(settings.home).sweep();
      return 0;
    default:
      console.error(usage);
      return 2;
  }
}

function withFlags(settings: Settings, flags: { readonly home?: string; readonly infra?: string }): Settings {
  return {
    ...settings,
    ...(flags.home === undefined ? {} : { home: flags.home }),
    ...(flags.infra === undefined ? {} : { infra: infraChoice(flags.infra) }),
  };
}
