import { processSettings } from './process-settings.js';

const given = { ORRERY_KAFKA: '127.0.0.1:9092, b:9093', ORRERY_CASSANDRA: '127.0.0.1:9042' };

describe('the settings of a process', () => {
  it('come from the environment, with defaults where there are any', () => {
    expect(processSettings('master', { ...given, ORRERY_INSTANCE: '1', ORRERY_CELLS: '3' })).toEqual({
      app: 'master',
      instance: 'master-1',
      home: '.orrery',
      cells: 3,
      lanes: 4,
      kafka: ['127.0.0.1:9092', 'b:9093'],
      cassandra: ['127.0.0.1:9042'],
      datacenter: 'datacenter1',
      keyspace: 'orrery',
    });
  });

  it('name the variable that is wrong', () => {
    expect(() => processSettings('master', { ...given, ORRERY_CELLS: 'many' })).toThrow('ORRERY_CELLS');
    expect(() => processSettings('master', { ...given, ORRERY_KAFKA: undefined })).toThrow('ORRERY_KAFKA');
    expect(() => processSettings('master', { ...given, ORRERY_CASSANDRA: 'here' })).toThrow('ORRERY_CASSANDRA');
  });
});
