import { expect } from 'chai';
import type { Device } from '../../../core/device.js';
import type { Offer } from '../../../core/services/issuer.js';
import { tokenHash } from '../../../core/token.js';
import { OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { codeOf } from '../../support/domain.js';
import { type Node, TwoNodes } from '../../support/two-nodes.js';

/** How often a decision is taken. */
const TURNS = 10;

/** The record changes between the decision and what it leads to: on another node, or by a download. */
describe('the desk, overtaken', () => {
  let nodes: TwoNodes;
  let a: Node;
  let told: Offer[];
  beforeEach(async () => {
    nodes = await TwoNodes.open();
    a = nodes.a;
    told = [];
    await a.world.device({ autoUpdate: true });
    await a.world.publish();
  });
  afterEach(() => nodes.close());

  const teller = {
    heldBackUntil: () => undefined,
    tell: async (_: Device, offer: Offer) => void told.push(offer),
  };
  /** The first `times` writes of node A find the record changed by node B. */
  const meanwhile = (change: (device: Device, time: number) => Device, times = 1): { count: number } => {
    const done = { count: 0 };
    a.before = async (step) => {
      if (step !== 'write' || done.count >= times) return;
      done.count++;
      await nodes.b.world.stores.devices.update(UDID, (device) => change(device, done.count));
    };
    return done;
  };
  const works = (token: string) =>
    codeOf(a.world.redeem(token).then((delivery) => delivery.end([0, 0], false)));

  it('offers nothing to a device that may no longer have it, but asks', async () => {
    meanwhile((device) => ({ ...device, autoUpdate: false }));
    const outcome = await a.world.domain.desk.consider(UDID, teller);
    expect([outcome?.decision.kind, outcome?.offer, told]).to.deep.equal(['ask', undefined, []]);
    expect((await a.world.record()).update?.state).to.equal('asked');
  });

  it('offers nothing that its owner has declined', async () => {
    meanwhile((device) => ({ ...device, declined: ['1.1.0'] }));
    const outcome = await a.world.domain.desk.consider(UDID, teller);
    expect([outcome?.decision.kind, told]).to.deep.equal(['none', []]);
    expect((await a.world.record()).update).to.equal(undefined);
  });

  it('goes on with what changed nothing that it rests on, and keeps that', async () => {
    const changes = meanwhile((device, time) => ({ ...device, rssi: `-${time}`, lastSeen: time }), 5);
    const outcome = await a.world.domain.desk.consider(UDID, teller);
    expect(outcome?.decision.kind).to.equal('offer');
    expect([changes.count, told.length]).to.deep.equal([1, 1]);
    expect(await a.world.record()).to.include({ rssi: '-1', lastSeen: 1 });
    expect(await works(told[0]?.token ?? '')).to.equal('no failure');
  });

  it('asks nothing about a version that the device has by now', async () => {
    await a.world.stores.devices.update(UDID, (device) => ({ ...device, autoUpdate: false }));
    meanwhile((device) => ({ ...device, version: '1.1.0' }));
    const outcome = await a.world.domain.desk.consider(UDID, teller);
    expect(outcome?.decision.kind).to.equal('none');
    expect((await a.world.record()).update).to.equal(undefined);
    expect(a.world.toldOn(`/notices/${UDID}`)).to.deep.equal([]);
  });

  it('gives a device that asks by itself nothing that was declined meanwhile', async () => {
    meanwhile((device) => ({ ...device, declined: ['1.1.0'] }));
    expect(await a.world.domain.desk.request(UDID, false, {})).to.equal(undefined);
  });

  it('gives a device that asks by itself a token that fits the record as it is', async () => {
    meanwhile((device) => ({ ...device, version: '1.0.5' }));
    const offer = await a.world.domain.desk.request(UDID, false, {});
    expect((await a.world.record()).update?.from).to.equal('1.0.5');
    expect(await works(offer?.token ?? '')).to.equal('no failure');
  });

  it('decides anew as long as it takes, but not for ever', async () => {
    const changing = (device: Device, time: number): Device => ({ ...device, freeSpace: 1_000_000 + time });
    const often = meanwhile(changing, TURNS - 1);
    expect((await a.world.domain.desk.consider(UDID, teller))?.offer).to.not.equal(undefined);
    expect([often.count, told.length]).to.deep.equal([TURNS - 1, 1]);
    const always = meanwhile(changing, 1000);
    const failure = await a.world.domain.desk.consider(UDID, teller).catch((error: Error) => error.name);
    expect([failure, always.count, told.length]).to.deep.equal(['Overtaken', TURNS, 1]);
    meanwhile(changing, 0);
    expect((await a.world.domain.desk.consider(UDID, teller))?.offer, 'the lock is free').to.not.equal(
      undefined,
    );
  });

  it('tells nobody of a device that was removed meanwhile', async () => {
    a.before = async (step) => {
      if (step === 'write') await nodes.b.world.stores.devices.remove(OWNER, UDID);
    };
    expect(await a.world.domain.desk.consider(UDID, teller)).to.equal(undefined);
    expect(told).to.deep.equal([]);
  });

  it('of two nodes that offer at the same time one token works, and the record names it', async () => {
    const offers: Offer[] = [];
    const both = { ...teller, tell: async (_: Device, offer: Offer) => void offers.push(offer) };
    const { desk } = a.world.domain;
    await Promise.all([desk.consider(UDID, both), nodes.b.world.domain.desk.consider(UDID, both)]);
    expect(offers).to.have.length(2);
    const named = (await a.world.record()).update?.token;
    for (const { token } of offers)
      expect(await works(token)).to.equal(tokenHash(token) === named ? 'no failure' : 'OTT_UPDATE_NOT_FOUND');
    expect(offers.map(({ token }) => tokenHash(token))).to.include(named);
  });

  it('two nodes that ask at the same time ask once', async () => {
    await a.world.device({ udid: OTHER_UDID, mac: '5CCF7F1A2B3D' });
    await Promise.all([a, nodes.b].map(({ world }) => world.domain.desk.consider(OTHER_UDID)));
    const questions = [a, nodes.b].flatMap(({ world }) => world.toldOn(`/notices/${OTHER_UDID}`));
    expect(questions).to.have.length(1);
  });
});
