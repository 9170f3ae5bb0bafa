/**
 * Regular expressions whose cost is linear in the text: a user's pattern must not be able to stall an owner, and must mean
 * the same on every machine and in every version, so the engine's own are not used. Thompson's construction, simulated with
 * sets of states (Thompson 1968, as told by R. Cox, "Regular Expression Matching Can Be Simple And Fast").
 *
 * Known: literals, `.`, `[a-z]`, `[^…]`, `\d \w \s` and their capitals, escaped signs, `(…)`, `(?:…)`, `|`, `* + ?`,
 * `{n}`, `{n,}`, `{n,m}`, `^`, `$`. The whole text must match.
 */
export interface Pattern {
  matches(text: string): boolean;
}

const STATES_MAX = 4096;
const SOURCE_LENGTH_MAX = 1024;

type Sign = (code: number) => boolean;
type Tree =
  | { readonly kind: 'sign'; readonly sign: Sign }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'either'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly of: Tree; readonly min: number; readonly max: number };

type State =
  | { readonly kind: 'sign'; readonly sign: Sign; readonly to: number }
  | { readonly kind: 'start' | 'end'; readonly to: number }
  | { readonly kind: 'split'; readonly to: readonly number[] }
  | { readonly kind: 'match' };

/** The pattern, or what is wrong with it. */
export function compilePattern(source: string): Pattern | { readonly error: string } {
  if (source.length > SOURCE_LENGTH_MAX) return { error: `longer than ${SOURCE_LENGTH_MAX} signs` };
  try {
    const program = new Program(new Parser(source).whole());
    return { matches: (text) => program.matches(text) };
  } catch (error) {
    if (error instanceof PatternError) return { error: error.message };
    throw error;
  }
}

/** What is wrong with a pattern, or nothing. */
export function patternProblem(source: string): string | undefined {
  const pattern = compilePattern(source);
  return 'error' in pattern ? pattern.error : undefined;
}

class PatternError extends Error {}

class Program {
  readonly #states: State[] = [];
  readonly #first: number;

  constructor(tree: Tree) {
    const match = this.#add({ kind: 'match' });
    this.#first = this.#build(tree, match);
  }

  matches(text: string): boolean {
    let now = this.#reach([this.#first], 0, text.length);
    for (let at = 0; at < text.length && now.size > 0; at += 1) {
      const code = text.charCodeAt(at);
      const next: number[] = [];
      for (const index of now) {
        const state = this.#states[index]!;
        if (state.kind === 'sign' && state.sign(code)) next.push(state.to);
      }
      now = this.#reach(next, at + 1, text.length);
    }
    return now.has(0);
  }

