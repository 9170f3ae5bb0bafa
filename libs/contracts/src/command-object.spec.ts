import { decodeCommand } from './index.js';

const objectOf = (...[domain, name, body]: ['cluster' | 'allocation' | 'services', string, object]) => {
  const decoded = decodeCommand(domain, name, 1, body);
  return decoded.ok ? `${decoded.object.kind} ${decoded.object.name}` : decoded.refusal;
};

describe('what a command is about', () => {
  it.each([
    ['services', 'UninstallService', { name: 'events' }, 'service events'],
    ['services', 'ReplacePod', { name: 'events', pod: 'broker-0' }, 'pod events.broker-0'],
    ['services', 'PausePlan', { name: 'events', plan: 'deploy', phase: 'broker' }, 'plan events.deploy'],
    ['cluster', 'DrainAgent', { agent: 'a-3' }, 'agent a-3'],
    ['cluster', 'KillTask', { task: 'hello.web-0.server' }, 'task hello.web-0.server'],
    ['allocation', 'SetRole', { role: 'analytics', weight: 2 }, 'role analytics'],
    ['allocation', 'DestroyVolume', { agent: 'a-3', volume: '4.0' }, 'volume 4.0'],
    ['allocation', 'Unreserve', { agent: 'a-3', reservation: '5.0' }, 'reservation 5.0'],
    ['allocation', 'ReturnGrant', { scheduler: 'batch', grants: ['4.0'] }, 'scheduler batch'],
    ['allocation', 'SetFairness', { scarce: ['gpus'] }, 'setting fairness'],
  ] as const)('of %s: %s %j is %s', (domain, name, body, object) => {
    expect(objectOf(domain, name, body)).toBe(object);
  });
});
