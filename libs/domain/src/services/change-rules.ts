import { reject, type Decision } from '@orrery/kernel';
import type { PodSpec, RefusalCode, ServiceSpec } from '@orrery/contracts';
import { leavesOf } from '@orrery/scheduling';
import { constraintsOf } from './constraints.js';
import { digestOf } from './recipe.js';
import { drainingOf } from './wanted.js';

interface Forbidden {
  readonly code: RefusalCode;
  /** JSON pointer into the new spec. */
  readonly field: string;
  readonly message: string;
  readonly remedy: string;
}

/** What an existing service may not become: one thing, under one code. Specs have their defaults written out. */
type ChangeRule = (before: ServiceSpec, after: ServiceSpec) => Forbidden | undefined;
type PodRule = (old: PodSpec, now: PodSpec, name: string) => Omit<Forbidden, 'field'> | undefined;

/** The first rule that a change breaks, as its refusal. */
export function refusalOfChange(before: ServiceSpec, after: ServiceSpec): Decision<never> | undefined {
  for (const rule of RULES) {
    const forbidden = rule(before, after);
    if (forbidden === undefined) continue;
    const { code, field, message, remedy } = forbidden;
    return reject(code, `${field} ${message}`, { field, remedy });
  }
  return undefined;
}

const NEW_POD_TYPE = 'add a pod type that is as you want it, and take this one down once its data has moved';

/** Grants, quota and volumes of its pods belong to the role. */
const roleStays: ChangeRule = (before, after) => staysFor(before, after, 'role', 'role-cannot-change');

/** Its journal is in its cell. */
const cellStays: ChangeRule = (before, after) => staysFor(before, after, 'cell', 'cell-cannot-change');

function staysFor(
  before: ServiceSpec,
  after: ServiceSpec,
  field: 'role' | 'cell',
  code: RefusalCode,
): Forbidden | undefined {
  if (before[field] === after[field]) return undefined;
  const [is, found] = [before[field] ?? 'not set', after[field] ?? 'none'];
  const message = `is ${is} for the life of a service, found ${found}`;
  return {
    code,
    field: `/${field}`,
    message,
    remedy: 'uninstall the service and install it anew, or use another name',
  };
}

/** They are cut out of the machines where the data is: neither their number nor their sizes and types can change there. */
const volumesStay: PodRule = (old, now) => {
  if (digestOf(volumesOf(old)) === digestOf(volumesOf(now))) return undefined;
  return {
    code: 'volumes-cannot-change',
    message: 'stay as they are while there are pods that have data in them',
    remedy: NEW_POD_TYPE,
  };
};

/** Data services take their racks from zones: pods that were placed without a word about them are in none that they know. */
const zonesStay: PodRule = (old, now) => {
  if (speaksOf(old, 'zone') === speaksOf(now, 'zone')) return undefined;
  return {
    code: 'zones-cannot-change',
    message: speaksOf(old, 'zone')
      ? 'places these pods by zone, and those with data stay where they are: it can not be left out'
      : 'did not place these pods by zone, and those with data stay where they are: it can not be added',
    remedy: NEW_POD_TYPE,
  };
};

/** Data does not follow to another region. */
const regionStays: PodRule = (old, now) => {
  if (rulesAbout(old, 'region') === rulesAbout(now, 'region')) return undefined;
  return {
    code: 'region-cannot-change',
    message: 'says otherwise where in the world these pods are, and those with data stay where they are',
    remedy: NEW_POD_TYPE,
  };
};

/** Taking a pod down destroys its volumes, so the spec has to say that it may be done. */
const decommissionAllowed: ChangeRule = (before, after) => {
  for (const [name, old] of Object.entries(before.pods)) {
    const now = Object.hasOwn(after.pods, name) ? after.pods[name] : undefined;
    const [had, wants] = [old.count ?? 0, now?.count ?? 0];
    if (wants >= had) continue;
    if ((now ?? old)['allow-decommission'] !== true) {
      return {
        code: 'decommission-not-allowed',
        field: now === undefined ? `/pods/${name}` : `/pods/${name}/count`,
        message: `takes ${had - wants} of ${had} pods down for good, and what they hold with them; the spec does not allow it`,
        remedy: `allow-decommission: true in the spec of pod ${name}${now === undefined ? ', before it is left out' : ''}`,
      };
    }
    if (now === undefined && drainingOf(before, name) !== undefined) {
      return {
        code: 'decommission-not-allowed',
        field: `/pods/${name}`,
        message: `is left out while there are ${had} pods whose steps of decommission have work to do`,
        remedy: `scale ${name} to 0 first, and leave it out once they are gone`,
      };
    }
  }
  return undefined;
};

const RULES: readonly ChangeRule[] = [
  roleStays,
  cellStays,
  whileThereIsData('volumes', volumesStay),
  whileThereIsData('placement', zonesStay),
  whileThereIsData('placement', regionStays),
  decommissionAllowed,
];

function whileThereIsData(field: keyof PodSpec, rule: PodRule): ChangeRule {
  return (before, after) => {
    for (const [name, { old, now }] of podsWithData(before, after)) {
      const found = rule(old, now, name);
      if (found !== undefined) return { ...found, field: `/pods/${name}/${field}` };
    }
    return undefined;
  };
}

/** Pod types that had pods with volumes before and are kept. */
function* podsWithData(
  before: ServiceSpec,
  after: ServiceSpec,
): IterableIterator<[string, { readonly old: PodSpec; readonly now: PodSpec }]> {
  for (const [name, now] of Object.entries(after.pods)) {
    const old = Object.hasOwn(before.pods, name) ? before.pods[name] : undefined;
    if (old === undefined || (old.count ?? 0) === 0 || Object.keys(volumesOf(old)).length === 0) continue;
    yield [name, { old, now }];
  }
}

function volumesOf({ volumes = {} }: PodSpec): NonNullable<PodSpec['volumes']> {
  return volumes;
}

function speaksOf(pod: PodSpec, field: string): boolean {
  return rulesAbout(pod, field) !== '[]';
}

function rulesAbout({ placement }: PodSpec, field: string): string {
  const rules = [...leavesOf(constraintsOf(placement))].filter(
    (rule) => 'field' in rule && plainField(rule.field) === field,
  );
  return JSON.stringify(rules);
}

/** Marathon writes @zone for what is also called zone. */
function plainField(field: string): string {
  return field.replace(/^@/, '');
}