  /** All states that can be had from these without reading a sign. */
  #reach(from: readonly number[], at: number, length: number): ReadonlySet<number> {
    const reached = new Set<number>();
    const left = [...from];
    for (let index = left.pop(); index !== undefined; index = left.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      const state = this.#states[index]!;
      if (state.kind === 'split') left.push(...state.to);
      else if ((state.kind === 'start' && at === 0) || (state.kind === 'end' && at === length)) left.push(state.to);
    }
    return reached;
  }

  /** Builds from the end to the start, so that each state knows where it leads. */
  #build(tree: Tree, to: number): number {
    switch (tree.kind) {
      case 'sign':
        return this.#add({ kind: 'sign', sign: tree.sign, to });
      case 'start':
      case 'end':
        return this.#add({ kind: tree.kind, to });
      case 'sequence':
        return tree.parts.reduceRight((next, part) => this.#build(part, next), to);
      case 'either':
        return this.#add({ kind: 'split', to: tree.parts.map((part) => this.#build(part, to)) });
      case 'repeat':
        return this.#repeat(tree, to);
    }
  }

  #repeat({ of, min, max }: Extract<Tree, { kind: 'repeat' }>, to: number): number {
    let next = to;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.#add({ kind: 'match' });
      this.#states[loop] = { kind: 'split', to: [this.#build(of, loop), to] };
      next = loop;
    } else
      for (let extra = min; extra < max; extra += 1)
        next = this.#add({ kind: 'split', to: [this.#build(of, next), to] });
    for (let must = 0; must < min; must += 1) next = this.#build(of, next);
    return next;
  }

  #add(state: State): number {
    if (this.#states.length >= STATES_MAX) throw new PatternError('too large a pattern');
    this.#states.push(state);
    return this.#states.length - 1;
  }
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): Tree {
    const tree = this.#either();
    if (this.#at < this.#source.length) throw new PatternError(`unexpected ) at ${this.#at}`);
    return tree;
  }

  #either(): Tree {
    const parts = [this.#sequence()];
    while (this.#skip('|')) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0]! : { kind: 'either', parts };
  }

  #sequence(): Tree {
    const parts: Tree[] = [];
    while (this.#at < this.#source.length && this.#peek !== '|' && this.#peek !== ')') parts.push(this.#repeated());
    return { kind: 'sequence', parts };
  }

  #repeated(): Tree {
    let tree = this.#single();
    for (;;) {
      if (this.#skip('*')) tree = { kind: 'repeat', of: tree, min: 0, max: Number.POSITIVE_INFINITY };
      else if (this.#skip('+')) tree = { kind: 'repeat', of: tree, min: 1, max: Number.POSITIVE_INFINITY };
      else if (this.#skip('?')) tree = { kind: 'repeat', of: tree, min: 0, max: 1 };
      else if (this.#peek === '{') tree = this.#counted(tree);
      else return tree;
    }
  }

  #counted(of: Tree): Tree {
    const match = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#source.slice(this.#at, this.#at + 16));
    if (match === null) throw new PatternError(`{ at ${this.#at} is not {n}, {n,} or {n,m}`);
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (max < min) throw new PatternError(`{${min},${max}} ends before it begins`);
    return { kind: 'repeat', of, min, max };
  }

  #single(): Tree {
    const sign = this.#next();
    switch (sign) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'sign', sign: this.#class() };
      case '.':
        return { kind: 'sign', sign: (code) => code !== 10 };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '\\':
        return { kind: 'sign', sign: this.#escaped() };
      case '*':
      case '+':
      case '?':
      case '{':
        throw new PatternError(`nothing to repeat at ${this.#at - 1}`);
      default:
        return { kind: 'sign', sign: exactly(sign) };
    }
  }

  #group(): Tree {
    if (this.#skip('?') && !this.#skip(':')) throw new PatternError(`only (?: is known, at ${this.#at}`);
    if (++this.#depth > 100) throw new PatternError('groups nested too deeply');
    const tree = this.#either();
    this.#depth -= 1;
    if (!this.#skip(')')) throw new PatternError('a group is not closed');
    return tree;
  }

  #class(): Sign {
    const negated = this.#skip('^');
    const signs: Sign[] = [];
    for (let first = true; first || this.#peek !== ']'; first = false) {
      const from = this.#next();
      const escaped = from === '\\' ? this.#escaped() : undefined;
      const ranges = escaped === undefined && this.#peek === '-' && this.#source[this.#at + 1] !== ']';
      if (!ranges) {
        signs.push(escaped ?? exactly(from));
        continue;
      }
      this.#at += 1;
      const low = from.charCodeAt(0);
      const high = this.#next().charCodeAt(0);
      if (high < low) throw new PatternError(`a range ends before it begins at ${this.#at}`);
      signs.push((code) => code >= low && code <= high);
    }
    this.#at += 1;
    return (code) => signs.some((sign) => sign(code)) !== negated;
  }

  #escaped(): Sign {
    const sign = this.#next();
    const known = classes[sign.toLowerCase()];
    if (known !== undefined) return sign === sign.toLowerCase() ? known : (code) => !known(code);
    if (/[A-Za-z0-9]/.test(sign)) throw new PatternError(`\\${sign} is not known`);
    return exactly(sign);
  }

  get #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #skip(sign: string): boolean {
    if (this.#peek !== sign) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const sign = this.#peek;
    if (sign === undefined) throw new PatternError('the pattern ends too early');
    this.#at += 1;
    return sign;
  }
}

const isDigit: Sign = (code) => code >= 48 && code <= 57;
const classes: Readonly<Record<string, Sign>> = {
  d: isDigit,
  w: (code) => isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95,
  s: (code) => code === 32 || (code >= 9 && code <= 13),
};

function exactly(sign: string): Sign {
  const wanted = sign.charCodeAt(0);
  return (code) => code === wanted;
}
