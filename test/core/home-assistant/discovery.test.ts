import { expect } from 'chai';
import fc from 'fast-check';
import { describedAlike, discoveryOf } from '../../../core/home-assistant/discovery.js';
import { HomeAssistantTopics } from '../../../core/home-assistant/topics.js';
import { aDevice, NOW, OTHER_UDID, UDID } from '../../support/builders.js';
import { discoveryFaults } from '../../support/home-assistant.js';

const topics = new HomeAssistantTopics('homeassistant');

describe('the discovery message of a device', () => {
  it('describes an update entity of a device that Home Assistant knows by UDID and MAC', () => {
    expect(discoveryOf(aDevice(), topics, '0.1.0')).to.deep.equal({
      name: 'Firmware',
      unique_id: `firmwire_${UDID}`,
      device_class: 'firmware',
      entity_category: 'config',
      state_topic: `homeassistant/update/${UDID}/state`,
      command_topic: `homeassistant/update/${UDID}/install`,
      payload_install: 'install',
      retain: false,
      qos: 1,
      device: {
        identifiers: [`firmwire_${UDID}`],
        connections: [['mac', '5c:cf:7f:1a:2b:3c']],
        name: 'kitchen',
        model: 'arduino:esp8266',
        sw_version: '1.0.0',
      },
      origin: { name: 'Firmwire', sw_version: '0.1.0' },
    });
  });

  it('leaves out what is not known, and a MAC of 14 digits', () => {
    const device = aDevice({ mac: '5CCF7F1A2B3C4D', platform: undefined, version: undefined });
    expect(Object.keys(discoveryOf(device, topics, '0').device)).to.deep.equal(['identifiers', 'name']);
  });

  it('is taken by Home Assistant, whatever devices tell', () => {
    const text = fc.string({ unit: 'binary' });
    const known = fc.option(text, { nil: undefined });
    fc.assert(
      fc.property(text, known, known, known, (alias, platform, version, mac) => {
        const message = JSON.stringify(discoveryOf(aDevice({ alias, platform, version, mac }), topics, '0'));
        expect(discoveryFaults(message)).to.deep.equal([]);
        expect(message.isWellFormed() && !message.includes('\\ud')).to.equal(true);
      }),
    );
  });

  it('is the same as long as name, version, platform and MAC are', () => {
    expect(describedAlike(aDevice(), aDevice({ lastSeen: NOW, rssi: '-1', autoUpdate: true }))).to.equal(
      true,
    );
    for (const change of [{ alias: 'x' }, { version: '2' }, { platform: 'x' }, { mac: undefined }])
      expect(describedAlike(aDevice(), aDevice(change)), JSON.stringify(change)).to.equal(false);
  });
});

describe("Home Assistant's topics", () => {
  for (const prefix of ['homeassistant', 'ha/discovery']) {
    const under = new HomeAssistantTopics(prefix);

    it(`${prefix}: a command names its device`, () => {
      expect(under.commanded(under.command(UDID))).to.equal(UDID);
      for (const topic of [
        under.state(UDID),
        under.config(UDID),
        under.status,
        `${under.command(UDID)}/x`,
        `x${under.command(UDID)}`,
        under.command('x'),
        prefix,
        `${prefix}/`,
        '',
      ])
        expect(under.commanded(topic), topic).to.equal(undefined);
    });

    it(`${prefix}: a filter shows one device, all or none`, () => {
      for (const [filter, expected] of [
        ['#', 'all'],
        [`${prefix}/#`, 'all'],
        [`${prefix}/+/+/config`, 'all'],
        [`${prefix}/update/+/state`, 'all'],
        [`${prefix}/update/#`, 'all'],
        [`${prefix}/+/${UDID}/#`, UDID],
        [under.config(UDID), UDID],
        [under.state(OTHER_UDID), OTHER_UDID],
        [under.command(UDID), undefined],
        [under.status, undefined],
        [`${prefix}/light/+/config`, undefined],
        [`${prefix}/update/+/+/config`, undefined],
        [`${prefix}/update/x/config`, undefined],
        [prefix, undefined],
        ['/#', undefined],
      ] as const)
        expect(under.shownBy(filter), filter).to.equal(expected);
    });

    it(`${prefix}: lie under it, and reach no further`, () => {
      expect(under.includes(`${prefix}/x`)).to.equal(true);
      for (const topic of [prefix, `${prefix}x/y`, `/${prefix}/x`])
        expect(under.includes(topic)).to.equal(false);
      for (const filter of ['#', '+/#', `${prefix}/status`])
        expect(under.reachedBy(filter), filter).to.equal(true);
      for (const filter of ['/#', 'other/#', `/${prefix}/#`])
        expect(under.reachedBy(filter), filter).to.equal(false);
    });
  }
});
