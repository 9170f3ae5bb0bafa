import type { AllocationEvent } from '@orrery/contracts';
import type { AllocationState } from '@orrery/domain';
import type { AnyHosting } from '../guest.js';
import { crowdedScene } from './crowded-scene.js';
import { roomyScene } from './roomy-scene.js';
import type { Scene } from './scene.js';

type Evolve = (state: AllocationState, event: AllocationEvent) => void;

/** A scene with one rule left out of the allocator. */
export interface SceneMutant {
  readonly name: string;
  /** What the judge says of it. */
  readonly saying: string;
  readonly scene: Scene;
}

export const crowdedMutants: readonly SceneMutant[] = [
  {
    name: 'forgets the budget of preemption',
    saying: 'the budget is',
    scene: withFold((evolve) => (state, event) => {
      evolve(state, event);
      if (event.type === 'PreemptionOrdered') state.ledger.put('all', { ...state.ledger.get('all')!, preempted: [] });
    }),
  },
  {
    name: 'preempts a higher priority',
    saying: ' make way',
    scene: withFold((evolve) => (state, event) => {
      evolve(state, event.type === 'Placed' ? { ...event, data: { ...event.data, priority: 0 } } : event);
    }),
  },
  {
    name: 'preempts across the tree of roles',
    saying: ' make way',
    scene: withFold((evolve) => (state, event) => {
      evolve(
        state,
        event.type === 'RequestQueued' ? { ...event, data: { ...event.data, role: 'eng' as never } } : event,
      );
    }),
  },
  {
    name: 'keeps the room elsewhere',
    saying: 'room kept for others',
    scene: withFold((evolve) => (state, event) => {
      if (event.type !== 'PreemptionOrdered') return evolve(state, event);
      const places = event.data.places.map(([agent, pods]) => [(agent % 3) + 1, pods] as const);
      evolve(state, { ...event, data: { ...event.data, places } });
    }),
  },
  {
    name: 'forgets for whom others make way',
    saying: 'asked for again',
    scene: withFold((evolve) => (state, event) => {
      evolve(state, event.type === 'PreemptionOrdered' ? { ...event, data: { ...event.data, places: [] } } : event);
    }),
  },
  {
    name: 'has requests ask that were withdrawn',
    saying: 'does not wait',
    scene: withFold((evolve) => (state, event) => {
      if (event.type !== 'RequestDropped') evolve(state, event);
    }),
  },
  {
    name: 'places gangs pod by pod',
    saying: 'something was placed',
    scene: withFold((evolve) => (state, event) => {
      if (event.type !== 'RequestQueued') return evolve(state, event);
      const { gang: _, ...alone } = event.data;
      evolve(state, { ...event, data: alone });
    }),
  },
];

export const roomyMutants: readonly SceneMutant[] = [
  {
    name: 'forgets the old grant of a pod that is resized',
    saying: 'took over from',
    scene: withFold(
      (evolve) => (state, event) => {
        if (event.type === 'GrantReleased')
          for (const [key, { resizes, ...alone }] of [...state.lots.entries()])
            if (resizes !== undefined) state.lots.put(key, alone);
        evolve(state, event);
      },
      roomyScene,
    ),
  },
];

/** All processes fold so, and then agree with each other: only what they decide is wrong. */
function withFold(mutate: (evolve: Evolve) => Evolve, scene: Scene = crowdedScene): Scene {
  const hosted = (hosting: AnyHosting): AnyHosting => {
    const { decider } = hosting;
    return { ...hosting, decider: { ...decider, evolve: mutate(decider.evolve.bind(decider) as Evolve) } };
  };
  return { ...scene, hosted };
}
