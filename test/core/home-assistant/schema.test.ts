import { expect } from 'chai';
import { discoveryFaults, stateFaults } from '../../support/home-assistant.js';

/** What the tests of our messages rest on: the schema takes good ones and refuses bad ones. */
const GOOD_STATES: [name: string, message: unknown][] = [
  ['versions only', { installed_version: '1.0.0', latest_version: '1.1.0' }],
  ['nothing at all', {}],
  [
    'everything',
    {
      installed_version: '1.0.0',
      latest_version: '1.1.0',
      title: 'my-app',
      release_summary: 'Better.',
      release_url: 'https://example.com/1.1.0',
      entity_picture: 'https://example.com/a.png',
      in_progress: true,
      update_percentage: 40,
    },
  ],
  ['no percentage', { in_progress: false, update_percentage: null }],
  ['an empty summary', { release_summary: '' }],
  ['a summary of 255 characters', { release_summary: 'x'.repeat(255) }],
  ['a summary of 255 characters beyond the first plane', { release_summary: '🚀'.repeat(255) }],
  ['0 %', { update_percentage: 0 }],
  ['100 %', { update_percentage: 100 }],
  ['12.5 %', { update_percentage: 12.5 }],
  ['a plain http address', { release_url: 'http://192.168.1.10:8080/notes' }],
];

const BAD_STATES: [name: string, message: unknown, fault: RegExp][] = [
  ['an unknown key', { installed_version: '1.0.0', state: 'on' }, /^state is unknown/],
  ['a key of Object', { constructor: 'x' }, /constructor is unknown/],
  ['installed_version null', { installed_version: null }, /^installed_version/],
  ['latest_version null', { latest_version: null }, /^latest_version/],
  ['title null', { title: null }, /^title/],
  ['release_summary null', { release_summary: null }, /^release_summary/],
  ['release_url null', { release_url: null }, /^release_url/],
  ['entity_picture null', { entity_picture: null }, /^entity_picture/],
  ['in_progress null', { in_progress: null }, /^in_progress/],
  ['a version that is a number', { installed_version: 1.1 }, /^installed_version/],
  ['a version that is a list', { latest_version: ['1.1.0'] }, /^latest_version/],
  ['a summary of 256 characters', { release_summary: 'x'.repeat(256) }, /too long/],
  ['an empty address', { release_url: '' }, /^release_url/],
  ['an address without a scheme', { release_url: 'example.com/1.1.0' }, /^release_url/],
  ['another scheme', { release_url: 'ftp://example.com/' }, /^release_url/],
  ['in_progress as a number, as before 2024.12', { in_progress: 40 }, /^in_progress/],
  ['in_progress as text', { in_progress: 'yes' }, /^in_progress/],
  ['101 %', { update_percentage: 101 }, /^update_percentage/],
  ['-1 %', { update_percentage: -1 }, /^update_percentage/],
  ['a percentage as text', { update_percentage: '40' }, /^update_percentage/],
  ['a list', [], /no object/],
  ['a bare version', '1.0.0', /no object/],
  ['null', null, /no object/],
];

const device = { identifiers: ['a'] };
const aDiscovery = { unique_id: 'a', state_topic: 'a/b', device };
const GOOD_DISCOVERIES: [name: string, message: unknown][] = [
  ['the least', { unique_id: 'a', state_topic: 'a/b' }],
  ['no name of its own', { ...aDiscovery, name: null }],
  ['a device known by its MAC', { ...aDiscovery, device: { connections: [['mac', '5c:cf:7f:1a:2b:3c']] } }],
  ['an origin', { ...aDiscovery, origin: { name: 'Firmwire', sw_version: '1' } }],
  ['a command', { ...aDiscovery, command_topic: 'a/c', payload_install: 'install', retain: false, qos: 1 }],
];
const BAD_DISCOVERIES: [name: string, message: unknown, fault: RegExp][] = [
  ['no unique id', { state_topic: 'a/b' }, /unique_id is missing/],
  ['an unknown key', { ...aDiscovery, status_topic: 'a' }, /status_topic is unknown/],
  ['a command topic with a wildcard', { ...aDiscovery, command_topic: 'a/+' }, /command_topic has wildcards/],
  ['an empty state topic', { ...aDiscovery, state_topic: '' }, /state_topic/],
  ['a topic with a control character', { ...aDiscovery, state_topic: 'a\u0000' }, /state_topic/],
  ['a device that nothing identifies', { ...aDiscovery, device: { name: 'x' } }, /device identifiers/],
  ['an unknown key of the device', { ...aDiscovery, device: { ...device, alias: 'x' } }, /device alias/],
  ['a version null', { ...aDiscovery, device: { ...device, sw_version: null } }, /device sw_version/],
  [
    'a connection that is no pair',
    { ...aDiscovery, device: { connections: [['mac']] } },
    /device connections/,
  ],
  ['an origin without a name', { ...aDiscovery, origin: { sw_version: '1' } }, /origin name is missing/],
  ['another device class', { ...aDiscovery, device_class: 'update' }, /device_class/],
  ['another category', { ...aDiscovery, entity_category: 'system' }, /entity_category/],
  ['QoS 3', { ...aDiscovery, qos: 3 }, /qos/],
  ['retain as a number', { ...aDiscovery, retain: 1 }, /retain/],
  ['two kinds of availability', { ...aDiscovery, availability: [], availability_topic: 'a' }, /exclude/],
];

describe("the published schema of Home Assistant's update platform", () => {
  for (const [name, message] of GOOD_STATES)
    it(`takes a state with ${name}`, () => expect(stateFaults(JSON.stringify(message))).to.deep.equal([]));
  for (const [name, message, fault] of BAD_STATES)
    it(`drops a state with ${name}`, () =>
      expect(stateFaults(JSON.stringify(message)).join()).to.match(fault));
  for (const text of ['', '{', 'undefined', '1.0.0'])
    it(`drops a state that is no JSON: "${text}"`, () => expect(stateFaults(text)).to.not.deep.equal([]));
  for (const [name, message] of GOOD_DISCOVERIES)
    it(`takes a discovery with ${name}`, () =>
      expect(discoveryFaults(JSON.stringify(message))).to.deep.equal([]));
  for (const [name, message, fault] of BAD_DISCOVERIES)
    it(`refuses a discovery with ${name}`, () =>
      expect(discoveryFaults(JSON.stringify(message)).join()).to.match(fault));
});
