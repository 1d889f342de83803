import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { UDID } from './builders.js';
import { CollectingLog } from './collecting-log.js';
import { World } from './domain.js';
import { assertNoSecrets, secret, secretsIn } from './secrets.js';

describe('the watch for secrets', () => {
  const key = randomBytes(32).toString('hex');
  const token = randomBytes(32).toString('base64url');
  secret(key);
  secret(token);
  const everyByte = (text: string): string =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('');
  for (const [name, text] of [
    ['key', key],
    ['token', token],
  ] as const)
    for (const [how, wrapped] of [
      ['as it is', `{"a":"${text}"}`],
      ['in an address', `/device/firmware?ott=${text}&x=1`],
      ['within other characters', `abc${text}def`],
      ['in Base64', Buffer.from(text).toString('base64')],
      ['in Base64 behind one byte', Buffer.from(`a${text}`).toString('base64')],
      ['in Base64 behind a user name', `Basic ${Buffer.from(`user:${text}`).toString('base64')}`],
      ['in base64url', Buffer.from(`ü:${text}`).toString('base64url')],
      ['URL-encoded', everyByte(text)],
    ] as const)
      it(`finds a ${name} ${how}`, () => expect(secretsIn(`before ${wrapped} after`)).to.deep.equal([text]));

  it('finds nothing in what only looks like one', () => {
    expect(secretsIn(`${randomBytes(32).toString('hex')} ${key.slice(1)} ${token.slice(1)}`)).to.deep.equal(
      [],
    );
  });

  it('finds what a store was given, a token as well as a key, though nobody told it', async () => {
    const world = await World.open();
    try {
      const { ownerKey } = await world.domain.accounts.createOwner('somebody');
      await world.device({ autoUpdate: true });
      await world.publish();
      const { offer } =
        (await world.domain.desk.consider(UDID, { heldBackUntil: () => undefined, tell: async () => {} })) ??
        {};
      for (const text of [ownerKey, offer?.token ?? ''])
        expect(secretsIn(`before ${text} after`)).to.deep.equal([text]);
    } finally {
      await world.close();
    }
  });

  it('looks at every line of a log', () => {
    new CollectingLog().info({ nested: { url: `/x?ott=${token}` } }, 'a line');
    expect(assertNoSecrets).to.throw(/secrets turned up: .{6}\.\. in a line of the log/);
    assertNoSecrets();
  });
});
