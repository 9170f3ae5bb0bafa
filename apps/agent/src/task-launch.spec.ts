import type { AgentId, TaskTemplate } from '@orrery/contracts';
import type { LaunchRow } from './agent-state/agent-state.js';
import { makeAgentId } from './agent-id.js';
import Mustache from 'mustache';
import { peersEnvironment, peersView } from './peers.js';
import { readSettings } from './settings.js';
import { taskEnvironment } from './task-launch.js';

const given = { ORRERY_KAFKA: 'a:1,b:2' };

describe('what a task sees', () => {
  it('is its own words, its ports, and who it is', () => {
    const row = {
      launch: {
        launch: '5.0',
        index: 2,
        incarnation: 3,
        ports: { http: 31000, 'web-admin': 31001 },
        gpuIds: ['1', '3'],
      },
      kind: { service: 'hello', pod: 'web', task: 'server' },
    } as unknown as LaunchRow;
    const template = {
      env: { GREETING: 'hi', ORRERY_TASK: 'somebody else', PORT_HTTP: '1' },
      portEnv: { http: 'LISTEN' },
    } as unknown as TaskTemplate;
    expect(taskEnvironment(row, template, { id: 'ada-1' as AgentId, address: '127.0.0.2' })).toEqual({
      GREETING: 'hi',
      PORT_HTTP: '31000',
      LISTEN: '31000',
      PORT_WEB_ADMIN: '31001',
      CUDA_VISIBLE_DEVICES: '1,3',
      NVIDIA_VISIBLE_DEVICES: '1,3',
      ORRERY_SERVICE: 'hello',
      ORRERY_POD: 'web',
      ORRERY_POD_INDEX: '2',
      ORRERY_TASK: 'server',
      ORRERY_TASK_ID: 'hello.web-2.server',
      ORRERY_INCARNATION: '3',
      ORRERY_AGENT: 'ada-1',
      ORRERY_ADDRESS: '127.0.0.2',
    });
  });
});

describe('what a task is told of other pods of its service', () => {
  const template = {
    peers: [
      { pod: 'controller', index: 0, address: '127.0.0.1', ports: { quorum: 9093 } },
      { pod: 'controller', index: 1, address: '127.0.0.2', ports: { quorum: 31_001 } },
      { pod: 'data-node', index: 2, address: '127.0.0.3', ports: {} },
    ],
  };

  it('are lists of addresses, with ports and with indexes', () => {
    expect(peersEnvironment(template)).toEqual({
      ORRERY_PEERS_CONTROLLER: '127.0.0.1,127.0.0.2',
      ORRERY_PEERS_CONTROLLER_QUORUM: '127.0.0.1:9093,127.0.0.2:31001',
      ORRERY_MEMBERS_CONTROLLER_QUORUM: '0@127.0.0.1:9093,1@127.0.0.2:31001',
      ORRERY_PEERS_DATA_NODE: '127.0.0.3',
    });
    expect(peersEnvironment({})).toEqual({});
  });

  it('are lists that sections of templates walk through', () => {
    const text = '{{#peers.controller}}{{index}}@{{address}}:{{ports.quorum}}{{^last}},{{/last}}{{/peers.controller}}';
    expect(Mustache.render(text, peersView(template))).toBe('0@127.0.0.1:9093,1@127.0.0.2:31001');
  });
});

describe('the settings of an agent', () => {
  it('are read from its environment', () => {
    const settings = readSettings({
      ...given,
      ORRERY_AGENT_NAME: 'Ada_1.local',
      ORRERY_HOME: '/h',
      ORRERY_AGENT_RESOURCES: '{"cpus":2,"ports":[[31000,31999]]}',
    });
    expect(settings).toMatchObject({ kafka: ['a:1', 'b:2'], name: 'ada-1-local', folder: '/h/agents/ada-1-local' });
    expect(settings).toMatchObject({ cells: 1, lanes: 4, stopTasks: false, limits: 'quota', resources: { cpus: 2 } });
  });

  it.each([
    ['ORRERY_KAFKA', {}],
    ['ORRERY_CELLS', { ...given, ORRERY_CELLS: 'two' }],
    ['ORRERY_AGENT_CELL', { ...given, ORRERY_AGENT_CELL: '1' }],
    ['ORRERY_AGENT_RESOURCES', { ...given, ORRERY_AGENT_RESOURCES: '{cpus:2}' }],
    ['ORRERY_AGENT_RESOURCES', { ...given, ORRERY_AGENT_RESOURCES: '{"cpus":-1}' }],
    ['ORRERY_AGENT_RESOURCES', { ...given, ORRERY_AGENT_RESOURCES: '{"ports":[[9,1]]}' }],
    ['ORRERY_AGENT_LIMITS', { ...given, ORRERY_AGENT_LIMITS: 'some' }],
  ])('name %s when it is wrong', (name, environment) => {
    expect(() => readSettings(environment)).toThrow(name);
  });

  it('give an agent of another cell an id that says so', () => {
    const settings = readSettings({ ...given, ORRERY_AGENT_NAME: 'ada', ORRERY_CELLS: '3', ORRERY_AGENT_CELL: '2' });
    expect(makeAgentId(settings, 'host', 'beef')).toBe('ada-beef.c2');
    expect(makeAgentId({ ...settings, cell: 0 }, 'host', 'beef')).toBe('ada-beef');
  });
});
