import { noFigures } from '@orrery/contracts';
import { figuresOf } from './rates.js';

const MIB = 1024 * 1024;

describe('the figures of a task', () => {
  it('are what it used between two readings, a second', () => {
    const before = { atMs: 1000, usage: { cpuMs: 200, network: { receivedBytes: 0, sentBytes: 5000 } } };
    const usage = {
      cpuMs: 7700,
      memoryBytes: 100 * MIB,
      diskBytes: 3.4 * MIB,
      network: { receivedBytes: 50_000, sentBytes: 5000 },
    };
    expect(figuresOf(before, { atMs: 6000, usage })).toEqual({
      ...noFigures,
      cpusMilli: 1500,
      memoryMib: 100,
      diskMib: 3,
      receivedPerS: 10_000,
      sentPerS: 0,
    });
  });

  it('leave out what one reading alone or this machine cannot tell', () => {
    expect(figuresOf(undefined, { atMs: 6000, usage: { cpuMs: 5, memoryBytes: 0 } })).toEqual({
      ...noFigures,
      memoryMib: 0,
    });
  });

  it('never fall below nothing, as when processes took their counters along', () => {
    const before = { atMs: 0, usage: { cpuMs: 900 } };
    expect(figuresOf(before, { atMs: 5000, usage: { cpuMs: 100 } }).cpusMilli).toBe(0);
  });
});
