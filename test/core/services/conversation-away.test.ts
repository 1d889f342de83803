import { expect } from 'chai';
import { aCheckIn, UDID } from '../../support/builders.js';
import { codeOf, words } from '../../support/domain.js';
import { type Connected, type Node, TwoNodes } from '../../support/two-nodes.js';

const SETTLE = 1500;
const OFFER = 'FIRMWARE_UPDATE 1.1.0';
const AWAY = 'store_unavailable';

describe('a conversation while the store is away', () => {
  let nodes: TwoNodes;
  let node: Node;
  let device: Connected;
  beforeEach(async () => {
    nodes = await TwoNodes.open();
    node = nodes.a;
    await node.world.device();
    device = node.connect();
  });
  afterEach(() => nodes.close());
  const away = (isAway = true): void => {
    node.link.state = isAway ? 'away' : 'open';
  };
  const said = () => words(device.said);
  const pass = (ms: number) => node.world.pass(ms);
  /** It has subscribed, and nothing is owed to it. */
  const settle = async (): Promise<void> => {
    await device.conversation.subscribed();
    await pass(SETTLE);
    expect(said()).to.deep.equal([]);
  };

  it('owes the answer to a check-in, and gives it once when the store is back', async () => {
    await settle();
    away();
    expect(await codeOf(device.conversation.checkedIn(aCheckIn()))).to.equal(AWAY);
    expect(said()).to.deep.equal([]);
    away(false);
    await device.conversation.resume();
    await device.conversation.resume();
    expect(said()).to.deep.equal(['OK']);
  });

  it('owes one answer, however often the device checked in', async () => {
    await settle();
    away();
    for (let i = 0; i < 3; i++) await codeOf(device.conversation.checkedIn(aCheckIn()));
    away(false);
    await device.conversation.resume();
    expect(said()).to.deep.equal(['OK']);
  });

  it('owes nothing to a device that said nothing', async () => {
    await settle();
    away();
    expect(await codeOf(device.conversation.resume())).to.equal(AWAY);
    away(false);
    await device.conversation.resume();
    expect(said()).to.deep.equal([]);
  });

  it('goes on owing it if the store is away again', async () => {
    await settle();
    away();
    await codeOf(device.conversation.checkedIn(aCheckIn()));
    expect(await codeOf(device.conversation.resume())).to.equal(AWAY);
    away(false);
    await device.conversation.resume();
    expect(said()).to.deep.equal(['OK']);
  });

  it('owes it while only what follows from the check-in cannot be found out', async () => {
    await settle();
    // What is read first is for the check-in, then comes the decision.
    node.before = (step) => away(step === 'read');
    await codeOf(device.conversation.checkedIn(aCheckIn()));
    node.before = () => {};
    expect(said()).to.deep.equal([]);
    away(false);
    await device.conversation.resume();
    expect(said()).to.deep.equal(['OK']);
  });

  it('takes in what it was told: a version that it has by now is not offered to it again', async () => {
    await settle();
    await node.world.stores.devices.update(UDID, (known) => ({ ...known, autoUpdate: true }));
    away();
    await codeOf(device.conversation.checkedIn(aCheckIn({ version: '1.1.0' })));
    away(false);
    await node.world.publish();
    device.said.length = 0;
    await device.conversation.resume();
    expect(await node.world.record()).to.include({ version: '1.1.0' });
    expect(said()).to.deep.equal(['OK']);
  });

  it('takes in the last it was told, not what a later check-in has replaced', async () => {
    await settle();
    away();
    await codeOf(device.conversation.checkedIn(aCheckIn({ version: '1.0.1' })));
    away(false);
    await device.conversation.checkedIn(aCheckIn({ version: '1.0.2' }));
    await device.conversation.resume();
    expect(await node.world.record()).to.include({ version: '1.0.2' });
    expect(said()).to.deep.equal(['OK']);
  });

  it('takes in what it was told before the device could hear, when it can', async () => {
    away();
    await codeOf(device.conversation.checkedIn(aCheckIn({ version: '1.0.1' })));
    away(false);
    await device.conversation.subscribed();
    expect(await node.world.record()).to.include({ version: '1.0.1' });
    expect(said()).to.deep.equal(['OK']);
    await device.conversation.resume();
    expect(said()).to.deep.equal(['OK']);
  });

  it('answers nobody who cannot hear: it is owed until SUBSCRIBE', async () => {
    away();
    await codeOf(device.conversation.checkedIn(aCheckIn()));
    away(false);
    await device.conversation.resume();
    expect(said()).to.deep.equal([]);
    await device.conversation.subscribed();
    expect(said()).to.deep.equal(['OK']);
  });

  it('offers what could not be offered, once', async () => {
    await node.world.stores.devices.update(UDID, (known) => ({ ...known, autoUpdate: true }));
    await settle();
    away();
    await nodes.b.world.publish();
    expect(said()).to.deep.equal([]);
    away(false);
    await device.conversation.resume();
    await device.conversation.resume();
    expect(said()).to.deep.equal([OFFER]);
  });

  it('that ended meanwhile is not answered', async () => {
    await settle();
    away();
    await codeOf(device.conversation.checkedIn(aCheckIn()));
    await codeOf(node.disconnect(device));
    expect(node.world.domain.conversations.all()).to.deep.equal([]);
  });
});
