/** What `/v1/state` shows of two moments. */
export interface ShownState {
  readonly at: string;
  readonly position: string;
  readonly services: readonly Named[];
  readonly agents: readonly Named[];
  readonly tasks: readonly Named[];
}

type Named = Readonly<Record<string, unknown>>;

export interface ThingDifference {
  readonly kind: 'service' | 'agent' | 'task';
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Of what changed: field → before and after. */
  readonly fields?: Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;
}

/** What came, went and changed from one state to another, by name. */
export function differenceOfStates(before: ShownState, after: ShownState): ThingDifference[] {
  return [
    ...differences('service', 'name', before.services, after.services),
    ...differences('agent', 'id', before.agents, after.agents),
    ...differences('task', 'id', before.tasks, after.tasks),
  ];
}

function* differences(
  kind: ThingDifference['kind'],
  key: string,
  before: readonly Named[],
  after: readonly Named[],
): Generator<ThingDifference> {
  const old = new Map(before.map((thing) => [String(thing[key]), thing]));
  for (const thing of after) {
    const name = String(thing[key]);
    const was = old.get(name);
    old.delete(name);
    if (was === undefined) yield { kind, name, change: 'added' };
    else {
      const fields = changedFields(was, thing);
      if (Object.keys(fields).length > 0) yield { kind, name, change: 'changed', fields };
    }
  }
  for (const name of old.keys()) yield { kind, name, change: 'removed' };
}

function changedFields(before: Named, after: Named): Record<string, { before: unknown; after: unknown }> {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return Object.fromEntries(
    changed.map((name) => [name, { before: before[name] ?? null, after: after[name] ?? null }]),
  );
}
