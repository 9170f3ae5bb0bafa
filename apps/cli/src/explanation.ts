import type { Preemptor } from './answers.js';
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
    readonly funnel: Funnel;
    readonly examples: readonly { readonly hostname: string; readonly filter: string; readonly message: string }[];
    readonly preemption?: Preemption;
    readonly preemptedBy?: Preemptor;
  };
  readonly choice?: Choice;
  readonly pod?: {
    readonly name: string;
    readonly state: string;
    readonly message?: string;
    readonly preemptedBy?: Preemptor;
    readonly until?: string;
  };
}

/** Who makes way for it, or would have to. */
interface Preemption {
  readonly standing: string;
  readonly victims: readonly {
    readonly service: string;
    readonly pod: string;
    readonly role: string;
    readonly priority: number;
    readonly revocable: boolean;
    readonly pods: number;
  }[];
  readonly until?: string;
}

/** How its place was chosen, or why that is not known. */
interface Choice {
  readonly commit: string;
  readonly unknown?: string;
  readonly sentence?: string;
  readonly funnel?: Funnel;
  readonly scores?: readonly { readonly agent: string; readonly hostname: string; readonly score: number }[];
}

type Funnel = readonly { readonly filter: string; readonly rejected: number; readonly left: number }[];

const EXAMPLES_SHOWN = 10;

/** The sentence first; for one that waits, how many agents each filter left and what the nearest ones lack. */
export function explanationText(told: Explanation): string {
  const { task, state, sentence, reasons, request, grant, choice, pod } = told;
  const facts = {
    ...(told.agent === undefined ? {} : { agent: told.agent }),
    ...(told.incarnation === undefined ? {} : { incarnation: told.incarnation }),
    ...(told.since === undefined ? {} : { since: told.since }),
    ...(told.exit === undefined ? {} : { exit: told.exit }),
    role: request?.role ?? grant?.role,
    ...(pod === undefined ? {} : { pod: [pod.name, pod.state, pod.message].filter(Boolean).join(' ') }),
    ...(pod?.until === undefined ? {} : { until: pod.until }),
    ...preemptorFields(reasons?.preemptedBy ?? pod?.preemptedBy),
    ...(request === undefined || request.attempt < 2 ? {} : { 'tried before': request.attempt - 1 }),
  };
  const more = `${reasons === undefined ? '' : reasonsText(reasons)}${choice === undefined ? '' : choiceText(choice)}`;
  return `${task} is ${state}: ${sentence}\n${fields(facts)}${more}`;
}

function preemptorFields(by: Preemptor | undefined): Readonly<Record<string, string>> {
  return by === undefined ? {} : { 'made way for': `${by.service} ${by.pod} (${by.role}, priority ${by.priority})` };
}

/** The sentence has said already what is done about them. */
function preemptionText({ standing, victims, until }: Preemption): string {
  type Victim = (typeof victims)[number];
  const rows = table(
    [
      { title: standing === 'ordered' ? 'MAKES WAY' : 'WOULD MAKE WAY', cell: (victim: Victim) => victim.service },
      { title: 'POD', cell: ({ pod }) => pod },
      { title: 'ROLE', cell: ({ role }) => role },
      { title: 'PRIORITY', cell: ({ priority }) => priority, right: true },
      { title: 'REVOCABLE', cell: ({ revocable }) => revocable },
      { title: 'PODS', cell: ({ pods }) => pods, right: true },
    ],
    victims,
  );
  const again = until === undefined ? '' : `looked at again at ${until}\n`;
  return victims.length === 0 ? '' : `\n${rows}${again}`;
}

function choiceText({ commit, unknown, sentence, funnel = [], scores = [] }: Choice): string {
  if (unknown !== undefined) return `\nplaced by ${commit}; ${unknown}\n`;
  type Score = (typeof scores)[number];
  const ranked = table(
    [
      { title: 'AGENT', cell: ({ agent }: Score) => agent },
      { title: 'HOST', cell: ({ hostname }) => hostname },
      { title: 'SCORE', cell: ({ score }) => score, right: true },
    ],
    scores,
  );
  return `\nplaced by ${commit}: ${sentence}\n${ranked}${funnelText(funnel)}`;
}

function funnelText(funnel: Funnel): string {
  if (funnel.length === 0) return '';
  type Step = Funnel[number];
  const steps = table(
    [
      { title: 'FILTER', cell: ({ filter }: Step) => filter },
      { title: 'RULES OUT', cell: ({ rejected }) => rejected, right: true },
      { title: 'LEAVES', cell: ({ left }) => left, right: true },
    ],
    funnel,
  );
  return `\n${steps}`;
}

function reasonsText({ agents, funnel, examples, preemption }: NonNullable<Explanation['reasons']>): string {
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
  const others = preemption === undefined ? '' : preemptionText(preemption);
  return `\n${agents} agents\n${funnelText(funnel).trimStart()}${examples.length === 0 ? '' : `\n${nearest}${more}`}${others}`;
}
