import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Home } from './home.js';
import { checkout } from './settings.js';
import { until } from './waiting.js';

const MARK = 'first-service';
const APPLIED_WITHIN_MS = 60_000;

/**
 * Applies deploy/local/hello.yaml once in the life of a home, so that there is something to see: uninstalled, it stays away.
 * Answers with the name of the service, or undefined when there was nothing to do.
 */
export async function applyFirstService(home: Home, gateway: string, signal: AbortSignal): Promise<string | undefined> {
  if (home.hasMark(MARK)) return undefined;
  const spec = parse(readFileSync(join(checkout, 'deploy', 'local', 'hello.yaml'), 'utf8')) as { name: string };
  // One command however often it is sent.
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${home.token()}`,
    'idempotency-key': randomUUID(),
    'orrery-actor': 'orrery up',
    'orrery-reason': 'first start of this cluster',
  };
  await until(
    async () => {
      const answer = await put(`${gateway}/v1/services/${spec.name}`, headers, spec);
      if (answer === undefined || answer.status >= 500 || answer.status === 429) return undefined;
      if (!answer.ok) throw new Error(`deploy/local/hello.yaml was refused: ${await answer.text()}`);
      return true;
    },
    { what: `the acceptance of service ${spec.name}`, withinMs: APPLIED_WITHIN_MS, everyMs: 250, signal },
  );
  home.mark(MARK);
  return spec.name;
}

async function put(url: string, headers: Record<string, string>, body: unknown): Promise<Response | undefined> {
  try {
    return await fetch(url, {
      method: 'PUT',
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
  } catch {
    return undefined; // the gateway may be starting again: sent anew until the deadline, which says so
  }
}
