import { readdir } from 'node:fs/promises';
import { S3Server } from '../support/s3-server.js';
import { CACHE, describeBlobStore } from './blob-store.js';
import { S3Nodes } from './s3-nodes.js';

describe('on S3', () => {
  let s3: S3Server;
  let runs = 0;
  before(async () => {
    s3 = await S3Server.start();
  });
  after(() => s3.end());

  for (const [name, diskBytes] of [
    ['S3', 10 * CACHE],
    ['S3 without a cache on disk', 0],
  ] as const)
    describeBlobStore(name, async () => {
      runs += 1;
      const folder = `run${runs}`;
      const nodes = await S3Nodes.open(s3.where(`${folder}/`));
      return {
        store: await nodes.blobs('a', { diskBytes }),
        other: await nodes.blobs('b', { diskBytes }),
        kept: () => s3.keys(folder),
        staged: () => readdir(nodes.path('a', 'staging')),
        age: (sha256, ms) => s3.age(`${folder}/${sha256}`, ms),
        close: () => nodes.close(),
      };
    });
});
