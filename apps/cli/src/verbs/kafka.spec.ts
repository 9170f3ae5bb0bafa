import type { Call } from '../call.js';
import { list } from './kafka.js';

const call = (items: readonly object[]) =>
  ({ args: ['hello'], options: {}, gateway: { list: async () => items } }) as unknown as Call;

describe('the topics of a service', () => {
  it('are none of one that advertises no brokers', async () => {
    await expect(list(call([{ name: 'http', address: ['127.0.0.1:80'] }]))).rejects.toMatchObject({
      code: 'no-kafka',
      message: 'hello is no Kafka: it advertises no port broker',
    });
  });

  it('are not known while no broker is ready', async () => {
    await expect(list(call([{ name: 'broker', address: [] }]))).rejects.toMatchObject({ code: 'no-broker' });
  });
});
