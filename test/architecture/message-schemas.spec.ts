import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

describe('the published schemas of messages', () => {
  it('are what the types of libs/contracts say', async () => {
    const check = promisify(execFile)(process.execPath, [join('deploy', 'local', 'schemas.mjs'), '--check'], {
      cwd: root,
    });
    await expect(check).resolves.toMatchObject({ stderr: '' });
  });
});
