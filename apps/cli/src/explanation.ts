import { fields, table } from './output/table.js';

/** Why a task is where it is, as the gateway tells it. */
export interface Explanation {
  readonly task: string;
  readonly state: string;
  readonly sentence: string;
  readonly incarnation?: number;
  readonly agent?: string;
  readonly hostname?: string;
  readonly since?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly exit?: unknown;
  readonly grant?: { readonly role: string };
  readonly request?: { readonly role: string; readonly attempt: number };
  readonly reasons?: {
    readonly agents: number;
    readonly funnel: readonly { readonly filter: string; readonly rejected: number; readonly left: number }[];
    readonly examples: readonly { readonly hostname: string; readonly filter: string; readonly message: string }[];
  };
  readonly pod?: { readonly name: string; readonly state: string; readonly message?: string; readonly until?: string };
}

const EXAMPLES_SHOWN = 10;

/** The sentence first; for one that waits, how many agents each filter left and what the nearest ones lack. */
export function explanationText(told: Explanation): string {
  const { task, state, sentence, reasons, request, grant, pod } = told;
  const facts = {
    ...(told.agent === undefined ? {} : { agent: told.agent }),
    ...(told.incarnation === undefined ? {} : { incarnation: told.incarnation }),
    ...(told.since === undefined ? {} : { since: told.since }),
    ...(told.exit === undefined ? {} : { exit: told.exit }),
    role: request?.role ?? grant?.role,
    ...(pod === undefined ? {} : { pod: [pod.name, pod.state, pod.message].filter(Boolean).join(' ') }),
    ...(pod?.until === undefined ? {} : { until: pod.until }),
    ...(request === undefined || request.attempt < 2 ? {} : { 'tried before': request.attempt - 1 }),
  };
  return `${task} is ${state}: ${sentence}\n${fields(facts)}${reasons === undefined ? '' : reasonsText(reasons)}`;
}

function reasonsText({ agents, funnel, examples }: NonNullable<Explanation['reasons']>): string {
  type Step = (typeof funnel)[number];
  const steps = table(
    [
      { title: 'FILTER', cell: ({ filter }: Step) => filter },
      { title: 'RULES OUT', cell: ({ rejected }) => rejected, right: true },
      { title: 'LEAVES', cell: ({ left }) => left, right: true },
    ],
    funnel,
  );
  type Example = (typeof examples)[number];
  const nearest = table(
    [
      { title: 'AGENT', cell: ({ hostname }: Example) => hostname },
      { title: 'FILTER', cell: ({ filter }) => filter },
      { title: 'WHY NOT', cell: ({ message }) => message },
    ],
    examples.slice(0, EXAMPLES_SHOWN),
  );
  const more = examples.length > EXAMPLES_SHOWN ? `… ${examples.length - EXAMPLES_SHOWN} more with -o yaml\n` : '';
  return `\n${agents} agents\n${steps}${examples.length === 0 ? '' : `\n${nearest}${more}`}`;
}
