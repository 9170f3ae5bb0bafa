import { join } from 'node:path';
import { declarationsIn, type Declarations, type GivenDeclarations } from './agent-declarations.js';
import { readJsonIfThere, writeWhole } from './files.js';

/**
 * How many agents this home has and what they declare: what is given now, and for the rest what was given last, so that a cluster
 * that is started again without a word has the agents and the disks that its volumes are on and keeps what it kept for roles.
 */
export function rememberDeclarations(
  home: string,
  given: GivenDeclarations,
  say: (line: string) => void,
): Declarations {
  const file = join(home, 'declarations.json');
  const before = readJsonIfThere<GivenDeclarations>(file) ?? {};
  const now = { ...before, ...given };
  const declarations = declarationsIn(now);
  const kept: Kept = { ...before, ...Object.fromEntries(Object.keys(given).map((name) => [name, undefined])) };
  if (kept.agents !== undefined) say(`${kept.agents} agents a cell, as last time: --agents N says otherwise`);
  for (const { flag, words } of wordsOf(kept))
    say(
      `agents declare ${words}, as they did last time: ${flag} declares others${flag === '--secrets' ? '' : ', or none'}`,
    );
  writeWhole(file, `${JSON.stringify(now)}\n`);
  return declarations;
}

type Kept = { [Name in keyof GivenDeclarations]: GivenDeclarations[Name] | undefined };

interface Words {
  readonly flag: string;
  readonly words: string;
}

function wordsOf({ disks = [], reserve = [], secrets }: Kept): Words[] {
  const all = [
    { flag: '--disk', given: disks },
    { flag: '--reserve', given: reserve },
    { flag: '--secrets', given: secrets === undefined ? [] : [secrets] },
  ];
  return all
    .filter(({ given }) => given.some((word) => word !== 'none'))
    .map(({ flag, given }) => ({ flag, words: given.map((word) => `${flag} '${word}'`).join(' ') }));
}
