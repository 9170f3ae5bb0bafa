import { accept, reject, Table, type Decider, type Input } from '@orrery/kernel';

/**
 * A domain just big enough to exercise the loop: counters that are added to, money that moves between them in two commits of
 * two journals, a timer, and work that goes on by `continue`.
 */
export type ToyCommand =
  | { readonly type: 'Add'; readonly counter: string; readonly amount: number }
  /** Refused when there is less; the other cell's shard adds what was sent. */
  | { readonly type: 'Send'; readonly counter: string; readonly amount: number; readonly to: string }
  /** Adds one at this time. */
  | { readonly type: 'Schedule'; readonly counter: string; readonly dueMs: number }
  /** Adds one `times` times, a few each decision. */
  | { readonly type: 'Count'; readonly counter: string; readonly times: number }
  /** A decision whose events take this many bytes. */
  | { readonly type: 'Write'; readonly bytes: number };

export type ToyEvent =
  | {
      readonly type: 'Added';
      readonly data: { readonly counter: string; readonly amount: number; readonly by: string };
    }
  | { readonly type: 'Sent'; readonly data: { readonly counter: string; readonly amount: number; readonly to: string } }
  | {
      readonly type: 'Scheduled';
      readonly data: { readonly id: string; readonly counter: string; readonly dueMs: number };
    }
  | { readonly type: 'Fired'; readonly data: { readonly id: string; readonly counter: string } }
  | {
      readonly type: 'Counting';
      readonly data: { readonly counter: string; readonly left: number; readonly done: number };
    }
  | { readonly type: 'Written'; readonly data: { readonly text: string } };

export interface ToyState {
  readonly counters: Table<string, { readonly value: number; readonly changes: number }>;
  readonly timers: Table<string, { readonly counter: string; readonly dueMs: number }>;
  readonly work: Table<string, { readonly left: number }>;
}

export type ToyInput = Input<
  ToyCommand,
  ToyEvent,
  { readonly counter: string; readonly amount: number },
  { readonly type: 'Nudge'; readonly counter: string }
>;

const STEPS_A_DECISION = 3;

export const toyDecider: Decider<ToyInput, ToyState, ToyEvent> = {
  name: 'toy',
  foldVersion: 1,
  initialState: () => ({
    counters: new Table('counters'),
    timers: new Table('timers', { due: ({ dueMs }) => String(dueMs).padStart(16, '0') }),
    work: new Table('work'),
  }),

  decide(input, state, context) {
    switch (input.kind) {
      case 'command':
        return decideCommand(input.command, state, context);
      case 'reports':
        return accept(...sumsOf(input.reports));
      case 'foreign':
        if (input.event.type !== 'Sent') return accept();
        return accept(added(input.event.data.to, input.event.data.amount, `${input.journalId}/${input.seq}`));
      case 'internal':
        return decideInternal(input.internal, state, context.at);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'Added':
        return change(state, event.data.counter, event.data.amount);
      case 'Sent':
        return change(state, event.data.counter, -event.data.amount);
      case 'Scheduled':
        return state.timers.put(event.data.id, { counter: event.data.counter, dueMs: event.data.dueMs });
      case 'Fired':
        state.timers.delete(event.data.id);
        return change(state, event.data.counter, 1);
      case 'Counting':
        if (event.data.left > 0) state.work.put(event.data.counter, { left: event.data.left });
        else state.work.delete(event.data.counter);
        return change(state, event.data.counter, event.data.done);
      case 'Written':
        return change(state, 'bytes', event.data.text.length);
    }
  },

  nextDeadline(state) {
    const [first] = state.timers.valuesOf('due');
    return first === undefined ? undefined : Number(first);
  },

  continues: (state) => state.work.size > 0,
};

function decideCommand(command: ToyCommand, state: ToyState, context: { nextId(): string }) {
  switch (command.type) {
    case 'Add':
      return accept(added(command.counter, command.amount, 'command'));
    case 'Send': {
      const { counter, amount, to } = command;
      const value = state.counters.get(counter)?.value ?? 0;
      if (value < amount) return reject('too-little', `${counter} has ${value}, ${amount} were to be sent`);
      return accept<ToyEvent>({ type: 'Sent', data: { counter, amount, to } });
    }
    case 'Schedule': {
      const { counter, dueMs } = command;
      return accept<ToyEvent>({ type: 'Scheduled', data: { id: context.nextId(), counter, dueMs } });
    }
    case 'Count':
      return accept(count(command.counter, command.times));
    case 'Write':
      return accept<ToyEvent>({ type: 'Written', data: { text: 'x'.repeat(command.bytes) } });
  }
}

function decideInternal(internal: { readonly type: string; readonly counter?: string }, state: ToyState, at: number) {
  if (internal.type === 'Nudge') return accept(added(internal.counter!, 1, 'nudge'));
  if (internal.type === 'continue') {
    const [[counter, { left }]] = [...state.work.entries()] as [[string, { left: number }]];
    return accept(count(counter, left));
  }
  const due = [...state.timers.entries()].filter(([, timer]) => timer.dueMs <= at);
  return accept<ToyEvent>(...due.map(([id, { counter }]): ToyEvent => ({ type: 'Fired', data: { id, counter } })));
}

function count(counter: string, times: number): ToyEvent {
  const done = Math.min(times, STEPS_A_DECISION);
  return { type: 'Counting', data: { counter, left: times - done, done } };
}

/** Of each counter once, however many reports speak of it; nothing of one to which they add nothing. */
function sumsOf(reports: readonly { readonly counter: string; readonly amount: number }[]): ToyEvent[] {
  const sums = new Map<string, number>();
  for (const { counter, amount } of reports) sums.set(counter, (sums.get(counter) ?? 0) + amount);
  return Array.from(sums, ([counter, amount]) => added(counter, amount, 'report')).filter(
    ({ data }) => (data as { readonly amount: number }).amount !== 0,
  );
}

function added(counter: string, amount: number, by: string): ToyEvent {
  return { type: 'Added', data: { counter, amount, by } };
}

function change(state: ToyState, counter: string, amount: number): void {
  const row = state.counters.get(counter) ?? { value: 0, changes: 0 };
  state.counters.put(counter, { value: row.value + amount, changes: row.changes + 1 });
}

/** Accepts whatever has the fields of a toy command. */
export function decodeToyCommand(name: string, version: number, body: unknown) {
  if (!['Add', 'Send', 'Schedule', 'Count', 'Write'].includes(name)) {
    return { ok: false, refusal: { code: 'unknown-type', message: `there is no ${name}` } } as const;
  }
  if (version !== 1) return { ok: false, refusal: { code: 'unsupported-version', message: 'only 1' } } as const;
  const amount = (body as { amount?: unknown } | null)?.amount;
  if (amount !== undefined && (typeof amount !== 'number' || amount < 0)) {
    const refusal = {
      code: 'invalid-field',
      message: '/amount is negative',
      field: '/amount',
      remedy: 'give 0 or more',
    };
    return { ok: false, refusal } as const;
  }
  return { ok: true, command: { type: name, ...(body as object) } as ToyCommand } as const;
}
