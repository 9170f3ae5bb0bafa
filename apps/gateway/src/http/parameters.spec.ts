import type { FastifyRequest } from 'fastify';
import { encodePosition } from '../position.js';
import {
  encodeCursor,
  ifVersionOf,
  momentOf,
  pageOf,
  parametersOf,
  reasonOf,
  timeOf,
  timeOrAgo,
  timeParameter,
  waitMsOf,
} from './parameters.js';

const request = (headers: object, query: object = {}) => ({ headers, query }) as unknown as FastifyRequest;

describe('the parameters of a request', () => {
  it('are refused when they are unknown or given twice', () => {
    expect(parametersOf(request({}, { at: 'x' }), ['at'])).toEqual({ at: 'x' });
    expect(() => parametersOf(request({}, { att: 'x' }), ['at'])).toThrow('there is no parameter att here');
    expect(() => parametersOf(request({}, { at: ['x', 'y'] }), ['at'])).toThrow('given 2 times');
  });

  it('page by limit and cursor', () => {
    expect(pageOf({})).toEqual({ limit: 100 });
    expect(pageOf({ limit: '5', cursor: encodeCursor('hello') })).toEqual({ limit: 5, after: 'hello' });
    for (const limit of ['0', '10001', 'many', '1.5']) expect(() => pageOf({ limit })).toThrow('limit is a number');
    expect(() => pageOf({ cursor: '!' })).toThrow('no cursor');
  });

  it('name a moment by time, commit or position', () => {
    expect(momentOf('2026-01-31T12:00:00.5Z')).toEqual({ kind: 'time', atMs: Date.UTC(2026, 0, 31, 12, 0, 0, 500) });
    expect(momentOf('2026-01-31T12:00')).toEqual({ kind: 'time', atMs: Date.UTC(2026, 0, 31, 12) });
    expect(momentOf('services-0:42')).toEqual({ kind: 'commit', journal: 'services-0', seq: 42 });
    const position = encodePosition({ journals: new Map([['cluster-0', 3]]), commands: new Map() });
    expect(momentOf(position)).toEqual({ kind: 'position', journals: { 'cluster-0': 3 } });
    expect(() => momentOf('yesterday')).toThrow('at is a time');
    expect(timeOf('2026-13-01')).toBeUndefined();
  });

  it('name a moment by how long ago it was', () => {
    const nowMs = Date.UTC(2026, 0, 31, 12);
    expect(timeOrAgo('10m', nowMs)).toBe(Date.UTC(2026, 0, 31, 11, 50));
    expect(timeOrAgo('1.5h', nowMs)).toBe(Date.UTC(2026, 0, 31, 10, 30));
    expect(timeOrAgo('2026-01-31', nowMs)).toBe(Date.UTC(2026, 0, 31));
    for (const text of ['10', '-10m', '10 minutes', 'm']) expect(timeOrAgo(text, nowMs)).toBeUndefined();
    expect(momentOf('1h').kind).toBe('time');
    expect(() => timeParameter('since', 'an hour')).toThrow('since is neither a time nor a duration: an hour');
  });

  it('carry a wait, a version and a reason', () => {
    expect(waitMsOf(request({ prefer: 'respond-async, wait=10' }))).toBe(10_000);
    expect(waitMsOf(request({ prefer: 'wait=9999' }))).toBe(60_000);
    expect(waitMsOf(request({}))).toBeUndefined();
    expect(ifVersionOf(request({ 'if-match': '"7"' }))).toBe('7');
    expect(ifVersionOf(request({ 'if-match': '*' }))).toBeUndefined();
    expect(reasonOf(request({ 'orrery-reason': 'm%C3%BCde' }))).toBe('müde');
    expect(reasonOf(request({ 'orrery-reason': '100%' }))).toBe('100%');
    expect(() => reasonOf(request({ 'orrery-reason': 'x'.repeat(2000) }))).toThrow('at most 1024');
  });
});
