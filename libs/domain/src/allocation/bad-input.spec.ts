import { decodeCommand, refusalStatus, type AgentId, type AllocationEvent, type RoleName } from '@orrery/contracts';
import { partsOf } from '@orrery/kernel';
import { digestOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { order } from './examples.js';

// What operators and other people's schedulers get wrong: refused with a code and a way out, and nothing has changed.

const opened: AllocationEvent = {
  type: 'AgentOpened',
  data: {
    ...{ agent: 'a' as AgentId, number: 1, epoch: 1, hostname: 'a', attributes: {} },
    capacity: {
      ...{ cpusMilli: 4000, memoryMib: 4000, diskMib: 4000, gpuIds: ['g0'], ports: [[9000, 9009]] },
      disks: [{ name: 'fast', path: '/fast', type: 'MOUNT', sizeMib: 100 }],
    },
    faultDomain: { region: 'eu', zone: 'a' },
  },
};
const known: AllocationEvent = { type: 'RoleSet', data: { role: 'eng' as RoleName, weight: 1 } };
const reserve = (resources: object, more: object = {}) =>
  ['Reserve', { agent: 'a', role: 'eng', resources, ...more }] as const;
const quota = (limit: object, more: object = {}) => ['SetQuota', { role: 'eng', limit, ...more }] as const;
const wish = (more: object) =>
  [
    'RequestPlacement',
    { scheduler: 'mine', role: 'eng', pod: 'p', count: 1, needs: { cpus: 1, memory: 1 }, ...more },
  ] as const;

describe('bad input', () => {
  it.each<[string, readonly [string, object], string]>([
    ['a fraction of a gpu in a reservation', reserve({ gpus: 0.5 }), 'invalid-field'],
    ['a fraction of a gpu in a quota', quota({ gpus: 1.5 }), 'invalid-field'],
    ['a negative amount', reserve({ cpus: -1 }), 'invalid-field'],
    ['nothing', reserve({}), 'invalid-field'],
    ['zero', reserve({ cpus: 0 }), 'invalid-field'],
    ['a number that nothing has', reserve({ memory: 1e18 }), 'invalid-field'],
    ['more than is there', reserve({ memory: 5000 }), 'reservation-too-large'],
    ['a fourth decimal', reserve({ cpus: 0.0001 }), 'invalid-field'],
    ['a number as text', reserve({ cpus: '1' }), 'invalid-field'],
    ['a resource that does not exist', reserve({ wheels: 4 }), 'unknown-field'],
    ['port 0', reserve({ ports: [{ begin: 0, end: 5 }] }), 'invalid-field'],
    ['a port beyond 65535', reserve({ ports: [{ begin: 9000, end: 70_000 }] }), 'invalid-field'],
    ['ports that are turned around', reserve({ ports: [{ begin: 9005, end: 9001 }] }), 'invalid-field'],
    ['ports that nobody offers', reserve({ ports: [{ begin: 80, end: 80 }] }), 'reservation-too-large'],
    ['no ports', reserve({ ports: [] }), 'invalid-field'],
    ['a disk that is not there', reserve({ disks: ['slow'] }), 'unknown-disk'],
    ['a disk twice', reserve({ disks: ['fast', 'fast'] }), 'invalid-field'],
    ['a reservation for everyone', reserve({ cpus: 1 }, { role: '*' }), 'invalid-field'],
    ['a role that is no path', reserve({ cpus: 1 }, { role: 'eng//web' }), 'invalid-field'],
    ['an agent that is not there', reserve({ cpus: 1 }, { agent: 'z' }), 'unknown-agent'],
    ['a reservation to refine that is not there', reserve({ cpus: 1 }, { refines: '9.9' }), 'unknown-reservation'],
    ['a quota of a role that nobody knows', quota({ cpus: 1 }, { role: 'nobody' }), 'unknown-role'],
    ['a quota of nothing', ['SetQuota', { role: 'eng' }], 'invalid-field'],
    ['a weight of 0', ['SetRole', { role: 'eng', weight: 0 }], 'invalid-field'],
    ['a negative budget', ['SetPreemptionBudget', { perMinute: -1 }], 'invalid-field'],
    ['a volume that is not there', ['DestroyVolume', { agent: 'a', volume: '9.9' }], 'unknown-volume'],
    ['a constraint without a value', wish({ constraints: [{ field: 'rack', operator: 'LIKE' }] }), 'invalid-placement'],
    [
      'constraints that can never hold together',
      wish({ constraints: ['1', '2'].map((value) => ({ field: 'rack', operator: 'IS', value })) }),
      'invalid-placement',
    ],
    ['a port beyond 65535 of a wish', wish({ ports: { 't.p': 70_000 } }), 'invalid-field'],
    ['an operator that does not exist', wish({ constraints: [{ field: 'rack', operator: 'NEAR' }] }), 'invalid-field'],
  ])('%s is refused, and changes nothing', (_, [name, body], code) => {
    const state = allocation.initialState();
    for (const event of [opened, known]) allocation.evolve(state, event);
    const before = digestOf(state);
    const decoded = decodeCommand('allocation', name, 1, body);
    const refusal = decoded.ok ? refusalBy(state, order(decoded.command)) : decoded.refusal;
    expect(refusal).toMatchObject({ code, message: expect.stringMatching(/\S/) as string });
    expect(refusal!.remedy ?? '').not.toBe('');
    expect(refusalStatus).toHaveProperty([code]);
    expect(digestOf(state)).toBe(before);
    expect(partsOf(state).length).toBeGreaterThan(0);
  });
});

function refusalBy(state: ReturnType<typeof allocation.initialState>, input: ReturnType<typeof order>) {
  const context = { at: 0, seed: 1, seq: 1, nextId: () => '1.0', nextIds: () => 0 };
  const decision = allocation.decide(input, state, context);
  return decision.accepted ? undefined : decision.refusal;
}
