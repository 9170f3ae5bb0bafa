// An agent as a process of its own, on a log that the test serves; takes the environment of the real one, and beside it
// TEST_LOG (path of the socket) and TEST_DIE_AT (a pattern: the first moment of that name kills it; moments are the
// beginnings and ends of everything that it does to disk, tasks and log).
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock, systemRandom } from '@orrery/control-loop';
import { detectCgroups, ExecRuntime } from '@orrery/runtimes';
import { Agent } from '../../apps/agent/dist/agent.js';
import { agentFacts } from '../../apps/agent/dist/agent-facts.js';
import { makeAgentId } from '../../apps/agent/dist/agent-id.js';
import { CheckpointFile } from '../../apps/agent/dist/checkpoint-file.js';
import { readSettings } from '../../apps/agent/dist/settings.js';

const dieAt = process.env.TEST_DIE_AT ? new RegExp(process.env.TEST_DIE_AT) : undefined;

function moment(name) {
  if (!dieAt?.test(name)) return;
  process.kill(process.pid, 'SIGKILL');
  // Nothing may happen between the decision to die and death.
  for (const until = Date.now() + 1000; Date.now() < until;);
}

async function between(name, work) {
  moment(`the beginning of ${name}`);
  const result = await work();
  moment(`the end of ${name}`);
  return result;
}

const append = CheckpointFile.prototype.append;
CheckpointFile.prototype.append = function (facts) {
  const name = `write ${facts.map(({ type }) => type).join(' ')}`;
  return facts.length === 0 ? undefined : between(name, () => append.call(this, facts));
};

class SocketLogClient {
  #calls = 0;
  #waiting = new Map();
  constructor(path) {
    this.socket = createConnection(path);
    createInterface({ input: this.socket }).on('line', (line) => {
      const { id, ...answer } = JSON.parse(line);
      this.#waiting.get(id)(answer);
    });
  }
  #ask(question, onAnswer) {
    const id = ++this.#calls;
    this.#waiting.set(id, onAnswer);
    this.socket.write(`${JSON.stringify({ id, ...question })}\n`);
  }
  #once(question) {
    return new Promise((resolve) => this.#ask(question, ({ done }) => resolve(done)));
  }
  publish(topic, messages) {
    const wire = messages.map((message) => ({ ...message, value: Buffer.from(message.value).toString('base64') }));
    const publish = () => this.#once({ op: 'publish', topic, messages: wire });
    if (!topic.endsWith('reports')) return publish();
    const { type, running = [], ended = [] } = JSON.parse(Buffer.from(messages[0].value));
    const told = [...running.map(() => 'RUNNING'), ...ended.map(({ state }) => state)];
    return between(`publish ${type} ${told}`, publish);
  }
  bounds(source) {
    return this.#once({ op: 'bounds', source });
  }
  follow(source, from, onBatch) {
    let turn = Promise.resolve();
    this.#ask({ op: 'follow', source, from }, ({ batch, highWatermark }) => {
      const decode = (text) => (text === null ? null : Buffer.from(text, 'base64'));
      const messages = batch.map((message) => ({ ...message, key: decode(message.key), value: decode(message.value) }));
      turn = turn.then(() => onBatch({ messages, highWatermark }));
    });
    return { stop: async () => undefined };
  }
}

const settings = readSettings(process.env);
const { cgroups } = detectCgroups(settings.name);
const runtime = new ExecRuntime({ folder: settings.folder, cgroups, pollMs: 20 });
const { start, stop } = runtime;
runtime.start = (task) => between('start', () => start.call(runtime, task));
runtime.stop = (launch, graceMs) => between('stop', () => stop.call(runtime, launch, graceMs));

const agent = await Agent.begin({
  sizes: settings,
  facts: agentFacts(settings, { isolation: runtime.isolation }),
  checkpoint: await CheckpointFile.open(settings.folder, () => makeAgentId(settings, 'host', 'beef')),
  random: systemRandom,
  log: new SocketLogClient(process.env.TEST_LOG),
  clock: systemClock,
  runtime,
  say: (level, message) => process.stdout.write(`${level} ${message}\n`),
  onFailure: (error) => {
    process.stdout.write(`failed ${error.stack}\n`);
    process.exit(1);
  },
  onRejoin: () => process.exit(3),
});
process.on('SIGTERM', () => {
  void agent.stop({ endTasks: settings.stopTasks }).then(() => process.exit(0));
});
