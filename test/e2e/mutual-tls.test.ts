import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { aCheckInBody } from '../support/builders.js';
import { type Pair, type TestAuthority, testAuthority } from '../support/certificates.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { secureServer } from '../support/secure-server.js';
import { newDataFolder, runProgram, type ServerProcess } from '../support/server-process.js';

const ONE = randomUUID();
const OTHER = randomUUID();

describe('certificates of devices (docs/tls.md)', () => {
  let devices: TestAuthority;
  let server: ServerProcess;
  let clientCa: string;
  let pair: Pair;
  before(async () => {
    const folder = await newDataFolder();
    clientCa = join(folder, 'devices.pem');
    devices = await testAuthority();
    await writeFile(clientCa, devices.ca);
    pair = await devices.client(ONE);
  });
  afterEach(() => server?.dispose());

  const start = async (clients: 'asked' | 'required'): Promise<void> => {
    ({ server } = await secureServer({
      TLS_CLIENT_CA: clientCa,
      TLS_CLIENTS: clients,
      TLS_CHECK_SECONDS: '0.1',
      LOG_LEVEL: 'info',
    }));
  };
  const mqtts = (): string => `mqtts://localhost:${server.mqttsPort}`;
  const wss = (): string => `wss://localhost:${server.httpsPort}/mqtt`;
  const login = async (
    username: string,
    own?: Pair,
    password = server.account.deviceKey,
    url = mqtts(),
  ): Promise<string> => {
    const opening = MqttPeer.open({ url, username, password, ca: server.ca, ...(own && { pair: own }) });
    return opening.then(
      async (peer) => {
        await peer.end();
        return 'in';
      },
      (error: Error) => error.message,
    );
  };
  const checkIn = async (udid: string, mac: string, own?: Pair): Promise<string> => {
    const body = JSON.stringify(aCheckInBody({ owner: server.account.owner, udid, mac }));
    const asking = request({
      host: 'localhost',
      port: server.httpsPort,
      path: '/device/register',
      method: 'POST',
      ca: server.ca,
      agent: false,
      headers: { Authentication: server.account.deviceKey, 'Content-Length': Buffer.byteLength(body) },
      ...own,
    });
    const answer = new Promise<string>((resolve, reject) =>
      asking.once('error', reject).once('response', async (response) => {
        resolve(`${response.statusCode} ${(await text(response)).slice(0, 80)}`);
      }),
    );
    asking.end(body);
    return answer;
  };

  it('make a device the one that they name, over MQTT and HTTP', async () => {
    await start('asked');
    expect(await login(ONE, pair)).to.equal('in');
    expect(await login(OTHER, pair)).to.match(/not authorized/i);
    expect(await checkIn(ONE, '5CCF7F000001', pair)).to.match(/^200 /);
    expect(await checkIn(OTHER, '5CCF7F000002', pair)).to.match(/^403 .*key_of_other_device/);
    expect(await login(ONE, pair, 'f'.repeat(64))).to.match(/bad username/i);
    // Without one, or with one of a stranger's authority, the key alone counts.
    const strangers = await (await testAuthority()).client(ONE);
    for (const own of [undefined, strangers]) expect(await login(OTHER, own)).to.equal('in');
  });

  it('make a device the one that they name over WebSocket, too, and are demanded there', async () => {
    await start('asked');
    const key = server.account.deviceKey;
    expect(await login(ONE, pair, key, wss())).to.equal('in');
    expect(await login(OTHER, pair, key, wss())).to.match(/not authorized/i);
    expect(await login(OTHER, undefined, key, wss())).to.equal('in');
    await server.dispose();
    await start('required');
    const { owner, ownerKey, deviceKey } = server.account;
    expect(await login(ONE, pair, deviceKey, wss())).to.equal('in');
    expect(await login(ONE, undefined, deviceKey, wss())).to.match(/not authorized/i);
    expect(await login(owner, undefined, ownerKey, wss())).to.equal('in');
  });

  it('are demanded of devices where they are required, and not of owners', async () => {
    await start('required');
    const strangers = await (await testAuthority()).client(ONE);
    expect(await login(ONE, pair)).to.equal('in');
    for (const own of [undefined, strangers]) {
      expect(await login(ONE, own)).to.match(/not authorized/i);
      expect(await checkIn(ONE, '5CCF7F000001', own)).to.match(/^403 .*certificate_required/);
    }
    const { owner, ownerKey } = server.account;
    expect(await login(owner, undefined, ownerKey)).to.equal('in');
    const plain = MqttPeer.open({
      url: `mqtt://127.0.0.1:${server.mqttPort}`,
      username: ONE,
      password: server.account.deviceKey,
    });
    expect(await plain.catch((error: Error) => error.message)).to.match(/not authorized/i);
  });

  it('of an authority that is taken back are worth nothing, without a restart', async () => {
    await start('required');
    expect(await login(ONE, pair)).to.equal('in');
    const next = await testAuthority();
    await writeFile(clientCa, next.ca);
    await server.said('new certificate in use');
    expect(await login(ONE, pair)).to.match(/not authorized/i);
    expect(await login(ONE, await next.client(ONE))).to.equal('in');
  });

  for (const [what, settings, message] of [
    ['no certificate of its own', { TLS_CLIENT_CA: 'x.pem' }, 'tls.cert: missing; tls.clientCa is for TLS'],
    ['no authority', { TLS_CLIENTS: 'required' }, 'tls.clientCa: missing; tls.clients is "required"'],
  ] as const)
    it(`a server with ${what} does not start`, async () => {
      const { code, err } = await runProgram(['serve'], await newDataFolder(), settings);
      expect([code, err]).to.deep.equal([2, `firmwire: ${message}\n`]);
    });
});
