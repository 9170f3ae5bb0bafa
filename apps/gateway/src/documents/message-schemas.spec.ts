import { loopEventTypes } from '@orrery/contracts';
import { Ajv } from 'ajv';
import { asyncApi } from './async-api.js';
import { messageSchemas, publishedSchema } from './message-schemas.js';

const ajv = () => new Ajv({ strict: false, formats: { 'date-time': true } });

describe('the schemas of messages', () => {
  it('stand each by itself, under names of their own', () => {
    const names = messageSchemas.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect([name, ajv().validateSchema(publishedSchema(name)!)]).toEqual([name, true]);
    // These hold all that others hold.
    const whole = messageSchemas.filter(({ kind }) => kind === 'record' || kind === 'order');
    for (const { name } of whole) expect(() => ajv().compile(publishedSchema(name)!)).not.toThrow();
    expect(publishedSchema('nothing')).toBeUndefined();
  });

  it('are there for commands, events of every domain and of the loop, orders and reports', () => {
    const names = messageSchemas.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        ...['services.ApplyService', 'services.ServiceApplied', 'cluster.LaunchAccepted', 'allocation.Placed'],
        ...[...loopEventTypes].map((type) => `journal.${type}`),
        ...['journal.Genesis', 'journal.TermStarted', 'services.Commit', 'agents.LaunchesOrder', 'agents.SyncOrder'],
        ...['agents.Inventory', 'agents.TaskStates', 'agents.Heartbeat', 'agents.HeartbeatMarker', 'audit.Checkpoint'],
      ]),
    );
  });

  it('let an event through, and neither one of another type nor one that lacks something', () => {
    const validate = ajv().compile(publishedSchema('cluster.TasksRunning')!);
    const data = { agent: 'ada', epoch: 1, m: 2, launches: [[4, 0, 9]], sinceFrom: 0, since: [1], pids: [7] };
    const event = { type: 'TasksRunning', version: 1, cause: { internal: 'tick' }, data };
    expect([validate(event), validate.errors]).toEqual([true, null]);
    expect(validate({ ...event, type: 'TasksStarting' })).toBe(false);
    expect(validate({ ...event, data: { ...data, launches: ['4.0'] } })).toBe(false);
    const { cause: _, ...uncaused } = event;
    expect(validate(uncaused)).toBe(false);
  });

  it('are what AsyncAPI refers to, and every reference in it leads somewhere', () => {
    const document = JSON.parse(JSON.stringify(asyncApi({ cells: 1, lanes: 4 }))) as object;
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
    expect(references.length).toBeGreaterThan(100);
    for (const path of new Set(references)) {
      const target = path
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([path, typeof target]).toEqual([path, 'object']);
    }
  });
});
