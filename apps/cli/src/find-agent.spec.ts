import type { Agent } from './answers.js';
import { agentsMeant } from './find-agent.js';

const amounts = { cpus: 1, memory: 1, disk: 1, gpus: 0 };
const agent = (id: string, hostname: string, state = 'ACTIVE'): Agent => {
  return { id, hostname, state, resources: amounts, used: amounts };
};

describe('the agent that somebody means', () => {
  const agents = [
    agent('rack-1-aa', 'rack-1'),
    agent('rack-10-bb', 'rack-10'),
    agent('rack-2-cc', 'rack-2', 'GONE'),
    agent('rack-2-dd', 'rack-2'),
    agent('rack-3-ee', 'rack-3', 'GONE'),
  ];
  const meant = (text: string) => agentsMeant(text, agents).map(({ id }) => id);

  it('is the one with the whole hostname before those that begin with it', () => {
    expect(meant('rack-1')).toEqual(['rack-1-aa']);
    expect(meant('rack-1-')).toEqual(['rack-1-aa']);
  });

  it('is one that is there before one that is gone, unless no other is left', () => {
    expect(meant('rack-2')).toEqual(['rack-2-dd']);
    expect(meant('rack-3')).toEqual(['rack-3-ee']);
  });

  it('may be many, or none', () => {
    expect(meant('rack')).toEqual(['rack-1-aa', 'rack-10-bb', 'rack-2-dd']);
    expect(meant('shelf')).toEqual([]);
  });
});
