import type { Command } from 'commander';
import type { Service } from '../answers.js';
import { argument, path, type Call, type Verb } from '../call.js';

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
    const found = await candidates(program, words.slice(0, -1), typed, (wanted) => namesOf(call, wanted));
    call.output.raw(found.map((word) => `${word}\n`).join(''));
  };
}

/** A name that is to be completed: what it names, of which verb, behind which arguments. */
export interface Wanted {
  readonly kind: string;
  readonly verb: string;
  readonly given: readonly string[];
}

export async function candidates(
  program: Command,
  before: readonly string[],
  typed: string,
  names: (wanted: Wanted) => Promise<readonly string[]>,
): Promise<string[]> {
  const { command, given, option } = walk(program, before);
  const verb = [command.parent?.name(), command.name()].join(' ');
  if (option?.argChoices !== undefined) return startingWith(typed, option.argChoices);
  if (option !== undefined) return startingWith(typed, await names({ kind: option.name(), verb, given }));
  if (typed.startsWith('-'))
    return startingWith(
      typed,
      command.options.flatMap((known) => known.long ?? known.short ?? []),
    );
  const verbs = command.commands.map((child) => child.name()).filter((name) => !name.startsWith('__'));
  if (verbs.length > 0) return startingWith(typed, verbs);
  const expected = command.registeredArguments[given.length];
  if (expected === undefined) return [];
  if (expected.argChoices !== undefined) return startingWith(typed, expected.argChoices);
  return startingWith(typed, await names({ kind: expected.name(), verb, given }));
}

/** Follows the words into the grammar: the verb reached, its arguments so far, the option that waits for its value. */
function walk(program: Command, words: readonly string[]) {
  let command = program;
  const given: string[] = [];
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
    if (child === undefined) given.push(word);
    else command = child;
  }
  return { command, given, option: waiting };
}

interface Named {
  readonly name?: string;
  readonly id?: string;
  readonly role?: string;
  readonly version?: number;
}

const NAMES_MAX = 1000;

async function namesOf({ gateway }: Call, { kind, verb, given: [service = ''] }: Wanted): Promise<readonly string[]> {
  const list = async (address: string, nameOf: (item: Named) => string | number | undefined) =>
    (await gateway.list<Named>(address, {}, NAMES_MAX)).flatMap((item) => nameOf(item) ?? []).map(String);
  const name = (item: Named) => item.name;
  switch (kind) {
    case 'service':
      return list('/v1/services', name);
    case 'task':
      return list('/v1/tasks', ({ id }) => id);
    case 'agent':
      return list('/v1/agents', ({ id }) => id);
    case 'role':
      return list('/v1/roles', ({ role }) => role);
    case 'plan':
      return list(path`/v1/services/${service}/plans`, name);
    case 'version':
    case 'from':
    case 'to':
      return verb.startsWith('service ') ? list(path`/v1/services/${service}/versions`, ({ version }) => version) : [];
    case 'pod':
      if (verb !== 'service scale') return list(path`/v1/services/${service}/pods`, name);
      return Object.keys((await gateway.get<Service>(path`/v1/services/${service}`)).pods);
    default:
      return [];
  }
}

function startingWith(typed: string, words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith(typed));
}
