import type { AllocationCommand, PlacementRequest } from '@orrery/contracts';
import type { AllocationInput } from './input.js';

// The ways in which inputs arrive, for specifications of this domain.

/** A fact of another journal. */
export const foreign = (event: Extract<AllocationInput, { kind: 'foreign' }>['event']): AllocationInput => ({
  kind: 'foreign',
  domain: 'services',
  journalId: 'any',
  seq: 1,
  event,
});

export const asked = (wish: PlacementRequest): AllocationInput => foreign({ type: 'PlacementRequested', data: wish });

export const order = (command: AllocationCommand): AllocationInput => ({
  kind: 'command',
  id: 'c-1',
  actor: 'ann',
  command,
});

export const goOn: AllocationInput = { kind: 'internal', internal: { type: 'continue' } };
export const tick: AllocationInput = { kind: 'internal', internal: { type: 'tick' } };
