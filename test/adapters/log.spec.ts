import type { Clock } from '@orrery/control-loop';
import { KafkajsLog } from '@orrery/kafka';
import { InMemoryLog } from '@orrery/testing';
import { freshName, freshTopic, kafka } from './infrastructure.js';
import { logContract } from './log-contract.js';

const wallClock: Clock = {
  nowMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

describe('a log in memory', () => {
  logContract(async () => ({
    log: new InMemoryLog(wallClock),
    freshTopic: async () => freshName('memory'),
    close: async () => undefined,
  }));
});

describe('a log on Kafka', () => {
  logContract(async () => {
    const log = new KafkajsLog(kafka);
    return { log, freshTopic, close: () => log.close() };
  });
});
