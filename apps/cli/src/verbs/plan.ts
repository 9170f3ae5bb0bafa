import type { Plan, Service } from '../answers.js';
import { argument, path, type Call, type Verb } from '../call.js';
import { pairsText } from '../output/lines.js';
import { table } from '../output/table.js';
import { versionCounts } from '../output/versions.js';
import { planProgress, planTrouble, waitForPlans } from '../plan-progress.js';
import { atOf, showList, showObject } from '../reading.js';

export async function list(call: Call): Promise<void> {
  await showList<Plan>(
    call,
    path`/v1/services/${argument(call, 0)}/plans`,
    {},
    {
      name: (plan) => plan.name,
      columns: [
        { title: 'PLAN', cell: (plan) => plan.name },
        { title: 'STATUS', cell: (plan) => plan.status },
        { title: 'STRATEGY', cell: (plan) => plan.strategy },
        {
          title: 'PHASES',
          cell: (plan) => plan.phases?.map((phase) => `${phase.name} ${phase.status}`).join(', '),
          shrinks: true,
        },
      ],
    },
  );
}

export async function show(call: Call): Promise<void> {
  const service = argument(call, 0);
  const plan = call.args[1] ?? (await currentPlan(call, service));
  await showObject<Plan>(call, path`/v1/services/${service}/plans/${plan}`, {
    name: ({ name }) => name,
    people: (shown) => `${headOf(shown)}\n${table(stepColumns, stepsOf(shown))}`,
  });
}

/** The plan that brings, or brought, the service to where it is to be. */
async function currentPlan(call: Call, service: string): Promise<string> {
  const { plan } = await call.gateway.get<Service>(path`/v1/services/${service}`, atOf(call));
  return plan?.name ?? 'deploy';
}

function headOf(plan: Plan): string {
  const given = pairsText(plan.parameters ?? {});
  const parameters = given === '' ? [] : [`parameters: ${given}`];
  return [planProgress(plan), ...runningLine(plan), ...parameters, ...planTrouble(plan)].join('\n');
}

/** Where some pods run something older than what the plan leads to, whatever its status says. */
function runningLine({ version = 0, running = {} }: Plan): string[] {
  const others = Object.entries(running).filter(([, versions]) =>
    Object.keys(versions).some((each) => Number(each) < version),
  );
  if (others.length === 0) return [];
  const counts = others.map(([pod, versions]) => `${pod} ${versionCounts(versions)}`).join('; ');
  return [`leads to version ${version}; pods run: ${counts}`];
}

const waitedFor: ReadonlySet<string> = new Set(['start', 'resume', 'force-restart', 'force-complete']);

/** `start`, `stop`, `pause`, `resume`, `force-complete`, `force-restart`. */
export function verb(name: string): Verb {
  return async (call) => {
    const [service, plan, phase, step] = [argument(call, 0), argument(call, 1), call.args[2], call.args[3]];
    const parameters = call.options['parameter'] as Readonly<Record<string, string>>;
    const body = {
      ...(phase === undefined ? {} : { phase }),
      ...(step === undefined ? {} : { step }),
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    };
    // A resumed or completed part of a plan leaves the rest to others: only a whole plan is waited for.
    await changePlan(call, { service, plan, verb: name, body, waits: waitedFor.has(name) && phase === undefined });
  };
}

interface PlanChange {
  readonly service: string;
  readonly plan: string;
  readonly verb: string;
  readonly body: object;
  readonly waits: boolean;
}

/** Does it to the plan, and shows how it stands then. */
export async function changePlan(call: Call, { service, plan, verb: name, body, waits }: PlanChange): Promise<void> {
  const outcome = await call.gateway.change('POST', path`/v1/services/${service}/plans/${plan}/${name}`, {
    body,
    reason: call.options.reason,
  });
  if (waits) await waitForPlans(call, { ...outcome, plans: [{ service, plan }] });
  const shown = await call.gateway.get<Plan>(path`/v1/services/${service}/plans/${plan}`);
  await call.output.object(shown, { name: () => plan, people: () => `${planProgress(shown)}\n` });
}

interface StepRow {
  readonly phase: string;
  readonly step: string;
  readonly status: string;
  readonly message?: string | undefined;
}

const stepColumns = [
  { title: 'PHASE', cell: (row: StepRow) => row.phase },
  { title: 'STEP', cell: (row: StepRow) => row.step },
  { title: 'STATUS', cell: (row: StepRow) => row.status },
  { title: 'MESSAGE', cell: (row: StepRow) => row.message },
];

function stepsOf(plan: Plan): StepRow[] {
  return (plan.phases ?? []).flatMap((phase) =>
    (phase.steps ?? []).map((step) => ({
      phase: phase.name,
      step: step.name,
      status: step.status,
      message: step.message,
    })),
  );
}
