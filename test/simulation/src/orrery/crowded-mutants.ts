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
];

/** All processes fold so, and then agree with each other: only what they decide is wrong. */
function withFold(mutate: (evolve: Evolve) => Evolve): Scene {
  const hosted = (hosting: AnyHosting): AnyHosting => {
    const { decider } = hosting;
    return { ...hosting, decider: { ...decider, evolve: mutate(decider.evolve.bind(decider) as Evolve) } };
  };
  return { ...crowdedScene, hosted };
}
