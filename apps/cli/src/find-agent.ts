import type { Agent } from './answers.js';
import { path, type Call } from './call.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { atOf } from './reading.js';

const CANDIDATES_SHOWN = 10;

/** The id of the agent that somebody means: by its id, its hostname, or the beginning of either when no other has it. */
export async function agentIdOf(call: Call, text: string): Promise<string> {
  try {
    return (await call.gateway.get<Agent>(path`/v1/agents/${text}`, atOf(call))).id;
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== exitCodes.notFound) throw error;
    const found = agentsMeant(text, await call.gateway.list<Agent>('/v1/agents', atOf(call)));
    const [only, ...others] = found;
    if (only === undefined) throw error;
    if (others.length === 0) return only.id;
    throw ambiguous(text, found);
  }
}

/** The best kind of match wins: a whole hostname before a beginning, one that is there before one that is gone for ever. */
export function agentsMeant(text: string, agents: readonly Agent[]): readonly Agent[] {
  const kinds = [
    agents.filter(({ hostname }) => hostname === text),
    agents.filter(({ id, hostname }) => id.startsWith(text) || hostname.startsWith(text)),
  ];
  const matching = kinds.find((found) => found.length > 0) ?? [];
  const present = matching.filter(({ state }) => state !== 'GONE');
  return present.length > 0 ? present : matching;
}

function ambiguous(text: string, found: readonly Agent[]): CliError {
  const shown = found.slice(0, CANDIDATES_SHOWN).map(({ id, hostname, state }) => `${id} (${hostname}, ${state})`);
  const more = found.length > CANDIDATES_SHOWN ? [`and ${found.length - CANDIDATES_SHOWN} more`] : [];
  return new CliError('ambiguous', `${text} may mean ${found.length} agents`, {
    remedy: [...shown, ...more].join('\n  '),
    exitCode: exitCodes.usage,
  });
}
