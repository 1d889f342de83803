import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { textAt } from '../support/json.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { OwnerApi } from '../support/owner-api.js';
import { ServerProcess } from '../support/server-process.js';

/** How long after the end of a key a session may live, ms (docs/keys.md). */
const WITHIN_MS = 1000;

describe('keys that end', () => {
  let server: ServerProcess;
  before(async () => {
    server = await ServerProcess.start();
  });
  after(() => server.dispose());

  const make = async (wish: object): Promise<{ id: string; secret: string }> => {
    const { body } = await new OwnerApi(server, server.account.ownerKey).call('POST', '/keys', wish);
    return { id: textAt(body, 'key.id'), secret: textAt(body, 'key.secret') };
  };
  const login = (password: string): Promise<MqttPeer> =>
    MqttPeer.open({ url: server.mqttUrl, username: randomUUID(), password });

  it('take the sessions opened with them along within a second, and open no more', async () => {
    const end = Date.now() + 1500;
    const wish = { alias: 'x', scope: 'device', expiresAt: new Date(end).toISOString() };
    const { secret } = await make(wish);
    const [peer, other] = [await login(secret), await login(server.account.deviceKey)];
    await peer.closed;
    expect(Date.now()).to.be.within(end, end + WITHIN_MS);
    expect(await login(secret).catch((error: Error) => error.message)).to.match(/Bad username/i);
    expect(other.isConnected).to.equal(true);
    await other.end();
  });

  it('are cut at once when they are revoked, or rotated without an overlap', async () => {
    const api = new OwnerApi(server, server.account.ownerKey);
    for (const [method, path, body] of [
      ['DELETE', '', undefined],
      ['POST', '/rotate', { overlapSeconds: 0 }],
    ] as const) {
      const { id, secret } = await make({ alias: 'x', scope: 'device' });
      const peer = await login(secret);
      const begun = Date.now();
      await api.call(method, `/keys/${id}${path}`, body);
      await peer.closed;
      expect(Date.now() - begun, method).to.be.below(WITHIN_MS);
    }
  });
});
