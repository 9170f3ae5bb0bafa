import type { AllocationEvent } from '@orrery/contracts';
import type { AllocationState } from '@orrery/domain';
import type { AnyHosting } from '../guest.js';
import { crowdedScene } from './crowded-scene.js';
import type { Scene } from './scene.js';

type Evolve = (state: AllocationState, event: AllocationEvent) => void;

/** The crowded scene with one rule of preemption left out of the allocator. */
export interface SceneMutant {
  readonly name: string;
  readonly scene: Scene;
}

export const crowdedMutants: readonly SceneMutant[] = [
  {
    name: 'forgets the budget of preemption',
    scene: withFold((evolve) => (state, event) => {
      evolve(state, event);
      if (event.type === 'PreemptionOrdered') state.ledger.put('all', { ...state.ledger.get('all')!, preempted: [] });
    }),
  },
  {
    name: 'preempts a higher priority',
    scene: withFold((evolve) => (state, event) => {
      evolve(state, event.type === 'Placed' ? { ...event, data: { ...event.data, priority: 0 } } : event);
    }),
  },
  {
    name: 'preempts across the tree of roles',
    scene: withFold((evolve) => (state, event) => {
      evolve(
        state,
        event.type === 'RequestQueued' ? { ...event, data: { ...event.data, role: 'eng' as never } } : event,
      );
    }),
  },
  {
    name: 'keeps the room elsewhere',
    scene: withFold((evolve) => (state, event) => {
      if (event.type !== 'PreemptionOrdered') return evolve(state, event);
      const places = event.data.places.map(([agent, pods]) => [(agent % 3) + 1, pods] as const);
      evolve(state, { ...event, data: { ...event.data, places } });
    }),
  },
  {
    name: 'forgets for whom others make way',
    scene: withFold((evolve) => (state, event) => {
      evolve(state, event.type === 'PreemptionOrdered' ? { ...event, data: { ...event.data, places: [] } } : event);
    }),
  },
  {
    name: 'has requests ask that were withdrawn',
    scene: withFold((evolve) => (state, event) => {
      if (event.type !== 'RequestDropped') evolve(state, event);
    }),
  },
  {
    name: 'places gangs pod by pod',
    scene: withFold((evolve) => (state, event) => {
      if (event.type !== 'RequestQueued') return evolve(state, event);
      const { gang: _, ...alone } = event.data;
      evolve(state, { ...event, data: alone });
    }),
  },
];

/** All processes fold so, and then agree with each other: only what they decide is wrong. */
function withFold(mutate: (evolve: Evolve) => Evolve): Scene {
  const hosted = (hosting: AnyHosting): AnyHosting => {
    const { decider } = hosting;
    return { ...hosting, decider: { ...decider, evolve: mutate(decider.evolve.bind(decider) as Evolve) } };
  };
  return { ...crowdedScene, hosted };
}
