import type { Constraint, Neighbour, PlacementRequest, ServiceName } from '@orrery/contracts';
import { flattened, leavesOf, neighbourIn } from '@orrery/scheduling';

// Pods that rules speak of: those of other pod types and of other services. A rule that keeps pods away from others keeps those
// away from them, too, or it would hold only until the others come.

/** A kind of pods. */
export interface PodType {
  readonly service: ServiceName;
  readonly pod: string;
}

/** A neighbour as the ledger knows it: its service has a name. */
export type KnownNeighbour = Neighbour & { readonly service: string };

/** Whom the pods of a request must never be near. */
export function avoidedBy({
  constraints,
  service,
}: Pick<PlacementRequest, 'constraints' | 'service'>): KnownNeighbour[] {
  return flattened(constraints).flatMap((rule) =>
    'avoid' in rule ? [{ ...rule.avoid, service: rule.avoid.service ?? service }] : [],
  );
}

/** Names of the services of whose pods the rules speak. */
export function servicesNear({ constraints, service }: Pick<PlacementRequest, 'constraints' | 'service'>): string[] {
  const services = new Set<string>();
  for (const leaf of leavesOf(constraints as readonly Constraint[]))
    if (!('operator' in leaf)) services.add(neighbourIn(leaf).service ?? service);
  return [...services];
}

/** Pods of one kind are no neighbours of one another. */
export function isMeant(of: KnownNeighbour, others: PodType, own: PodType): boolean {
  if (of.service !== others.service || (of.pod !== undefined && of.pod !== others.pod)) return false;
  return others.service !== own.service || others.pod !== own.pod;
}
