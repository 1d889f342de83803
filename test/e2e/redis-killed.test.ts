import { watch } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { PLATFORM } from '../support/device.js';
import { at, listAt } from '../support/json.js';
import type { ApiAnswer } from '../support/owner-api.js';
import { exchange, getRequest, isWhole } from '../support/raw-http.js';
import { admitting, answering, KEEPING, LONG_MS, RedisFleet } from '../support/redis-fleet.js';
import { RedisServer } from '../support/redis-server.js';
import { UpdatingDevice } from '../support/updating-device.js';

/** How long Redis is gone, ms. */
const GONE_MS = 1000;

describe('Redis is killed in the middle of something', function () {
  this.timeout(120_000);
  let fleet: RedisFleet;

  before(async () => {
    fleet = await RedisFleet.on(await RedisServer.start(KEEPING), 2, {
      OFFERS_RETRY_SECONDS: '0.2',
      THROTTLE_SUBJECT_FAILURES_PER_MINUTE: '100000',
      THROTTLE_ADDRESS_FAILURES_PER_MINUTE: '100000',
    });
  });
  after(() => fleet?.dispose());
  afterEach(async () => {
    // Whatever a test that failed has left.
    fleet.redis.resume();
    await fleet.redis.command('PING').catch(() => fleet.redis.start());
    await answering(fleet, 200);
    await admitting(fleet);
    await fleet.api(0).clear();
  });

  const upload = (version: string): Promise<ApiAnswer> =>
    fleet.api(0).upload({
      version,
      platform: PLATFORM,
      rollout: 'all-at-once',
      files: [['firmware.bin', madeUpImage(100_000, version)]],
    });

  async function killFor(ms: number): Promise<void> {
    await fleet.redis.kill();
    await delay(ms);
    await fleet.redis.start();
    await answering(fleet, 200);
  }

  async function isStored(version: string): Promise<boolean> {
    const { body } = await fleet.api(1).call('GET', '/firmware');
    return listAt(body, 'firmware').some((item) => at(item, 'version') === version);
  }

  /** Every token that a device was told has brought one body at most, and brings no more. */
  async function expectTokensSpent(devices: readonly UpdatingDevice[]): Promise<void> {
    for (const { bodies, device } of devices)
      for (const [token, count] of bodies) {
        expect(count, 'bodies for one token').to.be.at.most(1);
        const again = await device.download(`/device/firmware?ott=${token}`);
        expect(again.status, `a token with ${count} bodies, asked again`).to.equal(404);
      }
  }

  /** The moments in which Redis is killed. */
  const MOMENTS: readonly [
    name: string,
    count: number,
    moment: (devices: readonly UpdatingDevice[]) => Promise<unknown>,
  ][] = [
    [
      'when its bytes are kept',
      50,
      async () => {
        // Not the bytes on their way, whose names begin otherwise.
        for await (const { filename } of watch(fleet.shared))
          if (/^[0-9a-f]{64}/.test(filename ?? '')) return;
      },
    ],
    ['when the first was told', 200, (devices) => Promise.race(devices.map(({ told }) => told))],
    ['when half were told', 100, (devices) => Promise.all(devices.slice(0, 50).map(({ told }) => told))],
  ];

  for (const [name, length, moment] of MOMENTS)
    it(`a publish to ${length} devices, killed ${name}: all install it`, async () => {
      const version = '1.1.0';
      const devices = Array.from(
        { length },
        (_, index) => new UpdatingDevice(fleet.device(index % 2, true), version),
      );
      try {
        for (let at = 0; at < length; at += 25)
          await Promise.all(devices.slice(at, at + 25).map((device) => device.start()));
        const lives = devices.map((device) => device.live());
        const now = moment(devices);
        const publishing = upload(version);
        await now;
        const [{ status, body }] = await Promise.all([publishing, killFor(GONE_MS)]);
        const told = devices.filter(({ isTold }) => isTold).length;
        expect(status, JSON.stringify(body)).to.be.oneOf([201, 503]);
        if (status === 503) expect(at(body, 'error.code')).to.equal('store_unavailable');
        const stored = await isStored(version);
        if (status === 201) expect(stored, 'what was answered 201').to.equal(true);
        if (!stored) expect((await upload(version)).status).to.equal(201);
        const begun = performance.now();
        await Promise.all(lives);
        const ms = Math.round(performance.now() - begun);
        console.log(
          `      answered ${status}, ${stored ? 'stored' : 'repeated'}; ${told} told by then, all installed after ${ms} ms more`,
        );
        const list = listAt((await fleet.api(1).call('GET', '/devices?limit=1000')).body, 'devices');
        const states = list.map((device) => `${at(device, 'version')} ${at(device, 'update.state')}`);
        expect(states.filter((state) => state !== `${version} installed`)).to.deep.equal([]);
        expect(states).to.have.length(length);
        await expectTokensSpent(devices);
      } finally {
        for (const device of devices) device.end();
      }
    });

  for (const away of ['killed', 'hanging'] as const)
    it(`downloads under way while Redis is ${away} are cut before the last piece, and end installed`, async () => {
      const image = madeUpImage(15_000_000, away);
      const devices = Array.from({ length: 10 }, (_, index) => fleet.device(index % 2, true));
      try {
        await Promise.all(devices.map((device) => device.register()));
        await fleet.api(0).publish(image, { version: '1.1.0', platform: PLATFORM });
        await Promise.all(devices.map((device) => device.subscribe()));
        const urls = await Promise.all(devices.map(async (device) => (await device.nextOffer()).url));
        await Promise.all(devices.map((device) => device.drop()));
        const running = devices.map(({ server }, index) =>
          exchange(server.httpDoor, getRequest(urls[index] ?? '')),
        );
        // What lies in the sockets' buffers is less than the image: nothing has come to its end.
        await Promise.all(running.map((each) => each.got(10_000).then(() => each.pause())));
        if (away === 'killed') await fleet.redis.kill();
        else fleet.redis.pause();
        for (const each of running) each.resume();
        for (const each of running) {
          const answer = await each.answer;
          expect(isWhole(answer), 'a whole body without the store').to.equal(false);
        }
        if (away === 'killed') await fleet.redis.start();
        else fleet.redis.resume();
        await answering(fleet, 200);
        await admitting(fleet);

        for (const [index, device] of devices.entries()) {
          let url = urls[index] ?? '';
          const again = await device.download(url);
          if (!isWhole(again)) {
            // A completion that was sent to a Redis that hangs may have been carried out later.
            expect(again.status, again.body.toString()).to.equal(404);
            expect(away, 'a token that was never complete is dead').to.equal('hanging');
            await device.start();
            ({ url } = await device.nextOffer());
            await device.drop();
            expect((await device.download(url)).body.equals(image)).to.equal(true);
          } else expect(again.body.equals(image)).to.equal(true);
          expect((await device.download(url)).status, 'redeemed twice').to.equal(404);
          device.version = '1.1.0';
          await device.start();
          await device.next('ok', LONG_MS);
          const shown = await fleet.api(index % 2).device(device.udid);
          expect(at(shown, 'update.state')).to.equal('installed');
          await device.drop();
        }
      } finally {
        await Promise.all(devices.map((device) => device.drop()));
      }
    });
});
