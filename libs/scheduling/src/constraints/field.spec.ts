import type { Node } from '../node.js';
import { fieldOf } from './field.js';

const stock = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpuIds: [], ports: [] };
const node: Node = {
  id: 'a',
  hostname: 'one.example',
  attributes: { zone: 'basement', rack: '7' },
  faultDomain: { region: 'eu', zone: 'eu-1' },
  capacity: stock,
  free: stock,
};

describe('the field of a constraint', () => {
  it.each([
    ['hostname', 'one.example'],
    ['@hostname', 'one.example'],
    ['region', 'eu'],
    ['@region', 'eu'],
    ['@zone', 'eu-1'],
    ['rack', '7'],
    ['colour', undefined],
    ['toString', undefined],
    ['@rack', undefined],
  ])('%s is %s', (field, value) => expect(fieldOf(field, node)).toBe(value));

  it('is the attribute of a name rather than the fact of that name', () => {
    expect(fieldOf('zone', node)).toBe('basement');
    expect(fieldOf('zone', { ...node, attributes: {} })).toBe('eu-1');
  });
});
