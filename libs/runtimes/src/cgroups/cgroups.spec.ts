import { folderIn, parseMounts, parseOwn } from './cgroup-files.js';
import { cpuQuotaUs, cpuWeight, memoryBytes } from './limits.js';

describe('cgroups', () => {
  it('are found in the mounts of either version', () => {
    const mounts = parseMounts(
      [
        '25 1 8:1 / / rw - ext4 /dev/sda1 rw',
        '33 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct',
        '40 32 0:40 /docker/abc /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate',
      ].join('\n'),
    );
    expect(mounts).toEqual([
      { version: 1, folder: '/sys/fs/cgroup/cpu,cpuacct', root: '/', options: ['rw', 'cpu', 'cpuacct'] },
      { version: 2, folder: '/sys/fs/cgroup', root: '/docker/abc', options: ['rw', 'nsdelegate'] },
    ]);
    expect(folderIn(mounts[0]!, '/user')).toBe('/sys/fs/cgroup/cpu,cpuacct/user');
    expect(folderIn(mounts[1]!, '/docker/abc/x')).toBe('/sys/fs/cgroup/x');
  });

  it('of this process are read by controller', () => {
    const own = parseOwn('4:memory:/a:b\n1:cpu,cpuacct:/c\n0::/d\n');
    expect([...own]).toEqual([
      ['memory', '/a:b'],
      ['cpu', '/c'],
      ['cpuacct', '/c'],
      ['', '/d'],
    ]);
  });

  it('take limits in units of the kernel', () => {
    expect(cpuQuotaUs(250)).toBe(25_000);
    expect(cpuQuotaUs(1)).toBe(1000);
    expect(cpuWeight(1000)).toBe(100);
    expect(cpuWeight(1)).toBe(1);
    expect(memoryBytes({ memoryMib: 64, cpusMilli: 0, cpuLimit: 'quota' })).toBe(67_108_864);
  });
});
