import { checkWholeShape, decodeCommand, parseCommandType, parseTaskId, taskId, topicLayout } from './index.js';

const hello = { name: 'hello', pods: { web: { count: 3, tasks: { server: { cmd: 'true', cpus: 0.1, memory: 64 } } } } };
const refusalOf = (body: unknown) => {
  const decoded = decodeCommand('services', 'ApplyService', 1, body);
  return decoded.ok ? undefined : decoded.refusal;
};

describe('decodeCommand', () => {
  it('takes a service as users write it', () => {
    expect(decodeCommand('services', 'ApplyService', 1, hello)).toEqual({
      ok: true,
      command: { type: 'ApplyService', body: hello },
      object: { kind: 'service', name: 'hello' },
    });
  });

  it('refuses a field that does not exist, and says which exist', () => {
    const refusal = refusalOf({ ...hello, pods: { web: { cuont: 3, tasks: hello.pods.web.tasks } } });
    expect(refusal).toMatchObject({ code: 'unknown-field', field: '/pods/web/cuont' });
    expect(refusal?.remedy).toContain('count');
  });

  it.each([
    [{ web: { count: 'three', tasks: hello.pods.web.tasks } }, 'an integer'],
    [{ web: { count: -1, tasks: hello.pods.web.tasks } }, 'at least 0'],
  ])('says in a remedy what fits, in other words than what is wrong: %j', (pods, remedy) => {
    const refusal = refusalOf({ ...hello, pods });
    expect(refusal?.remedy).toContain(remedy);
    expect(refusal?.message).not.toContain(refusal?.remedy);
  });

  it('tells all that is wrong at once where that is asked for, each field once, the first of 20 at most', () => {
    const wrong = { name: 7, pods: { web: { cuont: 3, count: 'x', tasks: { server: { cmd: 'true', cpus: -1 } } } } };
    const mistakesIn = (body: unknown) => {
      const decoded = decodeCommand('services', 'ApplyService', 1, body, checkWholeShape);
      return decoded.ok ? [] : [decoded.refusal, ...(decoded.refusal.also ?? [])];
    };
    const fields = mistakesIn(wrong).map(({ field }) => field);
    expect([...fields].sort()).toEqual(
      ['/name', '/pods/web/count', '/pods/web/cuont', '/pods/web/tasks/server/cpus'].sort(),
    );
    expect(mistakesIn(wrong)[0]).toMatchObject(refusalOf(wrong)!);
    expect(refusalOf(wrong)).not.toHaveProperty('also');
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`unknown${index}`, 1]));
    expect(mistakesIn({ ...hello, ...many })).toHaveLength(20);
    expect(mistakesIn(hello)).toEqual([]);
  });

  it.each([
    [['default', ['server']], undefined],
    [[2, ['server']], undefined],
    [['all', ['server']], '/plans/deploy/phases/web/steps/0/0'],
    [['default'], '/plans/deploy/phases/web/steps/0'],
    [['default', ['server'], 1], '/plans/deploy/phases/web/steps/0'],
  ])('takes a step as a pod and its tasks: %j', (step, field) => {
    const plans = { deploy: { phases: { web: { pod: 'web', steps: [step] } } } };
    expect(refusalOf({ ...hello, plans })?.field).toBe(field);
  });

  it.each([
    ['a negative cpu', { cpus: -1 }, '/pods/web/tasks/server/cpus'],
    ['a fraction of a gpu', { gpus: 0.5 }, '/pods/web/tasks/server/gpus'],
    ['a missing command', { cmd: undefined }, '/pods/web/tasks/server/cmd'],
    ['a fourth decimal of a cpu', { cpus: 0.0001 }, '/pods/web/tasks/server/cpus'],
  ])('refuses %s and names the field', (_, change, field) => {
    const server = JSON.parse(JSON.stringify({ ...hello.pods.web.tasks.server, ...change })) as object;
    expect(refusalOf({ ...hello, pods: { web: { tasks: { server } } } })).toMatchObject({
      code: 'invalid-field',
      field,
    });
  });

  it('refuses unknown types and versions, also names that every object has', () => {
    expect(decodeCommand('services', 'constructor', 1, {})).toMatchObject({ refusal: { code: 'unknown-type' } });
    expect(decodeCommand('services', 'ApplyService', 2, hello)).toMatchObject({
      refusal: { code: 'unsupported-version' },
    });
  });
});

describe('names', () => {
  it('parse back to their parts', () => {
    expect(parseCommandType('orrery.services.ApplyService.v1')).toEqual({
      domain: 'services',
      name: 'ApplyService',
      version: 1,
    });
    expect(parseCommandType('ApplyService')).toBeUndefined();
    expect(parseTaskId(taskId('hello', 'web-front', 12, 'server'))).toEqual({
      service: 'hello',
      pod: 'web-front',
      index: 12,
      task: 'server',
    });
  });

  it('name each topic once', () => {
    const names = topicLayout({ cells: 3, lanes: 4 }).map((topic) => topic.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
