import { once } from 'node:events';
import { expect } from 'chai';
import type { Server } from '../../../scripts/client/credentials.js';
import { OwnerClient } from '../../../scripts/simulator/owner.js';
import { readOwnerEvent, readQuestion } from '../../../scripts/simulator/owner-event.js';
import { UDID } from '../../support/builders.js';
import { TinyServer } from './tiny-server.js';

describe('a simulated owner', () => {
  let tiny: TinyServer;
  let server: Server;
  let owner: OwnerClient | undefined;
  const publish = (topic: string, payload: string, retain: boolean) =>
    new Promise<void>((resolve) => {
      const packet = { cmd: 'publish', topic, payload, qos: 1, retain, dup: false } as const;
      tiny.broker.publish(packet, () => resolve());
    });

  beforeEach(async () => {
    ({ tiny, server } = await TinyServer.start(Buffer.alloc(1)));
  });
  afterEach(async () => {
    await owner?.close();
    await tiny.close();
  });

  it('sees questions that were open before it came, and that they are gone', async () => {
    const { owner: id } = server.credentials;
    const topic = `/${id}/rtm/notices/${UDID}`;
    const question = { nid: UDID, udid: UDID, version: '1.1.0' };
    await publish(topic, JSON.stringify({ notification: question }), true);
    let asked: Promise<unknown[]> | undefined;
    owner = await OwnerClient.connect(server, (client) => {
      asked = once(client, 'question');
    });
    expect(await asked).to.deep.equal([question]);
    const cleared = once(owner, 'cleared');
    await publish(topic, '', true);
    expect(await cleared).to.deep.equal([UDID]);
  });

  it('answers as wire.md 5 says', async () => {
    owner = await OwnerClient.connect(server, () => {});
    const heard = new Promise<readonly string[]>((resolve) => {
      const replies: string[] = [];
      tiny.broker.on('publish', ({ topic, payload }) => {
        if (!topic.endsWith('/reply')) return;
        replies.push(`${topic} ${payload}`);
        if (replies.length === 3) resolve(replies);
      });
    });
    for (const response of [true, false, 'later'] as const) await owner.reply(UDID, response);
    const topic = `/${server.credentials.owner}/rtm/notices/${UDID}/reply`;
    const body = (type: string, response: string) =>
      `${topic} {"notification":{"nid":"${UDID}","response_type":"${type}","response":${response}}}`;
    expect(await heard).to.deep.equal([
      body('bool', 'true'),
      body('bool', 'false'),
      body('string', '"later"'),
    ]);
  });
});

describe('what a simulated owner reads', () => {
  const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

  it('is events, without members of a wrong type', () => {
    const event = { event: 'downloading', udid: UDID, progress: 10, version: 1, at: 5, extra: true };
    expect(readOwnerEvent(bytes(event))).to.deep.equal({
      event: 'downloading',
      udid: UDID,
      progress: 10,
      at: 5,
    });
  });

  it('is nothing that is neither event nor question', () => {
    for (const value of [
      null,
      1,
      [],
      {},
      { event: 'installed' },
      { at: 1 },
      { notification: { nid: 'x' } },
    ]) {
      expect(readOwnerEvent(bytes(value))).to.equal(undefined);
      expect(readQuestion(bytes(value))).to.equal(undefined);
    }
    expect(readOwnerEvent(Buffer.from('{'))).to.equal(undefined);
  });
});
