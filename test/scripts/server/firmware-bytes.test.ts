import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FirmwireError } from '../../../core/errors.js';
import { defaultSettings } from '../../../scripts/config/load.js';
import { openFirmwareBytes } from '../../../scripts/server/firmware-bytes.js';
import { BYTES, HOUR_MS, keepIn, nobody, SHA256 } from '../../contracts/blob-store.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { S3Server } from '../../support/s3-server.js';

describe('where firmware lies', () => {
  let data: string;
  let log: CollectingLog;
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'firmwire-bytes-'));
    log = new CollectingLog();
  });
  afterEach(() => rm(data, { recursive: true }));

  const open = (firmware: { dir?: string; s3?: object }) => {
    const defaults = defaultSettings();
    const s3 = { ...defaults.firmware.s3, ...firmware.s3 };
    return openFirmwareBytes({ ...defaults, data, firmware: { ...defaults.firmware, ...firmware, s3 } }, log);
  };
  const refusal = async (s3: object): Promise<FirmwireError> => {
    const error = await open({ s3 }).catch((error: unknown) => error);
    if (!(error instanceof FirmwireError)) throw new Error('it was not refused');
    expect(error.code).to.equal('config_invalid');
    return error;
  };

  it("in the data folder, which is this server's alone: what nothing points to goes at once", async () => {
    const blobs = await open({});
    await keepIn(blobs);
    expect(await readdir(join(data, 'firmware'))).to.include(SHA256);
    expect(await blobs.clean(nobody)).to.equal(1);
  });

  it('in a directory that others may share: what another node just kept is spared', async () => {
    const dir = join(data, 'shared');
    const [a, b] = [await open({ dir }), await open({ dir })];
    await keepIn(a);
    expect(await b.clean(nobody)).to.equal(0);
    expect(await b.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
    const then = new Date(Date.now() - HOUR_MS - 1);
    await utimes(join(dir, SHA256), then, then);
    expect(await b.clean(nobody)).to.equal(1);
  });

  describe('in a bucket', () => {
    let s3: S3Server;
    before(async () => {
      s3 = await S3Server.start();
    });
    after(() => s3.end());

    it('with the cache in the directory', async () => {
      const blobs = await open({ dir: join(data, 'cache'), s3: s3.where('fleet/') });
      await keepIn(blobs);
      expect(await s3.keys('fleet')).to.deep.equal([SHA256]);
      expect(await readdir(join(data, 'cache'))).to.have.members(['staging', 'cache']);
      expect(log.lines.map(({ level, facts }) => [level, facts['place']])).to.deep.equal([
        ['info', `S3 bucket "firmware" at ${s3.where('').endpoint}`],
      ]);
    });

    it('refuses to start with a bucket that is not there, or half a key pair, and shows no secret', async () => {
      const wrong = { ...s3.where(''), bucket: 'nowhere', secretAccessKey: 'hidden' };
      expect((await refusal(wrong)).message).to.match(
        /firmware\.s3: S3 bucket "nowhere" at http\S+: NoSuchBucket/,
      );
      expect((await refusal({ ...wrong, accessKeyId: '' })).message)
        .to.match(/set both/)
        .and.not.include('hidden');
      expect((await refusal({ ...wrong, accessKeyId: 'unknown' })).message)
        .to.match(/InvalidAccessKeyId/)
        .and.not.include('hidden');
    });

    it('starts while it is away, says so, and uses it once it is back', async () => {
      await s3.stop();
      const blobs = await open({ s3: s3.where('later/') });
      const [line] = log.lines;
      expect([line?.level, `${line?.facts['err']}`].join()).to.match(
        /error,.*bucket "firmware" at http\S+: ECONNREFUSED/,
      );
      await s3.run();
      await keepIn(blobs);
      expect(await s3.keys('later')).to.deep.equal([SHA256]);
    });
  });
});
