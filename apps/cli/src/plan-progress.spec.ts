import { planProgress, planTrouble } from './plan-progress.js';

describe('the progress of a plan', () => {
  it('counts the steps of each phase and names what is stuck', () => {
    const steps = (...states: string[]) => states.map((status, index) => ({ name: `web-${index}`, status }));
    const plan = {
      name: 'deploy',
      status: 'IN_PROGRESS',
      phases: [
        { name: 'web', status: 'IN_PROGRESS', total: 3, complete: 1, steps: steps('COMPLETE', 'STARTING', 'DELAYED') },
        { name: 'db', status: 'PENDING', total: 1, complete: 0, steps: steps('PENDING') },
      ],
    };
    expect(planProgress(plan)).toBe('plan deploy IN_PROGRESS: web 1 of 3 steps, 1 DELAYED; db 0 of 1 steps');
  });
});

it('the trouble of a plan is its cause, and whose logs tell more', () => {
  expect(planTrouble({})).toEqual([]);
  expect(planTrouble({ message: 'web-0 was not complete' })).toEqual(['web-0 was not complete']);
  expect(planTrouble({ message: 'it exited', failedTask: 'hello.web-0.server' })).toEqual([
    'it exited',
    'orrery task logs hello.web-0.server tells more',
  ]);
});
