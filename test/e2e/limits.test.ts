import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { Device } from '../support/device.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { ServerProcess } from '../support/server-process.js';

describe('limits of a running server (docs/limits.md)', () => {
  let server: ServerProcess;
  afterEach(() => server.dispose());

  const counted = async (limit: string): Promise<number> => {
    const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
    return Number(new RegExp(`firmwire_limits_reached_total\\{limit="${limit}"\\} (\\d+)`).exec(text)?.[1]);
  };
  const start = async (limits: Record<string, string>): Promise<void> => {
    const overrides = Object.entries(limits).map(([name, value]) => [`LIMITS_${name}`, value]);
    server = await ServerProcess.start(Object.fromEntries(overrides));
  };
  const device = (udid: string = randomUUID()): Promise<MqttPeer> =>
    MqttPeer.open({ url: server.mqttUrl, username: udid, password: server.account.deviceKey });

  const refusal = (opening: Promise<MqttPeer>): Promise<string> =>
    opening.then(
      () => 'let in',
      (error: Error) => error.message,
    );

  it('connections of one address: CONNACK 3, a count, and one line of the log; later it is let in', async () => {
    await start({ CONNECTS_PER_MINUTE_PER_ADDRESS: '3' });
    const peers = [];
    for (let i = 0; i < 3; i++) peers.push(await device());
    for (let i = 0; i < 2; i++) expect(await refusal(device())).to.match(/server unavailable/i);
    expect(await counted('connects')).to.equal(2);
    await server.said('a limit was reached');
    expect(server.err.match(/a limit was reached/g)).to.have.length(1);
    expect(server.err).to.include('"limit":"connects"').and.to.include('127.0.0.1');
    expect(peers.every(({ isConnected }) => isConnected)).to.equal(true);
    for (const peer of peers) await peer.end();
  });

  it('a device that flaps is told to come later, and others are not', async () => {
    await start({ CONNECTS_PER_MINUTE_PER_DEVICE: '2' });
    const udid = randomUUID();
    for (let i = 0; i < 2; i++) await (await device(udid)).end();
    expect(await refusal(device(udid))).to.match(/server unavailable/i);
    await (await device()).end();
    expect(await counted('flapping')).to.equal(1);
  });

  it('an owner with as many devices as may be: no new one over HTTP or MQTT, and the one there goes on', async () => {
    await start({ DEVICES_PER_OWNER: '1' });
    const udid = randomUUID();
    await (await device(udid)).end();
    const other = await new Device(server, server.account).register();
    expect(`${other.status} ${other.body}`).to.equal('403 {"success":false,"response":"too_many_devices"}');
    expect(await refusal(device())).to.match(/not authorized/i);
    await (await device(udid)).end();
    expect(await counted('devices')).to.equal(2);
  });
});
