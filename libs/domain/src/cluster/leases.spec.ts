import type { AgentId } from '@orrery/contracts';
import { ada, AT, registered } from './examples.js';
import { evolve } from './evolve.js';
import { Leases, LEASE_MARKERS } from './leases.js';
import { initialState, type AgentRow } from './state.js';

function row(change: Partial<AgentRow> = {}): AgentRow {
  const state = initialState();
  evolve(state, registered());
  return { ...state.agents.get(ada)!, ...change };
}

/** One lane, and markers a second apart unless said otherwise. */
class Lane {
  readonly leases = new Leases(1);
  nowMs = AT;
  #number = 0;

  constructor() {
    this.leases.note(row(), 0);
    this.mark();
  }

  mark(count = 1, apartMs = 1000) {
    let said: unknown[] = [];
    for (let left = count; left > 0; left -= 1) {
      this.nowMs += apartMs;
      this.#number += 1;
      said = this.leases.marker(0, this.#number, this.nowMs);
    }
    return said;
  }

  repeatMarker() {
    return this.leases.marker(0, this.#number, this.nowMs);
  }

  beat(more: { obeyed?: number; epoch?: number; session?: string; agent?: AgentId } = {}) {
    const beat = { agent: ada, session: 's1', epoch: 1, obeyed: 0, m: 0, ...more };
    return this.leases.heartbeat(beat, this.nowMs);
  }
}

const lapsed = [{ type: 'lease-lapsed', agent: ada, epoch: 1 }];

describe('a lease', () => {
  it('lapses at the twelfth marker in a row without a heartbeat', () => {
    const lane = new Lane();
    lane.beat();
    expect(lane.mark(LEASE_MARKERS - 1)).toEqual([]);
    expect(lane.mark()).toEqual(lapsed);
  });

  it('lapses although the agent was never heard at all', () => {
    expect(new Lane().mark(LEASE_MARKERS)).toEqual(lapsed);
  });

  it('is kept by a heartbeat of the same process and epoch only', () => {
    const lane = new Lane();
    lane.mark(LEASE_MARKERS - 1);
    lane.beat({ epoch: 2 });
    lane.beat({ session: 's0' });
    lane.beat({ agent: 'bob' as AgentId });
    expect(lane.mark()).toEqual(lapsed);
    lane.beat();
    expect(lane.mark(LEASE_MARKERS - 1)).toEqual([]);
  });

  it('is said to have lapsed again while nothing came of it, and not at every marker', () => {
    const lane = new Lane();
    expect(lane.mark(LEASE_MARKERS)).toEqual(lapsed);
    expect(lane.mark(2)).toEqual([]);
    expect(lane.mark()).toEqual(lapsed);
  });

  it('begins anew for everybody after a gap between markers: the owner or the log had paused', () => {
    const lane = new Lane();
    lane.mark(LEASE_MARKERS - 1);
    expect(lane.mark(1, 60_000)).toEqual([]);
    expect(lane.mark(LEASE_MARKERS - 1)).toEqual([]);
    expect(lane.mark()).toEqual(lapsed);
  });

  it('begins anew with a registration or a return', () => {
    const lane = new Lane();
    lane.mark(LEASE_MARKERS - 1);
    lane.leases.note(row({ epoch: 2, session: 's2' }), 0);
    expect(lane.mark(LEASE_MARKERS - 1)).toEqual([]);
    lane.leases.note(row({ epoch: 2, session: 's2', reachable: false }), 0);
    lane.leases.note(row({ epoch: 2, session: 's2' }), 0);
    expect(lane.mark(LEASE_MARKERS - 1)).toEqual([]);
    expect(lane.mark()).toEqual([{ ...lapsed[0], epoch: 2 }]);
  });

  it('does not run while the agent is unreachable, its lapse is held, or it is gone', () => {
    for (const change of [{ reachable: false }, { lapseHeld: true }, { standing: 'GONE' as const }]) {
      const lane = new Lane();
      lane.leases.note(row(change), 0);
      expect(lane.mark(LEASE_MARKERS * 2)).toEqual([]);
    }
  });

  it('counts a marker that was written twice once', () => {
    const lane = new Lane();
    lane.mark(LEASE_MARKERS - 1);
    expect(lane.repeatMarker()).toEqual([]);
    expect(lane.mark()).toEqual(lapsed);
  });

  it('counts each lane by itself', () => {
    const leases = new Leases(2);
    leases.note(row(), 0);
    const other = [0, 1].map((lane) => {
      let said: unknown[] = [];
      for (let number = 1; number <= LEASE_MARKERS + 1; number += 1)
        said = leases.marker(lane, number, AT + number * 1000);
      return said;
    });
    expect(other).toContainEqual(lapsed);
    expect(other).toContainEqual([]);
  });

  it('of five thousand agents costs each heartbeat the same', () => {
    const leases = new Leases(1);
    const agents = Array.from({ length: 5000 }, (_, index) => `a${index}` as AgentId);
    for (const agent of agents) leases.note({ ...row(), agent }, 0);
    const silent = agents[17]!;
    for (let number = 1; number <= 100; number += 1) {
      for (const agent of agents) {
        if (agent !== silent) leases.heartbeat({ agent, session: 's1', epoch: 1, obeyed: 0, m: 0 }, AT + number * 1000);
      }
      const said = leases.marker(0, number, AT + number * 1000);
      expect(said).toHaveLength(number > LEASE_MARKERS && (number - LEASE_MARKERS - 1) % 3 === 0 ? 1 : 0);
    }
  });
});

describe('a heartbeat of an agent that counts as lost', () => {
  const heard = { type: 'heartbeat-from-unreachable', agent: ada, epoch: 1 };

  it('is told to the decider, and again only after a while', () => {
    for (const change of [{ reachable: false }, { lapseHeld: true }]) {
      const lane = new Lane();
      lane.leases.note(row(change), 0);
      expect(lane.beat()).toEqual(heard);
      expect(lane.beat()).toBeUndefined();
      lane.mark(3);
      expect(lane.beat()).toEqual(heard);
    }
  });

  it('is not told while its inventory is on its way', () => {
    const lane = new Lane();
    lane.leases.note(row({ reachable: false, inventoryAsked: true }), 0);
    expect(lane.beat()).toBeUndefined();
  });
});

describe('an agent that obeys less than it was ordered', () => {
  const behind = (obeyed: number) => ({ type: 'obeyed-behind', agent: ada, epoch: 1, obeyed });

  it('is told after two seconds without progress, then more and more rarely', () => {
    const lane = new Lane();
    lane.leases.note(row(), 5);
    const said = Array.from({ length: 14 }, () => {
      lane.mark();
      return lane.beat({ obeyed: 3 });
    });
    const seconds = said.flatMap((each, second) => (each === undefined ? [] : [second]));
    expect(seconds).toEqual([3, 8]);
    expect(said[3]).toEqual(behind(3));
  });

  it('is left alone while it makes progress', () => {
    const lane = new Lane();
    lane.leases.note(row(), 50);
    for (let obeyed = 1; obeyed < 30; obeyed += 1) {
      lane.mark();
      expect(lane.beat({ obeyed })).toBeUndefined();
    }
  });
});
