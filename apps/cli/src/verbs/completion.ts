import type { Command } from 'commander';
import { argument, type Call, type Verb } from '../call.js';

const scripts: Readonly<Record<string, string>> = {
  bash: `_orrery() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(orrery __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _orrery orrery
`,
  zsh: `#compdef orrery
_orrery() {
  local -a words_found
  words_found=("\${(@f)$(orrery __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- $words_found || _files
}
compdef _orrery orrery
`,
  fish: `complete -c orrery -f -a '(orrery __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
};

export async function script(call: Call): Promise<void> {
  call.output.raw(scripts[argument(call, 0)]!);
}

/** What can follow the words typed so far; the last one is still being typed. One answer for all shells. */
export function complete(program: Command): Verb {
  return async (call) => {
    const words = (call.args[0] ?? []) as readonly string[];
    const typed = words.at(-1) ?? '';
    const found = await candidates(program, words.slice(0, -1), typed, (noun) => namesOf(call, noun));
    call.output.raw(found.map((word) => `${word}\n`).join(''));
  };
}

export async function candidates(
  program: Command,
  before: readonly string[],
  typed: string,
  names: (noun: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const { command, given, option } = walk(program, before);
  if (option?.argChoices !== undefined) return startingWith(typed, option.argChoices);
  if (option !== undefined) return startingWith(typed, await names(option.name()));
  if (typed.startsWith('-'))
    return startingWith(
      typed,
      command.options.flatMap((known) => known.long ?? known.short ?? []),
    );
  const verbs = command.commands.map((child) => child.name()).filter((name) => !name.startsWith('__'));
  if (verbs.length > 0) return startingWith(typed, verbs);
  const expected = command.registeredArguments[given];
  if (expected === undefined) return [];
  if (expected.argChoices !== undefined) return startingWith(typed, expected.argChoices);
  return startingWith(typed, await names(expected.name()));
}

/** Follows the words into the grammar: the verb reached, how many arguments it has, the option that waits for its value. */
function walk(program: Command, words: readonly string[]) {
  let command = program;
  let given = 0;
  let waiting: Command['options'][number] | undefined;
  for (const word of words) {
    if (waiting !== undefined) {
      waiting = undefined;
      continue;
    }
    if (word.startsWith('-')) {
      const option = command.options.find((known) => known.long === word || known.short === word);
      waiting = option?.required === true ? option : undefined;
      continue;
    }
    const child = command.commands.find((known) => known.name() === word);
    if (child === undefined) given += 1;
    else command = child;
  }
  return { command, given, option: waiting };
}

const listsOf: Readonly<Record<string, string>> = {
  service: '/v1/services',
  task: '/v1/tasks',
  agent: '/v1/agents',
};

async function namesOf(call: Call, noun: string): Promise<readonly string[]> {
  const list = listsOf[noun];
  if (list === undefined) return [];
  const items = await call.gateway.list<{ name?: string; id?: string }>(list, {}, 1000);
  return items.flatMap((item) => item.name ?? item.id ?? []);
}

function startingWith(typed: string, words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith(typed));
}
