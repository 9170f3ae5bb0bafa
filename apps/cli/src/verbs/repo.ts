import { resolve } from 'node:path';
import type { RepositoryLine } from '../answers.js';
import { argument, path, type Call } from '../call.js';
import type { Listing } from '../output/output.js';

interface Answer {
  readonly items: readonly RepositoryLine[];
}

const repositories: Listing<RepositoryLine> = {
  name: ({ name }) => name,
  columns: [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'URI', cell: ({ uri }) => uri },
  ],
};

export async function list(call: Call): Promise<void> {
  const { items } = await call.gateway.get<Answer>('/v1/repositories');
  await call.output.list(items, repositories);
}

export async function add(call: Call): Promise<void> {
  const [name, given] = [argument(call, 0), argument(call, 1)];
  const uri = /^[a-z]+:/.test(given) ? given : resolve(call.surroundings.folder, given);
  const { items } = await call.gateway.ask<Answer>('PUT', path`/v1/repositories/${name}`, {}, { uri });
  await call.output.list(items, repositories);
}

export async function remove(call: Call): Promise<void> {
  const place = path`/v1/repositories/${argument(call, 0)}`;
  const { items } = await call.gateway.ask<Answer>('DELETE', place, {});
  await call.output.list(items, repositories);
}
