import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { verifyStore } from '../../broker/storage/embedded/verify/index.js';

describe('the look at a store before it is opened', () => {
  it('finds nothing wrong with free pages of very many transactions, whose numbers are no texts', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'firmwire-verify-'));
    const root = open({ path: join(dir, 'data.mdb'), noSubdir: true, overlappingSync: false });
    try {
      const table = root.openDB<string, string>('table', { encoding: 'json' });
      for (let n = 0; n < 40; n++) await table.put(`key ${n}`, 'x'.repeat(1000));
      // While somebody reads an old state, no page that was left since is used again.
      const reader = table.getRange({ snapshot: true })[Symbol.iterator]();
      reader.next();
      for (let n = 0; n < 700; n++) await table.put(`key ${n % 40}`, `${n}`.repeat(300));
      verifyStore(join(dir, 'data.mdb'));
      reader.return?.();
    } finally {
      await root.close();
      await rm(dir, { recursive: true });
    }
  });
});
