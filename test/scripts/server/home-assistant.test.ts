import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { expect } from 'chai';
import { createFirmwire, type Firmwire } from '../../../scripts/index.js';
import { UDID } from '../../support/builders.js';
import { discoveryFaults } from '../../support/home-assistant.js';
import { MqttPeer, REFUSED } from '../../support/mqtt-peer.js';

describe('Home Assistant, with settings of a program that embeds Firmwire on a broker of its own', () => {
  let dir: string;
  let broker: Aedes;
  let listener: Server;
  let firmwire: Firmwire;
  let peers: MqttPeer[] = [];

  const start = async (homeAssistant: object): Promise<void> => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-library-'));
    broker = await Aedes.createBroker();
    const http = { port: 0, host: '127.0.0.1' };
    firmwire = await createFirmwire({ broker, data: dir, http, log: { level: 'silent' }, homeAssistant });
    listener = createServer(broker.handle).listen(0, '127.0.0.1');
    await once(listener, 'listening');
  };
  afterEach(async () => {
    await Promise.all(peers.map((peer) => peer.drop()));
    peers = [];
    listener.close();
    await firmwire.close();
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    await rm(dir, { recursive: true, force: true });
  });

  const login = async (username: string, password: string): Promise<MqttPeer> => {
    const { port } = listener.address() as AddressInfo;
    const peer = await MqttPeer.open({ url: `mqtt://127.0.0.1:${port}`, username, password });
    peers.push(peer);
    return peer;
  };
  const account = () => firmwire.firstOwner ?? { owner: '', ownerKey: '', deviceKey: '' };

  it('shows devices under the prefix that is set, and under no other', async () => {
    await start({ enabled: true, prefix: 'ha/discovery' });
    const home = await login(account().owner, account().ownerKey);
    expect(await home.subscribe('homeassistant/#')).to.equal(REFUSED);
    expect(await home.subscribe('ha/discovery/#', 1)).to.equal(1);
    await login(UDID, account().deviceKey);
    const topic = `ha/discovery/update/${UDID}/config`;
    const { payload } = await home.inbox.next('discovery', (message) => message.topic === topic);
    expect(discoveryFaults(payload)).to.deep.equal([]);
    expect(payload).to.include(`"command_topic":"ha/discovery/update/${UDID}/install"`);
  });

  it('is nobody there unless it is enabled: its topics are refused as any other', async () => {
    await start({});
    const home = await login(account().owner, account().ownerKey);
    expect(await home.subscribe('homeassistant/#')).to.equal(REFUSED);
    expect(await home.subscribe('homeassistant/status')).to.equal(REFUSED);
    await home.subscribe('#', 1);
    await home.publish('homeassistant/status', 'online');
    await login(UDID, account().deviceKey);
    await home.inbox.next('the state', ({ topic }) => topic.endsWith(`/rtm/devices/${UDID}`));
    expect(home.inbox.all.filter(({ topic }) => !topic.startsWith('/'))).to.deep.equal([]);
  });
});
