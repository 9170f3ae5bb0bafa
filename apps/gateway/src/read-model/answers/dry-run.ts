import { cellOfName, decodeCommand, type ServiceSpec } from '@orrery/contracts';
import { previewApply } from '@orrery/domain';
import { Problem } from '../../problem.js';
import type { Answer } from '../query.js';
import type { World } from '../world.js';
import { placesOf } from './places.js';

/** What an apply would do: the differences, the plan that would run, and where its first pods would go. */
export function dryRun(world: World, name: string, body: unknown): Answer {
  const decoded = decodeCommand('services', 'ApplyService', 1, body);
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
      changes: difference.changes,
      pods: difference.pods,
      plan: plan ?? null,
      places: plan === undefined ? [] : placesOf(cell, spec, world.atMs),
    },
  };
}
