import type { Volume } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import type { Listing } from '../output/output.js';
import { showList } from '../reading.js';

const volumes: Listing<Volume> = {
  name: (volume) => volume.id,
  columns: [
    { title: 'VOLUME', cell: (volume) => volume.id },
    { title: 'STATE', cell: (volume) => volume.state },
    { title: 'AGENT', cell: (volume) => volume.agent },
    { title: 'SERVICE', cell: (volume) => volume.service },
    { title: 'POD', cell: (volume) => volume.pod },
    { title: 'NAME', cell: (volume) => volume.name },
    { title: 'TYPE', cell: (volume) => volume.type },
    { title: 'DISK', cell: (volume) => volume.disk, unlessNone: (volume) => volume.disk !== null },
    { title: 'SIZE', cell: (volume) => volume.size, right: true },
    { title: 'USERS', cell: ({ users }) => users, right: true, unlessNone: ({ shared }) => shared === true },
    {
      title: 'ADOPTER',
      cell: ({ adopter }) => (adopter === undefined ? undefined : `${adopter.service} ${adopter.pod}`),
    },
    { title: 'GENERATION', cell: (volume) => volume.generation, right: true, wide: true },
    { title: 'ROLE', cell: (volume) => volume.role, wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/volumes', {}, volumes);
}

export async function destroy(call: Call): Promise<void> {
  const id = argument(call, 0);
  await confirm(call, `Destroy volume ${id}: its data is deleted for ever. Go on?`);
  await call.gateway.change('DELETE', path`/v1/volumes/${id}`, { reason: call.options.reason });
  await call.output.object({ id }, { name: () => id, people: () => `${id} is being destroyed\n` });
}

export async function adopt(call: Call): Promise<void> {
  const [id, service, pod] = [argument(call, 0), argument(call, 1), argument(call, 2)];
  const body = { service, pod };
  await call.gateway.change('POST', path`/v1/volumes/${id}/adopt`, { body, reason: call.options.reason });
  await call.output.object(
    { id, ...body },
    { name: () => id, people: () => `${id} is for ${service} ${pod}: its next place is there\n` },
  );
}
