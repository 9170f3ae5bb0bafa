import { changeLines } from './change-lines.js';

describe('a change', () => {
  it('of a text shows which of its lines went and came, not its first words twice', () => {
    const path = '/pods/broker/tasks/broker/configs/server/template';
    const lines = changeLines([{ path, before: '# Of one.\na=1\nb=2\n', after: '# Of one.\na=1\nb=3\nc=4\n' }]);
    expect(lines).toEqual([`~ ${path}:`, '    - b=2', '    + b=3', '    + c=4']);
  });

  it('of the order of lines says so', () => {
    expect(changeLines([{ path: '/x', before: 'a\nb', after: 'b\na' }])).toEqual([
      '~ /x:',
      '    lines have changed their places',
    ]);
  });

  it('of anything else shows both', () => {
    expect(changeLines([{ path: '/priority', before: 50, after: 60 }])).toEqual(['~ /priority: 50 → 60']);
  });

  it('tells of a task in a resource set which one', () => {
    const after = { count: 1, tasks: { drain: { 'resource-set': 'sidecar' } } };
    expect(changeLines([{ path: '/pods/broker', after }])).toEqual([
      '+ pod broker: 1, task drain (in resource set sidecar)',
    ]);
  });
});
