import { expect } from 'chai';
import { openRedis, type RedisStores } from '../../../../broker/storage/redis/index.js';
import { TOKEN_LIFE_AFTER_ATTEMPT_MS, TOKEN_LIFE_MS } from '../../../../core/token.js';
import { asked, postponed } from '../../../../core/update.js';
import { aDevice, aFirmware, aToken, HOUR, NOW, OTHER_UDID, OWNER, UDID } from '../../../support/builders.js';
import { quick } from '../../../support/redis-link.js';
import { RedisServer } from '../../../support/redis-server.js';
import { aPair } from '../../../support/signing.js';

/** For the seconds that a slow machine may take. */
const SLACK_MS = 60_000;

describe('what lies in Redis', () => {
  let server: RedisServer;
  let stores: RedisStores;
  before(async () => {
    server = await RedisServer.start();
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    stores = await openRedis(quick(server));
  });
  afterEach(() => stores.close());
  after(() => server.dispose());

  const keys = async () => (await stores.link.run((redis) => redis.keys('*'))).sort();
  const life = (key: string) => stores.link.run((redis) => redis.pttl(key));

  it('is what docs/redis.md lists, each under its name', async () => {
    const { hash } = aToken();
    const update = postponed(asked(undefined, aFirmware(), '1.0.0', NOW), NOW);
    await stores.accounts.createOwner({ id: OWNER, name: 'Ann', createdAt: NOW });
    await stores.accounts.addKey({ hash: 'h', owner: OWNER, alias: '', scope: 'owner', createdAt: NOW });
    await stores.devices.create(aDevice({ update }));
    await stores.firmware.put(aFirmware(), () => []);
    await stores.signers.add(aPair().signer);
    await stores.tokens.issue(aToken());
    await stores.retained.put({ topic: '/t', payload: Buffer.of(1), qos: 1 });
    expect(await keys()).to.deep.equal(
      [
        'firmwire',
        `owner:${OWNER}`,
        'owners',
        'key:h',
        `keys:${OWNER}`,
        `device:${UDID}`,
        `devices:${OWNER}`,
        `mac:${OWNER}:5CCF7F1A2B3C`,
        'due',
        'firmware:fw-1.1.0',
        `firmwares:${OWNER}`,
        `marks:${OWNER}`,
        `signers:${OWNER}`,
        `digest:${aFirmware().sha256}`,
        `ott:${hash}`,
        `ott-device:${UDID}`,
        'ott-expiry',
        'retained:/t',
        'retained-topics',
      ].sort(),
    );
  });

  it('is all gone but the marker when everything has been removed', async () => {
    await stores.accounts.addKey({ hash: 'h', owner: OWNER, alias: '', scope: 'owner', createdAt: NOW });
    await stores.devices.create(
      aDevice({ update: postponed(asked(undefined, aFirmware(), '1.0.0', NOW), NOW) }),
    );
    await stores.firmware.put(aFirmware());
    await stores.tokens.issue(aToken());
    await stores.tokens.issue(aToken({ hash: '01', udid: OTHER_UDID }));
    await stores.tokens.issue(aToken({ hash: '02', udid: OTHER_UDID }));
    await stores.retained.put({ topic: '/t', payload: Buffer.of(1), qos: 1 });
    await stores.accounts.removeKey(OWNER, 'h');
    await stores.devices.remove(OWNER, UDID);
    await stores.firmware.remove(OWNER, 'fw-1.1.0');
    await stores.tokens.kill(UDID);
    await stores.tokens.sweep(NOW + TOKEN_LIFE_MS, 10);
    await stores.retained.remove('/t');
    expect(await keys()).to.deep.equal(['firmwire']);
  });

  it('lives an hour longer than a token, counted from its own times, whatever the clock of Redis says', async () => {
    const { hash } = aToken();
    // Long ago by the clock of this machine.
    await stores.tokens.issue(aToken({ issuedAt: NOW - 1e12, expiresAt: NOW - 1e12 + TOKEN_LIFE_MS }));
    for (const key of [`ott:${hash}`, `ott-device:${UDID}`])
      expect(await life(key), key).to.be.within(TOKEN_LIFE_MS + HOUR - SLACK_MS, TOKEN_LIFE_MS + HOUR);

    await stores.tokens.issue(aToken());
    await stores.tokens.begin(hash, 'first', NOW + 5);
    const shortened = TOKEN_LIFE_AFTER_ATTEMPT_MS + HOUR;
    const held = async () => expect(await life(`ott:${hash}`)).to.be.within(shortened - SLACK_MS, shortened);
    await held();
    await stores.tokens.cover(hash, 'first', [0, 10], NOW + 6);
    await held();
    await stores.tokens.complete(hash, 'first', [10, 300_000], NOW + 7);
    expect((await stores.tokens.get(hash))?.completedAt).to.equal(NOW + 7);
    await held();
  });

  it('loses its entry in the row of deadlines too, if Redis has let a token go by itself', async () => {
    const { hash } = aToken();
    await stores.tokens.issue(aToken());
    await server.command('DEL', `ott:${hash}`, `ott-device:${UDID}`);
    expect(await stores.tokens.sweep(NOW + TOKEN_LIFE_MS, 10)).to.equal(1);
    expect(await keys()).to.deep.equal(['firmwire']);
  });
});
