import { differenceOfStates, type ShownState } from './state-difference.js';

const state = (tasks: ShownState['tasks']): ShownState => ({ at: '', position: '', services: [], agents: [], tasks });

describe('the difference of two states', () => {
  it('names what came, went and changed', () => {
    const before = state([
      { id: 'a', state: 'RUNNING', pid: 1 },
      { id: 'b', state: 'RUNNING' },
      { id: 'c', state: 'RUNNING' },
    ]);
    const after = state([
      { id: 'a', state: 'RUNNING', pid: 2 },
      { id: 'b', state: 'RUNNING' },
      { id: 'd', state: 'STAGING' },
    ]);
    expect(differenceOfStates(before, after)).toEqual([
      { kind: 'task', name: 'a', change: 'changed', fields: { pid: { before: 1, after: 2 } } },
      { kind: 'task', name: 'd', change: 'added' },
      { kind: 'task', name: 'c', change: 'removed' },
    ]);
    expect(differenceOfStates(after, after)).toEqual([]);
  });
});
