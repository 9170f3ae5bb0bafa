import type { FastifyInstance } from 'fastify';
import { Problem } from '../problem.js';

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A page of another site that a browser shows must not give orders here: the loopback keeps no browser out. */
export function refuseOtherSites(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async (request) => {
    const site = request.headers['sec-fetch-site'];
    if (reading.has(request.method) || site === undefined || site === 'same-origin' || site === 'none') return;
    throw Problem.of('other-site', `a page of another site asked for this (${String(site)})`, {
      field: 'Sec-Fetch-Site',
      remedy: 'use the console of this gateway, or a program',
    });
  });
}
