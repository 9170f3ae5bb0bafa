import { Problem, problemBody, statusOfCode } from './problem.js';

describe('a problem', () => {
  it('keeps code, field and remedy of a refusal, with the status of its code', () => {
    const refusal = {
      code: 'version-conflict',
      message: 'expected 2, found 3',
      field: '/version',
      remedy: 'read it again',
    };
    expect(problemBody(Problem.refused(refusal), '/v1/services/x')).toEqual({
      type: '/docs#problem-version-conflict',
      title: 'Version conflict',
      status: 412,
      code: 'version-conflict',
      detail: 'expected 2, found 3',
      field: '/version',
      remedy: 'read it again',
      instance: '/v1/services/x',
    });
  });

  it('takes a refusal that is not in the list for one by a rule', () => {
    expect(statusOfCode('a-rule-of-tomorrow')).toBe(422);
    expect(statusOfCode('toString')).toBe(422);
  });

  it('is 4xx when the client can help it, 5xx when it can not', () => {
    expect(['invalid-parameter', 'unknown-address', 'position-not-reached', 'internal'].map(statusOfCode)).toEqual([
      400, 404, 503, 500,
    ]);
  });
});
