import type { Call } from './call.js';
import { parseDurationMs } from './duration.js';
import type { Query } from './gateway-client.js';
import type { Listing } from './output/output.js';

/** `--at`: a duration means so long ago; the gateway understands the rest. */
export function atOf(call: Call): { at?: string } {
  const { at } = call.options;
  return at === undefined ? {} : { at: momentOf(at) };
}

/** A moment as the gateway understands it: `5m` is five minutes ago. */
export function momentOf(text: string): string {
  const agoMs = /\d[a-z]+$/i.test(text) ? parseDurationMs(text.replace(/^-/, '')) : undefined;
  return agoMs === undefined ? text : new Date(Date.now() - agoMs).toISOString();
}

/** Reads a list and prints it, or those of it that are meant; with `--watch` again whenever something happens. */
export async function showList<Item>(
  call: Call,
  path: string,
  query: Query,
  listing: Listing<Item>,
  isMeant: (item: Item) => boolean = () => true,
): Promise<void> {
  const limit = call.options['limit'] as number | undefined;
  await watching(call, query['service'] as string | undefined, async () => {
    const items = await call.gateway.list<Item>(path, { ...query, ...atOf(call) }, limit);
    await call.output.list(items.filter(isMeant), listing);
  });
}

interface Shown<Value> {
  readonly name: (value: Value) => string;
  readonly people?: (value: Value) => string;
  /** Sentences that people are told beside it. */
  readonly more?: (value: Value) => Promise<readonly string[]>;
}

export async function showObject<Value extends object>(
  call: Call,
  path: string,
  show: Shown<Value>,
  query: Query = {},
): Promise<void> {
  await watching(call, undefined, async () => {
    const value = await call.gateway.get<Value>(path, { ...query, ...atOf(call) });
    await call.output.object(value, show);
    if (!call.output.isForPeople || show.more === undefined) return;
    for (const sentence of await show.more(value)) call.output.raw(`${sentence}\n`);
  });
}

const REDRAW_MS = 250;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

/** Shows once, or with `--watch` after each burst of events until Ctrl-C. */
async function watching(call: Call, service: string | undefined, show: () => Promise<void>): Promise<void> {
  const { surroundings, gateway, options } = call;
  const again = () => draw(call, show);
  await again();
  if (options.watch !== true || options.at !== undefined) return;
  const query = { follow: true, from: gateway.position, service };
  let due: Promise<void> | undefined;
  for await (const _event of gateway.events(query, surroundings.interrupted)) {
    due ??= new Promise<void>((done) => setTimeout(done, REDRAW_MS)).then(again).finally(() => (due = undefined));
  }
  await due;
}

/** Shows once, or with `--watch` again and again until Ctrl-C: for what changes without an event. */
export async function repeating(call: Call, everyMs: number, show: () => Promise<void>): Promise<void> {
  await draw(call, show);
  const { interrupted } = call.surroundings;
  while (call.options.watch === true && !interrupted.aborted) {
    await new Promise<void>((done) => {
      const timer = setTimeout(done, everyMs);
      interrupted.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
    });
    if (!interrupted.aborted) await draw(call, show);
  }
}

async function draw({ surroundings, options }: Call, show: () => Promise<void>): Promise<void> {
  if (options.watch === true && surroundings.redraws) surroundings.out(CLEAR_SCREEN);
  await show();
}
