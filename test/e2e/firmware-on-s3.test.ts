import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { ownerApi } from '../support/owner-api.js';
import { readPayload } from '../support/payload.js';
import { get } from '../support/raw-http.js';
import { S3Server } from '../support/s3-server.js';
import { ServerProcess } from '../support/server-process.js';

const IMAGE = madeUpImage(3_000_000, 'on S3');
const SECRET = 'S3RVER';

describe('a server whose firmware lies on S3', function () {
  this.timeout(30_000);
  let s3: S3Server;
  let server: ServerProcess;
  beforeEach(async () => {
    s3 = await S3Server.start();
    const { bucket, endpoint } = s3.where('');
    server = await ServerProcess.start({
      FIRMWARE_S3_BUCKET: bucket,
      FIRMWARE_S3_ENDPOINT: endpoint,
      FIRMWARE_S3_PREFIX: 'fleet/',
      FIRMWARE_S3_ACCESS_KEY_ID: SECRET,
      FIRMWARE_S3_SECRET_ACCESS_KEY: SECRET,
      // Nothing is served from memory.
      DOWNLOADS_CACHE_BYTES: '0',
    });
  });
  afterEach(async () => {
    await server.dispose();
    await s3.end();
  });

  /** The address at which a new device may fetch what is published. */
  async function offered(): Promise<string> {
    const device = new Device(server, server.account);
    device.autoUpdate = true;
    return String(readPayload((await device.register()).body.toString()).registration['url']);
  }

  /** As a node that has never had these bytes. */
  async function restartEmpty(): Promise<void> {
    await server.kill();
    await rm(join(server.data, 'firmware'), { recursive: true });
    server = await server.killAndRestart();
  }

  it('serves on every node what any node took', async () => {
    await ownerApi(server).publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    expect(await s3.keys('fleet')).to.have.length(1);
    await restartEmpty();
    const [one, two] = await Promise.all([offered(), offered()]);
    const answers = await Promise.all([one, two].map((url) => get(server.httpPort, url)));
    for (const { status, body } of answers) {
      expect(status).to.equal(200);
      expect(Buffer.from(body).equals(IMAGE)).to.equal(true);
    }
    expect(s3.count('GET', 'fleet/')).to.equal(1);
  });

  it('starts while the store is away, says 503, loses nothing, and goes on by itself', async () => {
    const api = ownerApi(server);
    const { id } = await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    await s3.stop();
    await restartEmpty();
    expect(server.err)
      .to.match(/the bucket cannot be reached/)
      .and.to.match(/ECONNREFUSED/);
    const url = await offered();
    expect((await get(server.httpPort, url)).status).to.equal(503);
    const upload = {
      version: '1.2.0',
      platform: PLATFORM,
      files: [['new.bin', madeUpImage(1000, 'new')]],
    } as const;
    const refused = await ownerApi(server).upload(upload);
    expect([refused.status, JSON.stringify(refused.body)].join()).to.match(/^503,.*"store_unavailable"/);
    expect((await ownerApi(server).call('GET', '/firmware')).body).to.have.nested.property(
      'firmware.length',
      1,
    );

    await s3.run();
    expect((await get(server.httpPort, url)).status).to.equal(200);
    expect((await ownerApi(server).upload(upload)).status).to.equal(201);
    await s3.stop();
    expect((await ownerApi(server).call('DELETE', `/firmware/${id}`)).status).to.equal(204);
    expect(server.err).not.to.include(SECRET);
  });
});
