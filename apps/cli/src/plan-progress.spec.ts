import { planProgress } from './plan-progress.js';

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
