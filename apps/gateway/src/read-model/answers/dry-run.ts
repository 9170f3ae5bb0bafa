import { cellOfName, checkWholeShape, decodeCommand, type ServiceSpec } from '@orrery/contracts';
import { previewApply, serviceView, type PodDifference } from '@orrery/domain';
import { Problem } from '../../problem.js';
import type { Answer } from '../query.js';
import type { World } from '../world.js';
import { placesOf } from './places.js';

/**
 * What an apply would do: the differences, the plan that would run, and where the pods of all its steps would go that ask for
 * a place before another one is given up.
 */
export function dryRun(world: World, name: string, body: unknown): Answer {
  const decoded = decodeCommand('services', 'ApplyService', 1, body, checkWholeShape);
  if (!decoded.ok) throw Problem.refused(decoded.refusal);
  const spec = decoded.command.body as ServiceSpec;
  const living = world.cells.find(({ services }) => services.services.has(name));
  const cell = living ?? world.cells.find((each) => each.cell === (spec.cell ?? cellOfName(name, world.cells.length)));
  if (cell === undefined) throw Problem.of('wrong-cell', `there is no cell ${spec.cell}`, { field: '/cell' });
  const preview = previewApply(cell.services, spec, world.atMs);
  if (!preview.ok) throw Problem.refused(preview.refusal);
  const { difference, plan } = preview;
  return {
    value: {
      name,
      version: serviceView(cell.services, name)?.version ?? null,
      changes: difference.changes,
      pods: difference.pods.map((pod) => ({ ...pod, effect: effectOf(pod) })),
      plan: plan ?? null,
      places:
        plan === undefined ? [] : placesOf(cell, living === undefined ? atOnce(spec) : changedAtOnce(spec), world.atMs),
    },
  };
}

/** What happens to the pods: there are none yet, none any more, or what becomes of those that stay. */
function effectOf({ countBefore, countAfter, effect }: PodDifference): PodDifference['effect'] | 'new' | 'end' {
  if (countBefore === 0 && countAfter > 0) return 'new';
  return countAfter === 0 && countBefore > 0 ? 'end' : effect;
}

/** The same for a change, whatever may be away at a time: `deploy` stays, since it says how tasks of a pod follow each other. */
function changedAtOnce(spec: ServiceSpec): ServiceSpec {
  const { phases } = atOnce(spec).plans!['deploy']!;
  const pods = Object.entries(spec.pods).map(([name, pod]) => {
    const { update } = pod;
    return [name, update === undefined ? pod : { ...pod, update: { ...update, 'max-unavailable': '100%' } }] as const;
  });
  const plans = { ...spec.plans, update: { strategy: 'parallel' as const, phases } };
  return { ...spec, pods: Object.fromEntries(pods), plans };
}

/** With a plan that asks for all places in its first step. */
function atOnce(spec: ServiceSpec): ServiceSpec {
  const phases = Object.fromEntries(Object.keys(spec.pods).map((pod) => [pod, { pod, strategy: 'parallel' as const }]));
  return { ...spec, plans: { deploy: { strategy: 'parallel', phases } } };
}
