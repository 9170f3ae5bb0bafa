import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LocalTerminal, Surroundings } from './call.js';
import { runCall } from './main.js';
import { programOf } from './program.js';
import { candidates } from './verbs/completion.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (request: Seen, response: ServerResponse) => void;

describe('orrery', () => {
  let server: Server;
  let answer: Answer;
  let seen: Seen[];

  beforeEach(async () => {
    seen = [];
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, headers, body });
        response.setHeader('orrery-position', `p${seen.length}`);
        response.setHeader('content-type', 'application/json');
        answer(seen.at(-1)!, response);
      });
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  });

  afterEach(() => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  });

  async function orrery(words: string, more: Partial<Surroundings> = {}) {
    const said = { out: '', err: '' };
    const { port } = server.address() as AddressInfo;
    const code = await runCall(words.split(' '), {
      environment: { ORRERY_URL: `http://127.0.0.1:${port}` },
      folder: '/',
      actor: 'ann',
      out: (text) => (said.out += text),
      err: (text) => (said.err += text),
      bytes: (to, bytes) => (said[to === 'stdout' ? 'out' : 'err'] += Buffer.from(bytes).toString('latin1')),
      ask: undefined,
      readInput: async () => '',
      input: async function* () {},
      terminal: undefined,
      redraws: false,
      interrupted: new AbortController().signal,
      ...more,
    });
    return { code, ...said };
  }

  const hello = {
    name: 'hello',
    version: 2,
    role: '*',
    state: 'ACTIVE',
    pods: { web: { count: 3, running: 2 } },
    plan: null,
  };

  it('prints a list as a table, and exactly the items with -o json', async () => {
    answer = (_, response) => response.end(JSON.stringify({ items: [hello], next: null }));
    expect((await orrery('service list')).out).toBe(
      'NAME   VERSION  STATE   RUNNING  PLAN  ROLE\nhello        2  ACTIVE  web 2/3  -     *\n',
    );
    expect(JSON.parse((await orrery('service list -o json')).out)).toEqual([hello]);
    expect((await orrery('service list -o name')).out).toBe('hello\n');
  });

  it('lists of all services those that were installed from a package', async () => {
    const installed = { ...hello, name: 'events', package: { name: 'kafka', version: '4.1.1' } };
    answer = (_, response) => response.end(JSON.stringify({ items: [hello, installed], next: null }));
    expect((await orrery('package list')).out).toBe(
      'PACKAGE  VERSION  SERVICE  STATE\nkafka    4.1.1    events   ACTIVE\n',
    );
  });

  it('uninstalls no service that is not of the package', async () => {
    answer = (_, response) => response.end(JSON.stringify(hello));
    expect(await orrery('package uninstall kafka --name hello --yes')).toMatchObject({ code: 3 });
    expect(seen.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  it('lists with the tasks that run those that wait, and says why', async () => {
    const task = { service: 'hello', pod: 'web-0', task: 'server', incarnation: 0, ready: false };
    const waits = { ...task, id: 'hello.web-0.server', state: 'PENDING', agent: null, message: 'no place' };
    answer = (_, response) => response.end(JSON.stringify({ items: [waits], next: null }));
    const { out } = await orrery('task list');
    expect(out.split('\n')[0]).toMatch(/^TASK +STATE .* MESSAGE$/);
    expect(out.split('\n')[1]).toMatch(/^hello\.web-0\.server +PENDING .* no place$/);
    expect(seen[0]!.url).toContain('unlaunched=true');
  });

  it('takes durations where the past is asked for', async () => {
    answer = (_, response) => response.end(JSON.stringify({ items: [], next: null }));
    const before = Date.now() - 3_600_000;
    await orrery('audit log --since 1h');
    const since = Date.parse(new URL(seen[0]!.url, 'http://x').searchParams.get('since')!);
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(Date.now() - 3_600_000);
    await orrery('audit log --since 2026-01-31T12:00:00Z');
    expect(new URL(seen[1]!.url, 'http://x').searchParams.get('since')).toBe('2026-01-31T12:00:00Z');
  });

  it('reads a long list page by page', async () => {
    answer = ({ url }, response) => {
      const second = url.includes('cursor=two');
      const items = [{ ...hello, name: second ? 'two' : 'one' }];
      response.end(JSON.stringify({ items, next: second ? null : 'two' }));
    };
    expect((await orrery('service list -o name')).out).toBe('one\ntwo\n');
  });

  it('tells a missing thing with its code, remedy and exit code 3', async () => {
    answer = (_, response) => {
      const problem = { status: 404, code: 'unknown-service', detail: 'there is no service x', remedy: 'see the list' };
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    };
    expect(await orrery('service show x')).toEqual({
      code: 3,
      out: '',
      err: 'error: there is no service x (unknown-service)\n  see the list\n',
    });
  });

  it.each([
    [409, 4],
    [412, 4],
    [422, 6],
    [400, 1],
  ])('maps status %i to exit code %i', async (status, code) => {
    answer = (_, response) => {
      response
        .writeHead(status, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify({ status, code: 'c' }));
    };
    expect((await orrery('service show x')).code).toBe(code);
  });

  it('sends a change with its id, reason and actor, and waits until its plan is complete', async () => {
    const states = ['IN_PROGRESS', 'COMPLETE'];
    answer = ({ method, url }, response) => {
      if (method === 'POST') {
        const plans = [{ service: 'hello', plan: 'deploy' }];
        response.end(JSON.stringify({ commandId: 'c', position: 'after', status: 'accepted', plans }));
      } else if (url.startsWith('/v1/events')) response.end('{"type":"StepCompleted"}\n');
      else if (url.includes('/plans/'))
        response.end(JSON.stringify({ name: 'deploy', status: states.shift(), phases: [] }));
      else response.end(JSON.stringify(hello));
    };
    const { code, out, err } = await orrery('service scale hello web 3 --reason more');
    expect({ code, out }).toEqual({ code: 0, out: 'hello version 2: web 2/3 running\n' });
    expect(err).toContain('plan deploy COMPLETE');
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/v1/services/hello/scale', body: '{"pod":"web","count":3}' });
    expect(seen[0]!.headers).toMatchObject({ 'orrery-reason': 'more', 'orrery-actor': 'ann', prefer: 'wait=10' });
    expect(seen[0]!.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen[1]!.headers['orrery-min-position']).toBe('after');
  });

  it('says what is in the way when a plan is not complete in time, and ends with 5', async () => {
    const pods = [
      { name: 'web-0', state: 'READY', tasks: [] },
      { name: 'web-1', state: 'PLACING', message: 'waits', tasks: [] },
      { name: 'web-2', state: 'PLACING', message: 'waits', tasks: [] },
      { name: 'db-0', state: 'DELAYED', message: 'runs again in 5 s', tasks: [{ id: 'hello.db-0.main' }] },
    ];
    answer = ({ method, url }, response) => {
      const plans = [{ service: 'hello', plan: 'deploy' }];
      if (method === 'POST') response.end(JSON.stringify({ commandId: 'c', position: 'p', status: 'accepted', plans }));
      else if (url.startsWith('/v1/events')) response.end('');
      else if (url.includes('/plans/')) response.end(JSON.stringify({ name: 'deploy', status: 'IN_PROGRESS' }));
      else if (url.endsWith('/why')) response.end(JSON.stringify({ sentence: 'no place on any of 3 agents' }));
      else if (url.includes('/pods')) response.end(JSON.stringify({ items: pods, next: null }));
      else response.end(JSON.stringify({ ...hello, spec: { pods: { web: { tasks: { server: {} } } } } }));
    };
    const { code, err } = await orrery('service scale hello web 3 --timeout 0.05s');
    expect(code).toBe(5);
    expect(err).toContain(
      'web-1 (and 1 more like it) waits for a place: no place on any of 3 agents; `orrery task why hello.web-1.server`',
    );
    expect(err).toContain('db-0 is DELAYED: runs again in 5 s\n');
    expect(seen.filter(({ url }) => url.endsWith('/why'))).toHaveLength(1);
  });

  it('takes an agent by its hostname, and names those that may be meant', async () => {
    const amounts = { cpus: 1, memory: 1, disk: 1, gpus: 0 };
    const agents = ['ada-1', 'ada-2', 'eve-1'].map((id) => {
      return { id, hostname: id, state: 'ACTIVE', resources: amounts, used: amounts };
    });
    answer = ({ method, url }, response) => {
      const found = agents.find(({ id }) => url.includes(`/v1/agents/${id}`));
      if (method === 'POST') response.end(JSON.stringify({ commandId: 'c', position: 'p', status: 'accepted' }));
      else if (found !== undefined) response.end(JSON.stringify(found));
      else if (url.startsWith('/v1/agents?')) response.end(JSON.stringify({ items: agents, next: null }));
      else {
        const problem = JSON.stringify({ status: 404, code: 'unknown-agent', detail: 'there is no agent' });
        response.writeHead(404, { 'content-type': 'application/problem+json' }).end(problem);
      }
    };
    expect((await orrery('agent drain eve --detach')).out).toBe('eve-1 ACTIVE\n');
    Object.assign(agents[2]!, { staying: [{ service: 'store', pod: 'node-0', volumes: ['data'] }] });
    const stays = /\nstore\.node-0 +data +orrery pod replace store node-0\n$/;
    expect((await orrery('agent show eve')).out).toMatch(stays);
    expect((await orrery('agent drain eve --detach')).out).toMatch(stays);
    expect(seen.find(({ method }) => method === 'POST')?.url).toBe('/v1/agents/eve-1/drain');
    expect(await orrery('agent gone ada --yes')).toEqual({
      code: 2,
      out: '',
      err: 'error: ada may mean 2 agents (ambiguous)\n  ada-1 (ada-1, ACTIVE)\n  ada-2 (ada-2, ACTIVE)\n',
    });
    expect((await orrery('agent show bob')).code).toBe(3);
    expect(seen.filter(({ method }) => method === 'POST')).toHaveLength(2);
  });

  it('sets a role and its quota, in the fields of the interface', async () => {
    const role = { role: 'eng/web', weight: 2, used: {}, usedBelow: {}, waiting: 0 };
    answer = ({ method }, response) =>
      response.end(JSON.stringify(method === 'GET' ? role : { commandId: 'c', position: 'after', status: 'accepted' }));
    expect((await orrery('role set eng/web --weight 2')).out).toBe('eng/web has weight 2\n');
    expect(seen[0]).toMatchObject({ method: 'PUT', url: '/v1/roles/eng%2Fweb', body: '{"weight":2}' });
    const set = await orrery('quota set eng/web --cpus 1.5 --memory 64 --guarantee-gpus 1 --force');
    expect(set.out).toBe('eng/web at most cpus 1.5, memory 64; at least gpus 1\n');
    expect(JSON.parse(seen.at(-1)!.body)).toEqual({
      limit: { cpus: 1.5, memory: 64 },
      guarantee: { gpus: 1 },
      force: true,
    });
    expect(seen.at(-1)).toMatchObject({ method: 'PUT', url: '/v1/quotas/eng%2Fweb' });
    expect((await orrery('quota set eng/web')).code).toBe(2);
    expect((await orrery('quota set eng/web --gpus 0.5')).code).toBe(2);
    expect((await orrery('quota remove eng/web --yes')).out).toBe('eng/web has no quota any more\n');
    expect(seen.at(-1)).toMatchObject({ method: 'DELETE', url: '/v1/quotas/eng%2Fweb' });
  });

  it('sets how many pods may be preempted, and shows what is under way', async () => {
    const by = { service: 'shop', pod: 'web', role: 'eng', priority: 80 };
    const order = { preemption: '7.0', for: by, pods: 1, awaited: 2, until: '2026-01-01T00:05:00.000Z' };
    const cells = [{ cell: 0, budget: 5, spent: 2, open: 2, orders: [order] }];
    answer = ({ method }, response) =>
      response.end(
        JSON.stringify(
          method === 'GET'
            ? { perMinute: 5, at: '2026-01-01T00:00:01.000Z', cells }
            : { commandId: 'c', position: 'after', status: 'accepted' },
        ),
      );
    expect((await orrery('role preemption')).out).toBe(
      'at most 5 pods may be preempted a minute in each cell\ncell 0: 2 of 5 in the minute before 2026-01-01T00:00:01.000Z\n\n' +
        'PREEMPTION  CELL  FOR       ROLE  PRIORITY  PLACES  AWAITED  UNTIL\n' +
        '7.0            0  shop web  eng         80       1        2  2026-01-01T00:05:00.000Z\n… 1 more\n',
    );
    expect((await orrery('role preemption --per-minute 5')).code).toBe(0);
    expect(seen.at(-2)).toMatchObject({ method: 'PUT', url: '/v1/preemption', body: '{"perMinute":5}' });
    expect((await orrery('role preemption --per-minute default')).code).toBe(0);
    expect(seen.at(-2)).toMatchObject({ method: 'PUT', url: '/v1/preemption', body: '{}' });
    expect((await orrery('role preemption --per-minute few')).code).toBe(2);
  });

  it('shows how much the pods of a service matter, where it was said', async () => {
    const pods = { web: { count: 1, running: 1, ready: 1, priority: 50 } };
    answer = (_, response) => response.end(JSON.stringify({ ...hello, pods }));
    expect((await orrery('service show hello')).out).toContain('POD  COUNT  RUNNING  READY\n');
    const batch = { count: 2, running: 1, ready: 1, priority: 20, revocable: true };
    answer = (_, response) => response.end(JSON.stringify({ ...hello, pods: { ...pods, batch } }));
    expect((await orrery('service show hello')).out).toContain(
      'POD    COUNT  RUNNING  READY  PRIORITY  REVOCABLE\n' +
        'web        1        1      1        50  false\n' +
        'batch      2        1      1        20  true\n',
    );
  });

  it('tells who would make way for a task, and for whom it made way', async () => {
    const victim = { service: 'low', pod: 'web', role: 'eng', priority: 20, revocable: false, pods: 2 };
    const preemption = { standing: 'budget', victims: [victim], until: '2026-01-01T00:00:30.000Z' };
    const by = { service: 'shop', pod: 'web', role: 'eng', priority: 80 };
    const reasons = { agents: 3, funnel: [], examples: [], preemption, preemptedBy: by };
    const told = { task: 'low.db-0.server', state: 'PENDING', sentence: 'no place', reasons };
    answer = (_, response) => response.end(JSON.stringify(told));
    const { out } = await orrery('task why low.db-0.server');
    expect(out).toMatch(/made way for: +shop web \(eng, priority 80\)\n/);
    expect(out).toContain(
      '\nWOULD MAKE WAY  POD  ROLE  PRIORITY  REVOCABLE  PODS\n' +
        'low             web  eng         20  false         2\nlooked at again at 2026-01-01T00:00:30.000Z\n',
    );
  });

  it('keeps a part of an agent, and disposes of volumes', async () => {
    const outcome = { commandId: 'c', position: 'after', status: 'accepted' };
    answer = ({ url }, response) => {
      response.end(JSON.stringify(url.startsWith('/v1/agents/') ? { id: 'ada-1', hostname: 'ada' } : outcome));
    };
    const kept = await orrery('reservation create eng/web ada --cpus 2 --gpus 1 --label team=x --refines 4.0');
    expect(kept).toMatchObject({ code: 0, out: 'cpus 2, gpus 1 of ada are kept for eng/web\n' });
    expect(JSON.parse(seen.at(-1)!.body)).toEqual({
      ...{ agent: 'ada-1', role: 'eng/web', resources: { cpus: 2, gpus: 1 } },
      ...{ labels: { team: 'x' }, refines: '4.0' },
    });
    expect((await orrery('reservation create eng/web ada')).code).toBe(2);
    const ports = await orrery('reservation create eng ada --ports 9092-9095,9100 --whole-disk fast');
    expect(ports.out).toBe('ports 9092-9095 9100, disks fast of ada are kept for eng\n');
    expect(JSON.parse(seen.at(-1)!.body)).toEqual({
      ...{ agent: 'ada-1', role: 'eng' },
      resources: {
        ports: [
          { begin: 9092, end: 9095 },
          { begin: 9100, end: 9100 },
        ],
        disks: ['fast'],
      },
    });
    expect(await orrery('reservation create eng ada --ports web')).toMatchObject({ code: 2 });
    expect((await orrery('reservation remove 4.0 --yes')).out).toBe('4.0 ended\n');
    expect(seen.at(-1)).toMatchObject({ method: 'DELETE', url: '/v1/reservations/4.0' });
    expect((await orrery('volume adopt 9.1 kafka node-0')).out).toContain('9.1 is for kafka node-0');
    expect(seen.at(-1)).toMatchObject({ url: '/v1/volumes/9.1/adopt', body: '{"service":"kafka","pod":"node-0"}' });
    expect((await orrery('volume destroy 9.1')).err).toContain('not-confirmed');
    expect((await orrery('volume destroy 9.1 --yes')).code).toBe(0);
    expect(seen.at(-1)).toMatchObject({ method: 'DELETE', url: '/v1/volumes/9.1' });
  });

  it('repeats a change under the same id when the gateway was away', async () => {
    answer = ({ method }, response) => {
      if (method !== 'POST') return response.end(JSON.stringify(hello));
      if (seen.length === 1) return response.writeHead(503).end('{}');
      return response.end(JSON.stringify({ commandId: 'c', position: 'after', status: 'accepted' }));
    };
    expect((await orrery('service scale hello web 3 --detach')).code).toBe(0);
    expect(seen[1]!.headers['idempotency-key']).toBe(seen[0]!.headers['idempotency-key']);
  });

  it('goes on with events where a stream was cut off', async () => {
    const event = (number: number) =>
      `{"position":"at-${number}","at":"t","type":"E${number}","journal":"services-0","seq":${number}}\n`;
    answer = ({ url }, response) => {
      if (url.includes('from=at-2')) {
        response.write(event(3));
        response.end('{"position":"at-3","type":"stream-ended"}\n');
      } else if (url.includes('from=at-3')) response.writeHead(404).end('{}');
      else {
        response.write(event(1) + event(2));
        setTimeout(() => response.destroy(), 20);
      }
    };
    const { out } = await orrery('events -f -o json');
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { type: string }).type),
    ).toEqual(['E1', 'E2', 'E3']);
  });

  it('runs a command in a task once, with its outputs and its exit code', async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const lines = [
      { stream: 'stdout', data: base64('out\n') },
      { stream: 'stderr', data: base64('bad\n') },
      { exit: 42 },
    ];
    answer = (_, response) => response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const done = await orrery('task exec hello.web-0.server --ttl 5m -- ls -l');
    expect(done).toEqual({ code: 42, out: 'out\n', err: 'bad\n' });
    expect(JSON.parse(seen[0]!.body)).toEqual({ cmd: ['ls', '-l'], 'ttl-secs': 300 });
    answer = (_, response) => response.end(JSON.stringify({ error: 'its time is over', code: 'time-over' }));
    expect(await orrery('task exec hello.web-0.server -- ls')).toMatchObject({
      code: 1,
      err: expect.stringContaining('time-over'),
    });
    answer = (_, response) => response.writeHead(503).end('{}');
    expect((await orrery('task exec hello.web-0.server -- ls')).code).toBe(1);
    expect(seen).toHaveLength(3);
  });

  /** A command that takes its input, tells how much it took, and ends with 7 at its end. */
  const takeInput = (given: unknown[]): Answer => {
    let running: ServerResponse | undefined;
    let taken = 0;
    const tell = (line: object) => running!.write(`${JSON.stringify(line)}\n`);
    return ({ url, body }, response) => {
      if (url.endsWith('/exec')) {
        running = response;
        return void tell({ input: '/v1/tasks/t/exec/s1' });
      }
      const piece = JSON.parse(body) as { data?: string; end?: boolean };
      given.push(piece);
      response.end('{}');
      taken += Buffer.from(piece.data ?? '', 'base64').length;
      if (taken % 65_536 === 0) tell({ taken });
      if (piece.end !== true) return undefined;
      tell({ exit: 7 });
      return void running!.end();
    };
  };

  it('brings what is piped in to a command, no faster than it is taken', async () => {
    const given: { offset?: number; data?: string; end?: boolean }[] = [];
    answer = takeInput(given);
    const bytes = Buffer.alloc(1_000_000, 'x');
    const { code, err } = await orrery('task exec t -i -- cat', {
      input: async function* () {
        for (let at = 0; at < bytes.length; at += 32_768) yield bytes.subarray(at, at + 32_768);
      },
    });
    expect({ code, err }).toEqual({ code: 7, err: '' });
    expect(JSON.parse(seen[0]!.body)).toEqual({ cmd: ['cat'], interactive: true });
    expect(given.map(({ offset }) => offset)).toEqual(
      [...Array(31).keys(), bytes.length / 32_768].map((n) => n * 32_768),
    );
    expect(given.at(-1)).toEqual({ offset: bytes.length, end: true });
  });

  it('hands the terminal over to a command, and takes it back however that ends', async () => {
    const given: object[] = [];
    answer = takeInput(given);
    let [passed, resized] = [0, () => undefined as void];
    const terminal: LocalTerminal = {
      isTyped: true,
      size: () => ({ rows: 30, columns: 100 }),
      onResize: (listener) => ((resized = listener), () => (resized = () => undefined)),
      pass: () => {
        passed += 1;
        return () => void (passed -= 1);
      },
    };
    const input = async function* () {
      resized();
      yield Buffer.from('\u0003');
      expect(passed).toBe(1);
    };
    expect((await orrery('task exec -it t -- bash', { terminal, input })).code).toBe(7);
    expect(JSON.parse(seen[0]!.body)).toMatchObject({ interactive: true, terminal: { rows: 30, columns: 100 } });
    expect(given).toEqual([
      { terminal: { rows: 30, columns: 100 } },
      { offset: 0, data: Buffer.from('\u0003').toString('base64') },
      { offset: 1, end: true },
    ]);
    expect(passed).toBe(0);
    answer = (_, response) => response.end(JSON.stringify({ error: 'no script here', code: 'no-terminal' }));
    expect(await orrery('task exec -it t -- bash', { terminal, input })).toMatchObject({
      code: 1,
      err: 'error: no script here (no-terminal)\n',
    });
    expect(passed).toBe(0);
    expect((await orrery('task exec -it t -- bash')).code).toBe(2);
    expect((await orrery('task exec -it t -- bash', { terminal: { ...terminal, isTyped: false } })).code).toBe(2);
  });

  it('lists the files of a task, and prints one byte for byte', async () => {
    const entry = { name: 'data', kind: 'folder', size: 40, modifiedAt: '2026-01-01T00:00:00.000Z' };
    const folder = JSON.stringify({ path: '.', entries: [entry], more: true });
    answer = ({ url }, response) => response.end(url.includes('/content') ? Buffer.from([0, 255, 10]) : folder);
    const listed = await orrery('task files hello.web-0.server');
    expect(listed.out).toBe('NAME  KIND    SIZE  MODIFIED\ndata  folder    40  2026-01-01T00:00:00.000Z\n');
    expect(listed.err).toBe('only the first 1 entries are shown\n');
    expect(JSON.parse((await orrery('task files hello.web-0.server data -o json')).out)).toEqual([entry]);
    expect((await orrery('task files hello.web-0.server data/x --from -3')).out).toBe('\u0000\u00ff\n');
    expect(seen.map(({ url }) => url)).toEqual([
      '/v1/tasks/hello.web-0.server/files?path=.',
      '/v1/tasks/hello.web-0.server/files?path=data',
      '/v1/tasks/hello.web-0.server/files/content?path=data%2Fx&from=-3',
    ]);
  });

  it('destroys nothing without a yes', async () => {
    const { code, err } = await orrery('service uninstall hello');
    expect(code).toBe(2);
    expect(err).toContain('--yes');
    expect(seen).toEqual([]);
    const asked = await orrery('service uninstall hello', { ask: async () => 'n' });
    expect({ code: asked.code, requests: seen.length }).toEqual({ code: 1, requests: 0 });
  });

  it('calls wrong words a usage error', async () => {
    expect((await orrery('service frobnicate')).code).toBe(2);
    expect((await orrery('service scale hello web many')).code).toBe(2);
    expect((await orrery('task list -o csv')).code).toBe(2);
    expect((await orrery('task list --state foo')).code).toBe(2);
    expect((await orrery('task list --limit 0')).code).toBe(2);
    expect((await orrery('task exec t --ttl 2h -- ls')).code).toBe(2);
    expect((await orrery('role set eng')).code).toBe(2);
    expect((await orrery('role set eng --weight 0')).code).toBe(2);
    expect(seen).toEqual([]);
    expect((await orrery('--help')).code).toBe(0);
  });

  it('says what to do when there is no gateway', async () => {
    const { code, err } = await orrery('task list', { environment: { ORRERY_HOME: '/nowhere' } });
    expect({ code, err }).toEqual({
      code: 1,
      err: 'error: no gateway is known: there is no /nowhere/endpoints.json (no-gateway)\n  start the cluster with `npm start` or `orrery up`, or set ORRERY_URL\n',
    });
  });

  it('completes verbs, options, choices and names', async () => {
    const program = programOf(
      { out: () => undefined, err: () => undefined } as unknown as Surroundings,
      () => undefined,
    );
    const complete = (before: string[], typed: string) =>
      candidates(program, before, typed, async ({ kind, verb, given }) => {
        if (kind === 'service') return ['hello', 'kafka'];
        return [`${kind} of ${verb} ${given.join(' ')}`];
      });
    expect(await complete([], 'ta')).toEqual(['task']);
    expect(await complete(['service'], 'sc')).toEqual(['scale']);
    expect(await complete(['service', 'show'], '')).toEqual(['hello', 'kafka']);
    expect(await complete(['task', 'list', '--service'], 'k')).toEqual(['kafka']);
    expect(await complete(['task', 'list', '-o'], 'j')).toEqual(['json']);
    expect(await complete(['task', 'list'], '--st')).toEqual(['--state']);
    expect(await complete(['completion'], 'z')).toEqual(['zsh']);
    expect(await complete(['task', 'list', '--state'], 'R')).toEqual(['RUNNING']);
    expect(await complete(['pod', 'show', 'hello'], 'pod')).toEqual(['pod of pod show hello']);
    expect(await complete(['service', 'scale', '--detach', 'hello'], '')).toEqual(['pod of service scale hello']);
  });
});
