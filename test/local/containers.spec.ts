import { execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { findDocker } from '../../deploy/local/preflight.mjs';
import { Home } from '../../deploy/local/src/home.js';
import { until } from '../../deploy/local/src/waiting.js';
import { createTopic, infra, topics, untilAllEnded, type Addresses } from './infra-child.js';
import { removeTemporaryFolders, temporaryFolder } from './temporary-home.js';

const docker = findDocker();
if (docker === undefined) {
  process.stderr.write(
    'orrery: Kafka and Cassandra as containers are not tested: no Docker-compatible engine answers\n',
  );
}

(docker === undefined ? describe.skip : describe)('Kafka and Cassandra as containers', () => {
  const folder = temporaryFolder();
  const home = new Home(folder);
  let launcher: ChildProcess;
  let addresses: Addresses;

  beforeAll(async () => {
    [launcher, addresses] = await infra(folder, { ORRERY_INFRA: 'docker' });
  }, 600_000);

  afterAll(async () => {
    launcher.kill('SIGTERM');
    await untilAllEnded(home, []);
    removeTemporaryFolders();
  });

  it('serve on the loopback only', () => {
    expect(published()).toEqual([
      expect.stringMatching(/cassandra 127\.0\.0\.1:\d+->\d+\/tcp$/),
      expect.stringMatching(/kafka 127\.0\.0\.1:\d+->\d+\/tcp$/),
    ]);
  });

  it('come back after a kill with what they had', async () => {
    await createTopic(addresses, 'kept');
    const [killed] = containers('kafka');
    execFileSync(docker!, ['kill', killed!]);
    await until(() => (containers('kafka').some((id) => id !== killed) ? true : undefined), {
      what: 'the second container of Kafka',
      withinMs: 30_000,
      everyMs: 200,
    });
    const list = await until(() => topics(addresses).catch(() => undefined), {
      what: 'an answer of Kafka',
      withinMs: 60_000,
      everyMs: 500,
    });
    expect(list).toContain('kept');
  });

  it('are replaced, not doubled, when their keeper is killed', async () => {
    const [before] = containers('cassandra');
    const keeper = home.recorded().find(({ name }) => name === 'cassandra')!;
    process.kill(keeper.pid, 'SIGKILL');
    await until(() => (containers('cassandra').some((id) => id !== before) ? true : undefined), {
      what: 'the second container of Cassandra',
      withinMs: 30_000,
      everyMs: 200,
    });
    expect(containers('cassandra')).toHaveLength(1);
  });

  it('end with a launcher that is killed, and are there again with the next', async () => {
    const running = home.recorded();
    launcher.kill('SIGKILL');
    await untilAllEnded(home, running);
    expect(published()).toEqual([]);
    [launcher] = await infra(folder, { ORRERY_INFRA: 'docker' });
    expect(await topics(addresses)).toContain('kept');
  });

  it('leave nothing with a launcher that is told to stop', async () => {
    launcher.kill('SIGTERM');
    await once(launcher, 'exit');
    expect(published()).toEqual([]);
  });

  function containers(name: string): string[] {
    return list('{{.ID}}', `label=orrery.container=${home.folder}/${name}`);
  }

  function published(): string[] {
    return list('{{.Names}} {{.Ports}}', `label=orrery.home=${home.folder}`).sort();
  }
});

function list(format: string, filter: string): string[] {
  const text = execFileSync(docker!, ['ps', '--all', '--filter', filter, '--format', format], { encoding: 'utf8' });
  return text.split('\n').filter((line) => line !== '');
}
