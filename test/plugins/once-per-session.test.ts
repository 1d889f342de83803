import { expect } from 'chai';
import type { Session } from '../../broker/plugin.js';
import { noticeTopic, stateTopic } from '../../core/topics.js';
import { OncePerSession } from '../../plugins/once-per-session.js';
import { OTHER_UDID, OWNER, UDID } from '../support/builders.js';

const NOTICE = noticeTopic(OWNER, UDID);
const aSession = (): Session => ({}) as Session;

describe('once per session', () => {
  let plugin: OncePerSession;
  let session: Session;
  beforeEach(() => {
    plugin = new OncePerSession();
    session = aSession();
  });
  /** True if the message is not held back. */
  const passes = (topic: string, text: string, to = session): boolean =>
    plugin.mayReceive(to, { topic, payload: Buffer.from(text), qos: 1, retain: true, pushed: false }) !==
    'deny';

  it('lets a notice through once for each session', () => {
    const other = aSession();
    expect([passes(NOTICE, '1.1.0'), passes(NOTICE, '1.1.0')]).to.deep.equal([true, false]);
    expect([passes(NOTICE, '1.1.0', other), passes(NOTICE, '1.1.0', other)]).to.deep.equal([true, false]);
  });

  it('lets a new notice about the device through, and the old one once more after it', () => {
    expect(['1', '2', '1', '1'].map((text) => passes(NOTICE, text))).to.deep.equal([true, true, true, false]);
  });

  it('lets a notice through again after it was cleared', () => {
    expect(['1', '', '', '1'].map((text) => passes(NOTICE, text))).to.deep.equal([true, true, true, true]);
  });

  it('keeps the notices about two devices apart', () => {
    expect([passes(NOTICE, '1'), passes(noticeTopic(OWNER, OTHER_UDID), '1')]).to.deep.equal([true, true]);
  });

  it('has no say on anything else', () => {
    for (const topic of [stateTopic(OWNER, UDID), `${NOTICE}/reply`, `/${OWNER}/rtm/events`, '/a'])
      expect([passes(topic, '1'), passes(topic, '1')], topic).to.deep.equal([true, true]);
  });
});
