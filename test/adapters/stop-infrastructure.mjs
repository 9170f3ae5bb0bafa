import { rmSync } from 'node:fs';

export default async function stopInfrastructure() {
  const started = globalThis.orreryInfrastructure;
  if (started === undefined) return;
  const { infra, home } = started;
  const ended = new Promise((resolve) => infra.once('exit', resolve));
  infra.stdin.end();
  await ended;
  rmSync(home, { recursive: true, force: true });
}
