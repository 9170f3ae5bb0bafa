import { piecesOf } from './command-in-container.js';
import { containerOf } from './container-of.js';

const task = {
  ...{ launch: '9.1', image: 'registry/web:1', command: 'exec ./serve', environment: { PORT_HTTP: '31000' } },
  ...{ cpusMilli: 1500, memoryMib: 64, volumes: [], configs: [] },
};
const place = {
  ...{ name: 'orrery-1-9.1', sandbox: '/agents/a/launches/9.1/sandbox', labels: { 'orrery.launch': '9.1' } },
  mounts: [{ source: '/disks/fast/7.1', target: '/agents/a/volumes/7.1', readOnly: false }],
};

describe('the container of a task', () => {
  it('has the limits of the task, the network of the machine and the folders that its sandbox links to', () => {
    const { Image, Cmd, Env, HostConfig } = containerOf(task, { ...place, cpuLimit: 'quota' });
    expect([Image, Cmd]).toEqual(['registry/web:1', ['exec ./serve']]);
    expect(Env).toEqual(['PORT_HTTP=31000', `ORRERY_SANDBOX=${place.sandbox}`]);
    expect(HostConfig).toMatchObject({
      ...{ NetworkMode: 'host', NanoCpus: 1_500_000_000, Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024 },
      Mounts: [{ Type: 'bind', Source: '/disks/fast/7.1', Target: '/agents/a/volumes/7.1', ReadOnly: false }],
    });
  });

  it('has weights where the agent limits by weight, and no limit of memory where the task has none', () => {
    const { HostConfig } = containerOf({ ...task, memoryMib: 0 }, { ...place, cpuLimit: 'weight' });
    expect(HostConfig).toMatchObject({ CpuShares: 1536 });
    expect(HostConfig).not.toHaveProperty('NanoCpus');
    expect(HostConfig).not.toHaveProperty('Memory');
  });

  it('gets the devices that are its own, and what secrets are called does not outweigh what the task is told', () => {
    const wanted = { ...task, gpuIds: ['2', '3'], secretEnvironment: { KEY: 'x', PORT_HTTP: 'mine' } };
    const { HostConfig, Env } = containerOf(wanted, { ...place, cpuLimit: 'quota' });
    expect(HostConfig?.DeviceRequests).toEqual([{ Driver: 'nvidia', DeviceIDs: ['2', '3'], Capabilities: [['gpu']] }]);
    expect(Env).toContain('PORT_HTTP=31000');
    expect(Env).toContain('KEY=x');
  });
});

describe('the output of a command in a container', () => {
  it('is told apart, however the pieces were cut', async () => {
    const piece = (output: number, text: string) => {
      const head = Buffer.alloc(8);
      head[0] = output;
      head.writeUInt32BE(text.length, 4);
      return Buffer.concat([head, Buffer.from(text)]);
    };
    const whole = Buffer.concat([piece(1, 'one'), piece(2, ''), piece(2, 'two!'), piece(1, 'three')]);
    for (const size of [1, 5, 9, 1000]) {
      const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
        whole.subarray(at * size, (at + 1) * size),
      );
      const told = { stdout: '', stderr: '' };
      for await (const { output, bytes } of piecesOf(
        (async function* () {
          yield* chunks;
        })(),
      ))
        told[output] += Buffer.from(bytes).toString();
      expect(told).toEqual({ stdout: 'onethree', stderr: 'two!' });
    }
  });
});
