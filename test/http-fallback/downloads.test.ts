import { EventEmitter, once } from 'node:events';
import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { FirmwireError } from '../../core/errors.js';
import { HOUR, MINUTE, NOW, UDID } from '../support/builders.js';
import {
  anImage,
  asOwner,
  checkIn,
  type HttpApp,
  type HttpAppOptions,
  offeredToken,
  startHttpApp,
} from '../support/http-app.js';
import { exchange, type RawAnswer, RawClient, rawGet, readAnswer } from '../support/raw-tcp.js';

const MIB = 1024 * 1024;
/** More than the socket buffers of both sides hold together. */
const LARGE = 12 * MIB;

describe('GET /device/firmware and its one-time token (wire.md 6)', () => {
  let http: HttpApp;
  let port: number;

  const start = async (options?: HttpAppOptions) => {
    http = await startHttpApp(options);
    port = await http.listen();
  };
  const get = (token: string, range?: string): Promise<RawAnswer> =>
    exchange(port, rawGet(`/device/firmware?ott=${token}`, range === undefined ? {} : { Range: range }));
  const status = async (token: string, range?: string) => (await get(token, range)).status;
  const open = async (token: string): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    client.send(rawGet(`/device/firmware?ott=${token}`));
    return client;
  };
  const updateState = async () => {
    await http.domain.transfers.idle();
    return (await http.domain.records.get(UDID))?.update?.state;
  };

  afterEach(() => http.close());

  it('while as many are under way as may be, one more is told when to come again, and then served', async () => {
    await start({ settings: { limits: { downloads: 1 } } });
    const token = await offeredToken(http, anImage(LARGE));
    const slow = await open(token);
    await slow.received(1000);
    const refused = await get(token);
    expect(`${refused.status} ${refused.body}`).to.equal(
      '503 {"success":false,"response":"too_many_downloads"}',
    );
    expect(refused.header('retry-after')).to.deep.equal(['30']);
    expect(http.telemetry.counts['limit downloads']).to.equal(1);
    slow.socket.destroy();
    await http.domain.transfers.idle();
    expect(await status(token)).to.equal(200);
  });

  it('one that is slower than may be is cut, and its token stays good', async () => {
    await start({ paceMs: 50, settings: { limits: { downloadBytesPerSecond: 1_000_000_000 } } });
    const token = await offeredToken(http, anImage(LARGE));
    const slow = await open(token);
    await slow.received(1000);
    slow.socket.pause();
    await http.domain.transfers.idle();
    expect(http.telemetry.counts['limit pace']).to.equal(1);
    expect(await updateState()).to.equal('downloading');
    slow.socket.destroy();
  });

  describe('with a small image', () => {
    const image = anImage(4000);
    let token: string;

    beforeEach(async () => {
      await start();
      token = await offeredToken(http, image);
    });

    it('hands the whole over once, and tells the owner', async () => {
      expect(await status(token)).to.equal(200);
      expect(await updateState()).to.equal('downloaded');
      expect(http.events.map(({ event }) => event)).to.include.members([
        'offered',
        'downloading',
        'downloaded',
      ]);
      expect(`${(await get(token)).status} ${(await get(token)).body}`).to.equal(
        '404 {"success":false,"response":"OTT_UPDATE_NOT_FOUND"}',
      );
    });

    it('answers unknown, malformed and used tokens alike', async () => {
      await get(token);
      const bodies = await Promise.all(
        [token, 'A'.repeat(43), 'x', '%00', "' OR 1=1"].map((t) => get(encodeURIComponent(t))),
      );
      for (const { status: code, body } of bodies)
        expect(`${code} ${body}`).to.equal('404 {"success":false,"response":"OTT_UPDATE_NOT_FOUND"}');
    });

    it('tells a missing token from a wrong one', async () => {
      for (const query of ['', '?', '?ott', '?ott=', '?other=1']) {
        const { body, status: code } = await exchange(port, rawGet(`/device/firmware${query}`));
        expect(`${code} ${body}`).to.equal('400 {"success":false,"response":"OTT_MISSING"}');
      }
    });

    const complete: [what: string, ranges: string[]][] = [
      ['two halves', ['0-1999', '2000-3999']],
      ['two halves, the second first', ['2000-', '0-1999']],
      ['overlapping ones', ['0-2500', '100-200', '1500-3999']],
      ['the last byte by itself', ['0-3998', '-1']],
      ['the same again and then the rest', ['0-1999', '0-1999', '2000-3999']],
    ];
    for (const [what, ranges] of complete) {
      it(`is complete after ranges that cover the body: ${what}`, async () => {
        for (const range of ranges) {
          expect(await updateState()).to.not.equal('downloaded');
          expect(await status(token, `bytes=${range}`)).to.equal(206);
        }
        expect(await updateState()).to.equal('downloaded');
        expect((await http.domain.records.get(UDID))?.update?.attempts).to.equal(1);
        expect(await status(token, `bytes=${ranges[0]}`)).to.equal(404);
      });
    }

    it('is not complete while one byte is missing', async () => {
      for (const range of ['0-1999', '2001-3999', '2001-', '0-1998']) await get(token, `bytes=${range}`);
      expect(await updateState()).to.equal('downloading');
      expect(await status(token, 'bytes=2000-2000')).to.equal(206);
      expect(await updateState()).to.equal('downloaded');
    });

    it('lives for 24 hours', async () => {
      http.clock.time = NOW + 24 * HOUR - 1;
      expect(await status(token, 'bytes=0-0')).to.equal(206);
      http.clock.time = NOW + 24 * HOUR;
      expect(await status(token, 'bytes=0-0')).to.equal(404);
    });

    it('lives for one hour from the first attempt, and no later attempt moves that', async () => {
      const first = NOW + 5 * HOUR;
      for (const after of [0, 30 * MINUTE, HOUR - 1]) {
        http.clock.time = first + after;
        expect(await status(token, 'bytes=0-0')).to.equal(206);
      }
      http.clock.time = first + HOUR;
      expect(await status(token)).to.equal(404);
    });

    it('dies when the device is offered anew', async () => {
      const next = String((await checkIn(http))['ott']);
      expect(await status(token)).to.equal(404);
      expect(await status(next)).to.equal(200);
    });

    it('dies with its firmware', async () => {
      const { firmware } = (await asOwner(http, 'GET', '/firmware')).json();
      await asOwner(http, 'DELETE', `/firmware/${firmware[0].id}`);
      expect(await status(token)).to.equal(404);
    });

    it('fails honestly, and says so in its log, when the bytes are gone', async () => {
      for (const path of await http.storedFiles()) await rm(path);
      const client = await open(token);
      await client.closed;
      expect(http.logs.filter((line) => /"level":"(error|warn)"/.test(line))).to.have.length(1);
      expect(readAnswer(client.bytes).status).to.equal(500);
    });

    it('ends with its firmware, and is no fault of ours, if its firmware is withdrawn just before the bytes are read', async () => {
      await http.close();
      await start({
        wrapBlobs: (blobs) =>
          Object.assign(Object.create(blobs), {
            cached: async (sha256: string, size: number) => {
              const { firmware } = (await asOwner(http, 'GET', '/firmware')).json();
              await asOwner(http, 'DELETE', `/firmware/${firmware[0].id}`);
              return blobs.cached(sha256, size);
            },
          }),
      });
      const token = await offeredToken(http, image);
      const client = await open(token);
      await client.closed;
      await http.domain.transfers.idle();
      // Whether the withdrawal cuts it or the answer is quicker, it is none of 500.
      expect(client.bytes.toString('latin1')).to.match(/^$|^HTTP\/1\.1 404 /);
      expect(http.logs.filter((line) => line.includes('"level":"error"'))).to.deep.equal([]);
      expect(http.telemetry.counts['download broken']).to.equal(1);
    });

    it('is not used up while the bytes are on a machine that is away', async () => {
      let isAway = true;
      await http.close();
      await start({
        wrapBlobs: (blobs) =>
          Object.assign(Object.create(blobs), {
            cached: async (sha256: string, size: number) => {
              if (isAway) throw new FirmwireError('store_unavailable');
              return blobs.cached(sha256, size);
            },
          }),
      });
      const token = await offeredToken(http, image);
      const { status: code, body } = await get(token);
      expect(`${code} ${body}`).to.equal('503 {"success":false,"response":"store_unavailable"}');
      isAway = false;
      expect(await status(token)).to.equal(200);
    });

    it('of many at once exactly one gets the whole', async () => {
      for (let round = 0; round < 10; round++) {
        const fresh = String((await checkIn(http))['ott']);
        const clients = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(port)));
        for (const client of clients) client.send(rawGet(`/device/firmware?ott=${fresh}`));
        await Promise.all(clients.map(({ closed }) => closed));
        const whole = clients.filter(({ bytes }) => bytes.subarray(-image.length).equals(image));
        expect(whole).to.have.length(1);
        expect(await status(fresh)).to.equal(404);
        await http.domain.transfers.idle();
        // What was tried must not hold back the next round.
        await http.domain.records.change(UDID, (device) => ({ ...device, update: undefined }));
      }
    });
  });

  describe('with an image larger than the buffers of a socket', () => {
    const image = anImage(LARGE);

    for (const [how, cacheBytes] of [
      ['from memory', 64 * MIB],
      ['streamed', 0],
    ] as const) {
      it(`is not complete when the connection breaks before its end, ${how}`, async () => {
        await start({ settings: { downloads: { cacheBytes } } });
        const token = await offeredToken(http, image);
        const client = await open(token);
        await client.received(1);
        client.socket.pause();
        client.reset();
        expect(await updateState()).to.equal('downloading');
        expect(await status(token, `bytes=${LARGE - MIB}-`), 'the end alone').to.equal(206);
        expect(await updateState()).to.equal('downloading');
        const again = await get(token);
        expect(again.body.equals(image)).to.equal(true);
        expect(await updateState()).to.equal('downloaded');
        expect(await status(token)).to.equal(404);
      });
    }

    it('the newer of two wins, wherever the older stands, and the older is cut', async () => {
      await start();
      const tokenOf = async () => String((await checkIn(http))['ott']);
      await offeredToken(http, image);
      for (const readBefore of [0, 1, 1000, MIB, 3 * MIB]) {
        const token = await tokenOf();
        const older = await open(token);
        if (readBefore > 0) await older.received(readBefore);
        older.socket.pause();
        const newer = await open(token);
        await newer.closed;
        older.socket.resume();
        await older.closed;
        expect(readAnswer(newer.bytes).body.equals(image), `newer, ${readBefore}`).to.equal(true);
        expect(older.bytes.length, `older, ${readBefore}`).to.be.below(LARGE);
        expect(await status(token)).to.equal(404);
        await http.domain.transfers.idle();
        await http.domain.records.change(UDID, (device) => ({ ...device, update: undefined }));
      }
    });

    it('the older of two is cut at once, not only at its end', async () => {
      await start();
      const token = await offeredToken(http, image);
      const older = await open(token);
      await older.received(1);
      older.socket.pause();
      const newer = await open(token);
      await newer.received(1);
      newer.socket.pause();
      older.socket.resume();
      await older.closed;
      // It still gets what the kernel held; without the cut it would get all but the last piece.
      expect(older.bytes.length).to.be.below(LARGE - MIB);
    });

    it('a range that cannot be satisfied does not cut the download under way', async () => {
      await start();
      const token = await offeredToken(http, image);
      const client = await open(token);
      await client.received(1);
      client.socket.pause();
      expect(await status(token, `bytes=${LARGE}-`)).to.equal(416);
      client.socket.resume();
      await client.closed;
      expect(readAnswer(client.bytes).body.length).to.equal(LARGE);
    });

    it('is cut when its firmware is withdrawn', async () => {
      await start();
      const client = await open(await offeredToken(http, image));
      await client.received(1);
      client.socket.pause();
      const { firmware } = (await asOwner(http, 'GET', '/firmware')).json();
      await asOwner(http, 'DELETE', `/firmware/${firmware[0].id}`);
      client.socket.resume();
      await client.closed;
      expect(client.bytes.length).to.be.below(LARGE);
    });

    it('is cut when its reader stands still, holds little memory until then, and can be tried again', async () => {
      await start({ idleMs: 50 });
      const token = await offeredToken(http, image);
      const held: number[] = [];
      http.app.server.on('connection', (socket) =>
        socket.prependListener('timeout', () => held.push(socket.writableLength)),
      );
      const client = await open(token);
      await client.received(1);
      client.socket.pause();
      await http.domain.transfers.idle();
      expect(held[0]).to.be.within(1, MIB);
      client.socket.resume();
      await client.closed;
      expect(client.bytes.length).to.be.below(LARGE);
      expect(await status(token)).to.equal(200);
    });

    it('tells the owner how far it is', async () => {
      await start();
      await get(await offeredToken(http, image));
      await http.domain.transfers.idle();
      const steps = http.events.flatMap(({ event, progress }) =>
        event === 'downloading' && progress !== undefined ? [progress] : [],
      );
      expect(steps).to.deep.equal([10, 20, 30, 40, 50, 60, 70, 80, 90]);
    });
  });

  describe('when completion cannot be recorded', () => {
    for (const [what, complete] of [
      ['the store fails', () => Promise.reject(new Error('disk full'))],
      ['the attempt has lost', () => Promise.resolve(false)],
    ] as const) {
      for (const size of [500, 4000, 300_000]) {
        it(`${what}: the last piece of ${size} bytes never leaves`, async () => {
          await start({ wrapTokens: (tokens) => ({ ...tokens, complete }) });
          const client = await open(await offeredToken(http, anImage(size)));
          await client.closed;
          const arrived = client.bytes.length === 0 ? 0 : readAnswer(client.bytes).body.length;
          expect(arrived).to.be.below(size);
          expect(await updateState()).to.equal('downloading');
        });
      }
    }

    it('a failing store is told to the log as an error', async () => {
      const complete = () => Promise.reject(new Error('disk full'));
      await start({ wrapTokens: (tokens) => ({ ...tokens, complete }) });
      await (await open(await offeredToken(http, anImage()))).closed;
      expect(http.logs.join()).to.match(/"level":"error".*disk full/);
    });

    it('completion is asked for when all but at most 1 KiB has left', async () => {
      const size = 300_000;
      const store = new EventEmitter();
      const asked = once(store, 'asked');
      const complete = async () => {
        store.emit('asked');
        await once(store, 'answered');
        return false;
      };
      await start({ wrapTokens: (tokens) => ({ ...tokens, complete }) });
      const client = await open(await offeredToken(http, anImage(size)));
      await asked;
      await client.received(size - 1024);
      store.emit('answered');
      await client.closed;
      expect(readAnswer(client.bytes).body.length).to.equal(size - 1024);
    });
  });
});
