import type { AgentId, AllocationEvent, PlacementRequest, RequestId, RoleName, ServiceName } from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { goOn } from './examples.js';

const ROUND_BYTES_MAX = 192 * 1024;
/** What the journal says of each event beside its data, about. */
const ABOUT_BYTES = 60;

const AGENTS = 3000;
const fleet: readonly AllocationEvent[] = Array.from({ length: AGENTS }, (_, at) => ({
  type: 'AgentOpened',
  data: {
    ...{
      agent: `agent-${at + 1}` as AgentId,
      number: at + 1,
      epoch: 1 + (at % 9),
      hostname: `machine-${at + 1}.example`,
    },
    capacity: { cpusMilli: 16_000, memoryMib: 65_536, diskMib: 100_000, gpuIds: [], ports: [[31_000, 31_999]] },
    attributes: {},
    faultDomain: { region: 'eu', zone: `z${at % 3}` },
  },
}));

type Wish = Partial<Omit<PlacementRequest, 'needs'>> & { readonly needs?: Partial<PlacementRequest['needs']> };

function queued(count: number, { needs, ...more }: Wish): AllocationEvent[] {
  const nothing = { cpusMilli: 100, memoryMib: 0, diskMib: 0, gpus: 0, ports: [], volumes: [] };
  return Array.from({ length: count }, (_, at) => ({
    type: 'RequestQueued',
    data: {
      ...{ request: `1.${at}` as RequestId, service: `a-service-of-a-team-${at}` as ServiceName, generation: 1 },
      ...{ role: `organisation/department/team-${at}` as RoleName, pod: 'server', indexes: [[0, 0]] },
      ...{ constraints: [], policy: 'spread' as const, attempt: 1, avoid: [], replaces: [] },
      ...more,
      needs: { ...nothing, ...needs },
    },
  }));
}

function sizeOf(events: readonly AllocationEvent[]): number {
  return events.reduce((sum, event) => sum + JSON.stringify(event).length + ABOUT_BYTES, 0);
}

describe('a full decision is no larger than it was counted, and more than half of it', () => {
  const ports = ['http', 'admin'].map((name) => ({ name, port: 0 }));
  it.each<[string, number, Wish]>([
    ['sets of a pod', 2000, {}],
    ['sets on many agents', 20, { indexes: [[0, 1999]] }],
    ['sets with ports', 20, { indexes: [[0, 1999]], needs: { cpusMilli: 0, ports } }],
    ['reasons', 2000, { needs: { cpusMilli: 64_000 } }],
  ])('of %s', (_, requests, wish) => {
    specificationOf(allocation)
      .given(...fleet, ...queued(requests, wish))
      .when(goOn)
      .thenEvents((events) => {
        expect(sizeOf(events)).toBeLessThan(ROUND_BYTES_MAX + 2000);
        expect(sizeOf(events)).toBeGreaterThan(ROUND_BYTES_MAX / 2);
      })
      .thenState((state) => expect(allocation.continues!(state)).toBe(true));
  });
});
