import { reject, type Decision } from '@orrery/kernel';
import type {
  Constraint,
  FieldConstraint,
  Neighbour,
  NeighbourSpec,
  PlacementRow,
  PlacementRule,
  PlacementSpec,
  PodSpec,
  ServiceSpec,
} from '@orrery/contracts';
import { contradictionOf, leavesOf, neighbourIn, ruleProblem } from '@orrery/scheduling';

/** Placement as users write it, in the form of requests. What is no rule stays what it is, for `refusalOfPlacement` to find. */
export function constraintsOf(placement: PlacementSpec = []): Constraint[] {
  return isList(placement) ? placement.map(constraintOf) : [constraintOf(placement)];
}

function isList(placement: PlacementSpec): placement is readonly PlacementRule[] {
  return Array.isArray(placement);
}

function constraintOf(rule: PlacementRule): Constraint {
  if (Array.isArray(rule)) return fieldConstraintOf(rule as PlacementRow);
  if (typeof rule !== 'object' || rule === null) return rule;
  if ('and' in rule && Array.isArray(rule.and)) return { ...rule, and: rule.and.map(constraintOf) };
  if ('or' in rule && Array.isArray(rule.or)) return { ...rule, or: rule.or.map(constraintOf) };
  if ('not' in rule) return { ...rule, not: constraintOf(rule.not) };
  if ('avoid' in rule) return { ...rule, avoid: neighbourOf(rule.avoid) };
  if ('colocate' in rule) return { ...rule, colocate: neighbourOf(rule.colocate) };
  if (!('round-robin' in rule)) return rule as Constraint;
  const { 'round-robin': field, groups, ...stray } = rule;
  return { field, operator: 'GROUP_BY', ...(groups === undefined ? {} : { value: String(groups) }), ...stray };
}

function fieldConstraintOf([field, operator, value, ...more]: PlacementRow): FieldConstraint {
  return {
    field: field as string,
    operator: String(operator).toUpperCase() as FieldConstraint['operator'],
    ...(value === undefined ? {} : { value: String(value) }),
    ...(more.length === 0 ? {} : { more }),
  };
}

function neighbourOf(of: NeighbourSpec): Neighbour {
  return typeof of === 'string' ? { pod: of } : of;
}

/** What is wrong with the placement rules of a pod, if anything. */
export function refusalOfPlacement(spec: ServiceSpec, name: string, pod: PodSpec): Decision<never> | undefined {
  const path = `/pods/${name}/placement`;
  const rules = constraintsOf(pod.placement);
  const fieldAt = (pointer: string) => path + (isList(pod.placement ?? []) ? pointer : pointer.replace(/^\/0/, ''));
  const problem = ruleProblem(rules);
  if (problem !== undefined) return invalid(fieldAt(problem.path), problem.message, problem.remedy);
  for (const [at, rule] of rules.entries()) {
    const stranger = strangerIn(rule, spec, name);
    if (stranger !== undefined) return invalid(fieldAt(`/${at}`), stranger.message, stranger.remedy);
  }
  const contradiction = contradictionOf(rules, pod.count ?? 1);
  if (contradiction !== undefined)
    return invalid(
      fieldAt(`/${contradiction.at}`),
      `can never hold beside those before it: ${contradiction.message}`,
      'leave out one of them, or ask for fewer pods',
    );
  const circle = circleOf(spec, name);
  if (circle === undefined) return undefined;
  return invalid(
    path,
    `can never hold: ${circle.join(' waits for ')}`,
    'let one of them go first: leave out its colocate',
  );
}

/** A rule about pods of this service that it has not. */
function strangerIn(
  rule: Constraint,
  spec: ServiceSpec,
  name: string,
): { message: string; remedy: string } | undefined {
  for (const leaf of leavesOf([rule])) {
    if (!('avoid' in leaf || 'colocate' in leaf)) continue;
    const { service = spec.name, pod } = neighbourIn(leaf);
    if (service !== spec.name || pod === undefined) continue;
    if (pod === name)
      return {
        message: `speaks of ${name} itself`,
        remedy: 'pods of one type are kept apart by [hostname, UNIQUE], together by [hostname, CLUSTER]',
      };
    if (!Object.hasOwn(spec.pods, pod))
      return {
        message: `names no pod type of this service, found ${pod}`,
        remedy: `one of ${Object.keys(spec.pods).join(', ')}, or {service: another, pod: ${pod}}`,
      };
  }
  return undefined;
}

/** Pod types that may go only where the next one is, round to the first: none of them could ever begin. */
function circleOf(spec: ServiceSpec, first: string): string[] | undefined {
  const stuck = nextOf(spec, first).length === 0 ? new Set<string>() : neverPlaced(spec);
  if (!stuck.has(first)) return undefined;
  const trail = [first];
  const seen = new Set(trail);
  const left = [nextOf(spec, first)];
  while (left.length > 0) {
    const pod = left.at(-1)!.pop();
    if (pod === undefined) {
      left.pop();
      trail.pop();
    } else if (pod === first) return [...trail, first];
    else if (!seen.has(pod) && stuck.has(pod)) {
      seen.add(pod);
      trail.push(pod);
      left.push(nextOf(spec, pod));
    }
  }
  return undefined;
}

/** Pod types that are left when all that may go first, or after these, have their places. */
function neverPlaced(spec: ServiceSpec): Set<string> {
  const left = new Set(Object.keys(spec.pods));
  for (let before = Infinity; left.size < before;) {
    before = left.size;
    for (const pod of left) if (mayGoBeside(spec, pod, (other) => !left.has(other))) left.delete(pod);
  }
  return left;
}

/** Whether the rules of a pod type let it be placed while of its own service only these types have places. */
export function mayGoBeside(spec: ServiceSpec, pod: string, isPlaced: (pod: string) => boolean): boolean {
  const holds = (rule: Constraint): boolean => {
    if ('and' in rule) return rule.and.every(holds);
    if ('or' in rule) return rule.or.some(holds);
    const next = ownNeighbour(spec, rule);
    return next === undefined || isPlaced(next);
  };
  return constraintsOf(spec.pods[pod]!.placement).every(holds);
}

/** Pod types of this service that others must be with, or may be with instead of something else. */
export function nextOf(spec: ServiceSpec, pod: string): string[] {
  const within = (rule: Constraint): string[] => {
    if ('and' in rule) return rule.and.flatMap(within);
    if ('or' in rule) return rule.or.flatMap(within);
    const next = ownNeighbour(spec, rule);
    return next === undefined ? [] : [next];
  };
  return constraintsOf(spec.pods[pod]!.placement).flatMap(within);
}

function ownNeighbour({ name }: ServiceSpec, rule: Constraint): string | undefined {
  return 'colocate' in rule && (rule.colocate.service ?? name) === name ? rule.colocate.pod : undefined;
}

function invalid(field: string, message: string, remedy: string): Decision<never> {
  return reject('invalid-spec', `${field} ${message}`, { field, remedy });
}
