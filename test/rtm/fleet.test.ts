import { expect } from 'chai';
import { Fleet } from '../../rtm/src/model/fleet.js';
import { NOW, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { aDeviceView, aFirmwareView, aNoticeOf, aServerView, type Told, tell } from '../support/views.js';

const kitchen = aDeviceView();
const garage = aDeviceView({ udid: OTHER_UDID, alias: 'garage' });
const NEW_UDID = `0${UDID.slice(1, -1)}1`;

describe('what the page knows of the fleet', () => {
  let fleet: Fleet;
  beforeEach(() => {
    fleet = new Fleet();
  });

  const take = (...messages: Told[]): void => fleet.take(messages);
  const list = (...messages: Told[]): void => {
    fleet.relisted();
    take(...messages, tell.server());
  };
  const known = () => ({
    devices: [...fleet.devices.keys()],
    notices: [...fleet.notices.keys()],
    firmware: [...fleet.firmware.keys()],
  });
  const aliases = (): string[] => [...fleet.devices.values()].map(({ alias }) => alias);

  it('is complete once the server has spoken of itself, and not before', () => {
    fleet.relisted();
    take(tell.firmware(aFirmwareView()), tell.notice(aNoticeOf()), tell.device(kitchen));
    expect(fleet.complete).to.equal(false);
    expect(fleet.server).to.equal(undefined);
    take(tell.server());
    expect(fleet.complete).to.equal(true);
    expect(fleet.server).to.deep.equal(aServerView());
    expect(known()).to.deep.equal({ devices: [UDID], notices: [UDID], firmware: ['fw-1.1.0'] });
    expect(fleet.devices.get(UDID)).to.deep.equal(kitchen);
    expect(fleet.notices.get(UDID)).to.deep.equal(aNoticeOf());
    expect(fleet.firmware.get('fw-1.1.0')).to.deep.equal(aFirmwareView());
  });

  it('follows what changes, and an empty message takes away', () => {
    list(tell.firmware(aFirmwareView()), tell.notice(aNoticeOf()), tell.device(kitchen));
    take(tell.device({ ...kitchen, alias: 'hall' }), tell.device(garage));
    expect(aliases()).to.deep.equal(['hall', 'garage']);
    take(tell.deviceGone(UDID), tell.noticeGone(UDID), tell.firmwareGone('fw-1.1.0'));
    expect(known()).to.deep.equal({ devices: [OTHER_UDID], notices: [], firmware: [] });
    take(tell.deviceGone(UDID));
    take(tell.device(kitchen));
    expect(aliases()).to.deep.equal(['garage', 'kitchen']);
  });

  describe('after a lost connection', () => {
    beforeEach(() => list(tell.firmware(aFirmwareView()), tell.notice(aNoticeOf()), ...both()));
    const both = (): Told[] => [tell.device(kitchen), tell.device(garage)];

    it('stays until everything has been told again; then what was not is gone', () => {
      fleet.relisted();
      take(tell.device({ ...garage, alias: 'cellar' }));
      expect(aliases()).to.deep.equal(['kitchen', 'cellar']);
      expect(fleet.complete).to.equal(true);
      take(tell.server(aServerView({ version: '0.2.0' })));
      expect(known()).to.deep.equal({ devices: [OTHER_UDID], notices: [], firmware: [] });
      expect(fleet.server?.version).to.equal('0.2.0');
    });

    it('holds each kind apart: a device that is told again is no open question', () => {
      list(tell.device(kitchen), tell.device(garage), tell.firmware(aFirmwareView()));
      expect(known()).to.deep.equal({ devices: [UDID, OTHER_UDID], notices: [], firmware: ['fw-1.1.0'] });
    });

    it('may change while it is being told', () => {
      fleet.relisted();
      take(tell.device(kitchen));
      // Live: one is new, one that was told has gone, one is told live before the listing came to it.
      take(tell.device(aDeviceView({ udid: NEW_UDID, alias: 'new' })), tell.deviceGone(UDID));
      take(tell.device({ ...garage, alias: 'live' }), tell.server());
      expect(aliases()).to.deep.equal(['live', 'new']);
    });

    it('may be lost again in the middle: the second listing alone decides', () => {
      fleet.relisted();
      take(tell.device(kitchen), tell.notice(aNoticeOf()));
      list(tell.device(garage));
      expect(known()).to.deep.equal({ devices: [OTHER_UDID], notices: [], firmware: [] });
    });

    it('keeps what was first told in a listing that broke off, if it is told again', () => {
      fleet.relisted();
      take(tell.device(aDeviceView({ udid: NEW_UDID, alias: 'new' })));
      fleet.relisted();
      expect(aliases()).to.deep.equal(['kitchen', 'garage', 'new']);
      take(tell.device(kitchen), tell.server());
      expect(aliases()).to.deep.equal(['kitchen']);
    });

    it('knows a device again that had gone', () => {
      list(tell.device(kitchen));
      list(...both());
      expect(aliases()).to.deep.equal(['kitchen', 'garage']);
      list(...both());
      expect(aliases()).to.deep.equal(['kitchen', 'garage']);
    });

    it('takes nothing away at a word of the server that ends no listing', () => {
      take(tell.server());
      expect(aliases()).to.deep.equal(['kitchen', 'garage']);
      list(tell.device(kitchen));
      // What the last listing took away may have come back since.
      take(tell.device(garage), tell.server());
      expect(aliases()).to.deep.equal(['kitchen', 'garage']);
    });

    it('does not forget what happened before', () => {
      take(tell.event({ event: 'checkout', udid: UDID, alias: 'kitchen', at: NOW }));
      list();
      expect(fleet.events.map(({ event }) => event)).to.deep.equal(['checkout']);
      expect(fleet.devices.size).to.equal(0);
    });
  });

  it('leaves out what is on other topics', () => {
    list(tell.device(kitchen), tell.notice(aNoticeOf()));
    for (const topic of [
      `/${OWNER}/rtm/notices/${UDID}/reply`,
      `/${OWNER}/rtm/devices/${UDID}/more`,
      `/${OWNER}/rtm/something/${UDID}`,
      `/${OWNER}/rtm/server/more/levels`,
      `/${OWNER}/rtm`,
      '',
    ]) {
      take({ topic, text: '' }, { topic, text: '{"a":1}' });
      expect(known(), topic).to.deep.equal({ devices: [UDID], notices: [UDID], firmware: [] });
    }
  });

  describe('what happened', () => {
    const event = (name: 'checkin' | 'offered', i: number) =>
      tell.event({ event: name, udid: UDID, alias: 'kitchen', version: '1.0.0', at: NOW + i });

    it('is there newest first, the last 200, and check-ins push nothing else out', () => {
      take(event('offered', 0));
      for (let i = 1; i <= 1000; i++) take(event('checkin', i));
      expect(fleet.events.map(({ at }) => at)).to.deep.equal([NOW]);
      expect(fleet.checkIns).to.have.length(200);
      expect(fleet.checkIns.slice(0, 2).map(({ at }) => at)).to.deep.equal([NOW + 1000, NOW + 999]);
      for (let i = 1; i <= 300; i++) take(event('offered', i));
      expect(fleet.events.map(({ at }) => at)).to.deep.equal(
        Array.from({ length: 200 }, (_, i) => NOW + 300 - i),
      );
    });

    it('need not be about a device', () => {
      take(tell.event({ event: 'published', firmware: 'fw-1.1.0', version: '1.1.0', at: NOW }));
      expect(fleet.events).to.deep.equal([
        { event: 'published', firmware: 'fw-1.1.0', version: '1.1.0', at: NOW },
      ]);
    });
  });
});
