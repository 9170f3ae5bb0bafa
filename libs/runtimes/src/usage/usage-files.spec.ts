import { cpuMsOfAccount, cpuMsOfStat, networkOf, processUsageOf, workingSetBytes } from './usage-files.js';

describe('what a task uses', () => {
  it('is read of cgroups v2', () => {
    expect(cpuMsOfStat('usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n')).toBe(1500);
    expect(workingSetBytes('104857600\n', 'anon 1\ninactive_file 4857600\nactive_file 9\n')).toBe(100_000_000);
  });

  it('is read of cgroups v1, whose memory counts what is below it', () => {
    expect(cpuMsOfAccount('2500000000\n')).toBe(2500);
    expect(workingSetBytes('5000\n', 'inactive_file 1\ntotal_inactive_file 2000\n')).toBe(3000);
  });

  it('is not known where the files say something else', () => {
    expect(cpuMsOfStat('')).toBeUndefined();
    expect(cpuMsOfAccount('none')).toBeUndefined();
    expect(workingSetBytes('max\n', '')).toBeUndefined();
    expect(workingSetBytes('10\n', 'inactive_file 4096\n')).toBe(0);
  });

  it('is read of a process whatever its name', () => {
    const line = '42 (a) b (c) S 1 40 41 0 -1 4194560 7 0 0 0 150 50 10 5 20 0 3 0 12345 99999999 2560 18446744';
    expect(processUsageOf(line)).toEqual({ group: 40, session: 41, cpuTicks: 215, residentPages: 2560 });
    expect(processUsageOf('42 (gone) Z 1')).toBeUndefined();
  });

  it('counts the bytes of all interfaces but the loopback', () => {
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
      '    lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0',
      '  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0',
      '  eth1:50 1 0 0 0 0 0 0 60 1 0 0 0 0 0 0',
    ].join('\n');
    expect(networkOf(text)).toEqual({ receivedBytes: 1050, sentBytes: 2060 });
  });
});
