import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  InMemoryLog,
  InMemoryRegistry,
  InMemorySnapshots,
  ManualHint,
  SeededRandom,
  toyHosting,
} from '@orrery/testing';
import 'reflect-metadata';
import { hostDecider, JournalServer, provisionJournal, systemClock } from './index.js';

class EmptyModule {}
Module({})(EmptyModule);

describe('the Nest transport of an owner', () => {
  it('starts once, before Nest or with it, listens once its shards stand by, shows their health, and leaves cleanly', async () => {
    const log = new InMemoryLog(systemClock);
    const ports = { log, registry: new InMemoryRegistry(), snapshots: new InMemorySnapshots(), clock: systemClock };
    const random = new SeededRandom(1);
    await provisionJournal({ ...ports, random }, { domain: 'services', cell: 0, cells: 1 });
    const hint = new ManualHint();
    hint.name(0);
    const states: string[] = [];
    const loop = hostDecider(
      toyHosting,
      { ...ports, random, hint, observe: (signal) => void (signal.kind === 'state' && states.push(signal.to)) },
      { instance: 'a', cells: 1 },
    );
    const strategy = new JournalServer(loop);
    expect(strategy.health).toMatchObject({ live: true, ready: false });
    await strategy.start();
    expect(strategy.health).toMatchObject({ live: true, ready: true });

    const app = await NestFactory.createMicroservice(EmptyModule, { strategy, logger: false });
    await app.listen();
    expect(strategy.health).toMatchObject({ live: true, ready: true });
    await app.close();
    expect(states.filter((state) => state === 'loading')).toHaveLength(1);
    expect(states.slice(0, 2)).toEqual(['loading', 'standby']);
    expect(states.at(-1)).toBe('closed');
  });
});
