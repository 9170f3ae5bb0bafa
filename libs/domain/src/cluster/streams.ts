import type { ClusterCommand, ClusterEvent } from '@orrery/contracts';
import { accept, reject, type Decision, type DecisionContext } from '@orrery/kernel';
import { nameOf } from './agents.js';
import type { ClusterState } from './state.js';
import { nextOrder } from './syncs.js';
import { currentLaunch } from './views.js';

const TTL_DEFAULT_SECS = 60;
const LIMIT_DEFAULT_BYTES = 1024 * 1024;
const STREAMS_PER_AGENT_MAX = 64;
const STREAMS_MAX = 4096;
const CMD_LENGTH_MAX = 16_384;

type OpenStreamBody = Extract<ClusterCommand, { type: 'OpenStream' }>['body'];

/** Streams of ended tasks are as welcome as those of living ones: their sandbox is still there. Commands need a living one. */
export function openStream(body: OpenStreamBody, state: ClusterState, { at }: DecisionContext): Decision<ClusterEvent> {
  const wrong = fieldsRefusal(body);
  if (wrong !== undefined) return wrong;
  const launch = currentLaunch(state, body.task);
  if (launch === undefined) return reject('unknown-task', `there is no task ${body.task}`, { field: '/task' });
  if (body.kind === 'exec' && launch.phase !== 'RUNNING') {
    return reject('task-ended', `${body.task} does not run: it is ${launch.phase}`, { field: '/task' });
  }
  const agent = state.agents.get(launch.agent);
  if (agent === undefined || agent.standing === 'GONE' || !agent.reachable) {
    return reject('agent-unreachable', `${launch.agent}, where ${body.task} was started, can't be reached`);
  }
  const taken = state.streams.get(body.stream);
  if (taken !== undefined && taken.untilMs > at) {
    return reject('name-taken', `stream ${body.stream} is open`, { field: '/stream', remedy: 'choose another name' });
  }
  const open = [...state.streams.values()].filter(({ untilMs }) => untilMs > at);
  const openThere = open.filter((stream) => stream.agent === agent.agent);
  if (open.length >= STREAMS_MAX || openThere.length >= STREAMS_PER_AGENT_MAX) {
    return reject('busy', `${openThere.length} streams of ${agent.agent} are open, ${open.length} in all`, {
      remedy: `at most ${STREAMS_PER_AGENT_MAX} an agent and ${STREAMS_MAX} in all: try again when some have ended`,
    });
  }
  return accept({
    type: 'StreamOpened',
    data: {
      stream: body.stream,
      ...nameOf(agent),
      n: nextOrder(state, agent.number),
      launch: launch.launch,
      kind: body.kind,
      ...(body.path === undefined ? {} : { path: body.path }),
      ...(body.cmd === undefined ? {} : { cmd: argumentsOf(body.cmd) }),
      ...(body.terminal === undefined ? {} : { terminal: body.terminal }),
      from: body.from ?? 0,
      follow: body.follow ?? false,
      limitBytes: body['limit-bytes'] ?? LIMIT_DEFAULT_BYTES,
      at,
      until: at + Math.round((body['ttl-secs'] ?? TTL_DEFAULT_SECS) * 1000),
    },
  });
}

function fieldsRefusal({ kind, path, cmd, terminal }: OpenStreamBody): Decision<ClusterEvent> | undefined {
  if (kind === 'file' && path === undefined) {
    return reject('invalid-field', 'a stream of kind file needs a path', { field: '/path', remedy: 'add /path' });
  }
  if ((kind === 'exec') !== (cmd !== undefined)) {
    const [message, remedy] = kind === 'exec' ? ['needs a cmd', 'add /cmd'] : ['takes no cmd', 'leave it out'];
    return reject('invalid-field', `a stream of kind ${kind} ${message}`, { field: '/cmd', remedy });
  }
  if (kind !== 'exec' && terminal !== undefined) {
    return reject('invalid-field', `a stream of kind ${kind} has no terminal`, {
      field: '/terminal',
      remedy: 'leave it out',
    });
  }
  if (cmd === undefined) return undefined;
  const words = argumentsOf(cmd);
  const length = words.reduce((sum, word) => sum + word.length, 0);
  if (words[0] !== '' && length <= CMD_LENGTH_MAX && !words.some((word) => word.includes('\0'))) return undefined;
  return reject('invalid-field', `a command has a program, no zero bytes and at most ${CMD_LENGTH_MAX} characters`, {
    field: '/cmd',
    remedy: 'put what is long into a file or into stdin',
  });
}

function argumentsOf(cmd: string | readonly string[]): readonly string[] {
  return typeof cmd === 'string' ? ['/bin/sh', '-c', cmd] : cmd;
}
