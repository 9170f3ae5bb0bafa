import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { Home } from '../../deploy/local/src/home.js';
import { until } from '../../deploy/local/src/waiting.js';
import { createTopic, infra, main, topics, untilAllEnded, type Addresses } from './infra-child.js';
import { removeTemporaryFolders, temporaryFolder } from './temporary-home.js';

// One Kafka and one Cassandra for the whole story, since each start costs seconds.
describe('Kafka and Cassandra as child processes', () => {
  const folder = temporaryFolder();
  const home = new Home(folder);
  const squatters: Server[] = [];
  let launcher: ChildProcess;
  let addresses: Addresses;

  beforeAll(async () => {
    squatters.push(
      createServer()
        .listen(9092, '127.0.0.1')
        .on('error', () => undefined),
    );
    [launcher, addresses] = await infra(folder, {});
  });

  afterAll(async () => {
    squatters.forEach((server) => server.close());
    launcher.kill('SIGTERM');
    await untilAllEnded(home, []);
    removeTemporaryFolders();
  });

  it('listen on the next free port when the preferred one is taken', () => {
    expect(addresses.kafka).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
    expect(addresses.kafka).not.toEqual(['127.0.0.1:9092']);
  });

  it('are not started a second time in the same home', async () => {
    const second = spawn(process.execPath, [main, 'infra', '--home', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = collect(second.stderr!);
    const [code] = await once(second, 'exit');
    expect(code).toBe(4);
    expect(await said).toContain(`already run by process ${launcher.pid}`);
  });

  it('are left alone when their addresses are given', async () => {
    const [given, same] = await infra(temporaryFolder(), {
      ORRERY_KAFKA: addresses.kafka.join(','),
      ORRERY_CASSANDRA: addresses.cassandra.join(','),
    });
    expect(same).toMatchObject({ kafka: addresses.kafka, cassandra: addresses.cassandra });
    given.kill('SIGTERM');
    await once(given, 'exit');
    expect(await topics(addresses)).toEqual([]);
  });

  it('come back after a kill with what they had', async () => {
    await createTopic(addresses, 'kept');
    const kafka = home.recorded().find(({ name }) => name === 'kafka')!;
    process.kill(kafka.pid, 'SIGKILL');
    await until(() => home.recorded().find(({ name, pid }) => name === 'kafka' && pid !== kafka.pid), {
      what: 'the second run of Kafka',
      withinMs: 10_000,
    });
    const list = await until(() => topics(addresses).catch(() => undefined), {
      what: 'an answer of Kafka',
      withinMs: 30_000,
      everyMs: 200,
    });
    expect(list).toContain('kept');
  });

  it('end with a launcher that is killed, and the home is free again', async () => {
    const running = home.recorded();
    expect(running.map(({ name }) => name).sort()).toEqual(['cassandra', 'kafka']);
    launcher.kill('SIGKILL');
    await untilAllEnded(home, running);
    [launcher] = await infra(folder, {});
    expect(await topics(addresses)).toContain('kept');
  });
});

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}
