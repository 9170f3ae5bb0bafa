import { accept, reject, Table, type Decider, type Input } from '@orrery/kernel';
import { specificationOf } from './index.js';

type Command = { readonly type: 'Rent'; readonly bike: string } | { readonly type: 'Return'; readonly bike: string };
type Event = {
  readonly type: 'Rented' | 'Returned';
  readonly data: { readonly bike: string; readonly rental?: string };
};
type Rental = Decider<Input<Command, never, never, never>, { rented: Table<string, { rental: string }> }, Event>;

const rental: Rental = {
  name: 'rental',
  foldVersion: 1,
  initialState: () => ({ rented: new Table('rented') }),
  decide(input, state, context) {
    if (input.kind !== 'command') return accept();
    const { type, bike } = input.command;
    const rented = state.rented.has(bike);
    if (type === 'Return') return rented ? accept({ type: 'Returned', data: { bike } }) : accept();
    if (rented) return reject('bike-taken', `${bike} is out`);
    return accept({ type: 'Rented', data: { bike, rental: context.nextId() } });
  },
  evolve(state, { type, data }) {
    if (type === 'Rented') state.rented.put(data.bike, { rental: data.rental! });
    else state.rented.delete(data.bike);
  },
};
const order = (type: Command['type'], bike: string) =>
  ({ kind: 'command', id: `${type} ${bike}`, actor: 'ann', command: { type, bike } }) as const;
const rented = (bike: string): Event => ({ type: 'Rented', data: { bike, rental: '1.0' } });

describe('a decider specification', () => {
  const renting = specificationOf(rental);

  it('reads as a sentence, over several steps', () => {
    renting.when(order('Rent', 'red')).then(rented('red')).when(order('Rent', 'red')).thenRefused('bike-taken');
    renting
      .given(rented('red'))
      .when(order('Return', 'red'))
      .then({ type: 'Returned', data: { bike: 'red' } });
    renting.given(rented('red')).when(order('Return', 'blue')).thenNothing();
    renting.given(rented('red')).thenState((state) => expect(state.rented.size).toBe(1));
    renting
      .when(order('Rent', 'red'), { seq: 7 })
      .thenState((state) => expect(state.rented.get('red')?.rental).toBe('7.0'));
  });

  it('fails when the outcome is another one', () => {
    const outcome = renting.given(rented('red')).when(order('Rent', 'red'));
    expect(() => outcome.thenNothing()).toThrow('bike-taken');
    expect(() => outcome.thenRefused('another-code')).toThrow('bike-taken');
    expect(() => renting.when(order('Rent', 'red')).thenRefused('bike-taken')).toThrow('found events');
    expect(() => renting.when(order('Rent', 'red')).then(rented('blue'))).toThrow();
  });

  it('catches a decide that changes the state', () => {
    const meddling: Rental = {
      ...rental,
      decide: (input, state, context) => {
        state.rented.put('stolen', { rental: 'x' });
        return rental.decide(input, state, context);
      },
    };
    expect(() => specificationOf(meddling).when(order('Rent', 'red'))).toThrow('decide changed the state');
  });

  it('catches an event that JSON would change', () => {
    const lossy: Rental = {
      ...rental,
      decide: () => accept({ type: 'Rented', data: { bike: 'red', rental: undefined as never } }),
    };
    expect(() => specificationOf(lossy).when(order('Rent', 'red'))).toThrow('survive JSON');
  });
});
