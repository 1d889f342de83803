import { expect } from 'chai';
import { sha256 } from '../../../core/account.js';
import type { PublishFields } from '../../../core/services/publisher.js';
import type { Claims } from '../../../core/signing/manifest.js';
import { MAX_SEQUENCE } from '../../../core/signing/manifest.js';
import { HOUR, MINUTE, NOW, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { anImage, codeOf, tokenIn, World, words } from '../../support/domain.js';
import { aPair, manifestFor, type Pair } from '../../support/signing.js';

/** Versions of one image, each with bytes of its own. */
const imageOf = (version: string): Buffer => anImage(1000, Number(version.replaceAll('.', '')) % 200);

describe('signed firmware', () => {
  let world: World;
  let ann: Pair;
  beforeEach(async () => {
    world = await World.open();
    ann = aPair();
    await trust(ann);
  });
  afterEach(() => world.close());

  const trust = ({ publicPem }: Pair, owner = OWNER) => world.domain.signers.add(owner, 'ann', publicPem);
  /** Publishes a version, signed by Ann if nobody else. */
  const publish = (
    version: string,
    sequence: number,
    {
      claims = {},
      fields = {},
      by = ann,
    }: { claims?: Partial<Claims>; fields?: Partial<PublishFields>; by?: Pair } = {},
  ) =>
    world.publish(
      { version, manifest: manifestFor(imageOf(version), by, { version, sequence, ...claims }), ...fields },
      imageOf(version),
    );
  const versions = async () => (await world.domain.catalog.list(OWNER)).map(({ version }) => version);
  const look = async (udid = UDID) => {
    const outcome = await world.domain.desk.consider(udid);
    if (!outcome) throw new Error('no such device');
    const { decision } = outcome;
    return decision.kind === 'none' ? decision.reason : `${decision.kind} ${decision.firmware.version}`;
  };

  it('is published with what its owner signed, and offered', async () => {
    await world.device({ autoUpdate: true });
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await world.pass(2000);
    const { firmware, offered } = await publish('1.1.0', 7);
    expect(offered).to.equal(1);
    expect(words(said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
    expect(firmware.seal).to.include({ signer: ann.signer.id, alias: 'ann', sequence: 7, isTrusted: true });
    const shown = JSON.parse(world.toldOn(`/rtm/firmware/${firmware.id}`).at(-1) ?? '');
    expect(shown.signature).to.deep.equal({
      signer: ann.signer.id,
      alias: 'ann',
      sequence: 7,
      expiresAt: new Date(NOW + 365 * 24 * HOUR).toISOString(),
      rollback: false,
      trusted: true,
    });
    expect(JSON.stringify(await world.stores.firmware.get(firmware.id))).not.to.include('"seal"');
  });

  describe('is refused, and nothing is left behind,', () => {
    const rows: [what: string, code: string, publishing: () => Promise<unknown>][] = [
      [
        'without a signature that the owner trusts',
        'signer_unknown',
        () => publish('1.1.0', 1, { by: aPair() }),
      ],
      [
        'if it was tampered with',
        'signature_invalid',
        () => {
          const manifest = manifestFor(imageOf('1.1.0'), ann).replace('sequence 1\n', 'sequence 2\n');
          return world.publish({ manifest }, imageOf('1.1.0'));
        },
      ],
      ['with a text that is none', 'manifest_malformed', () => world.publish({ manifest: 'trust me' })],
      [
        'of another owner',
        'manifest_mismatch',
        () => publish('1.1.0', 1, { claims: { owner: OTHER_OWNER } }),
      ],
      [
        'for another platform',
        'manifest_mismatch',
        () => publish('1.1.0', 1, { claims: { platform: 'arduino' } }),
      ],
      [
        'for no platform',
        'manifest_mismatch',
        () => publish('1.1.0', 1, { fields: { platform: undefined, udid: UDID } }),
      ],
      [
        'of another version',
        'manifest_mismatch',
        () => publish('1.1.0', 1, { claims: { version: '1.2.0' } }),
      ],
      [
        'in another spelling of its version',
        'manifest_mismatch',
        () => publish('1.1.0', 1, { claims: { version: 'v1.1.0' } }),
      ],
      [
        'with other bytes',
        'manifest_mismatch',
        () => world.publish({ manifest: manifestFor(imageOf('1.1.0'), ann) }, anImage(1000, 99)),
      ],
      [
        'with another name',
        'manifest_mismatch',
        () =>
          publish('1.1.0', 1, {
            claims: { files: [{ name: 'other.bin', size: 1000, sha256: sha256(imageOf('1.1.0')) }] },
          }),
      ],
      [
        'if the manifest names more files',
        'manifest_mismatch',
        () =>
          publish('1.1.0', 1, {
            claims: {
              files: [
                { name: 'firmware.bin', size: 1000, sha256: sha256(imageOf('1.1.0')) },
                { name: 'more.bin', size: 1, sha256: 'c3'.repeat(32) },
              ],
            },
          }),
      ],
      [
        'once it has expired',
        'manifest_expired',
        () => publish('1.1.0', 1, { claims: { expires: NOW / 1000 } }),
      ],
    ];
    for (const [what, code, publishing] of rows)
      it(`${what}: ${code}`, async () => {
        expect(await codeOf(publishing())).to.equal(code);
        expect(await versions()).to.deep.equal([]);
        expect(await world.stores.firmware.marks(OWNER)).to.deep.equal([]);
        expect(await world.blobs.clean(async () => false), 'no bytes are left').to.equal(0);
      });
  });

  describe('goes on with its sequence', () => {
    it('upwards only, also once what had the highest is withdrawn', async () => {
      const { firmware } = await publish('1.1.0', 7);
      for (const sequence of [1, 6, 7])
        expect(await codeOf(publish('1.2.0', sequence)), `${sequence}`).to.equal('sequence_too_low');
      await world.domain.publisher.withdraw(OWNER, firmware.id);
      expect(await codeOf(publish('1.2.0', 7))).to.equal('sequence_too_low');
      expect(await world.blobs.clean(async () => false), 'no bytes are left').to.equal(0);
      expect(await codeOf(publish('1.2.0', 8))).to.equal('no failure');
      expect(await versions()).to.deep.equal(['1.2.0']);
    });

    it('for each platform by itself, however it is written, and for all targets of one', async () => {
      await publish('1.1.0', 7);
      const esp32 = { platform: 'nodemcu:esp8266' };
      const files = [['firmware.bin', imageOf('1.1.0')]] as const;
      const manifest = manifestFor(imageOf('1.1.0'), ann, esp32);
      await world.publishFiles({ ...esp32, manifest }, files);
      const upper = { platform: 'Arduino:ESP8266' };
      expect(await codeOf(publish('1.2.0', 7, { claims: upper, fields: upper }))).to.equal(
        'sequence_too_low',
      );
      expect(await codeOf(publish('1.2.0', 7, { fields: { tags: ['beta'] } }))).to.equal('sequence_too_low');
      expect(await codeOf(publish('1.2.0', 7, { fields: { udid: UDID } }))).to.equal('sequence_too_low');
    });

    it('from where it was for whoever sends exactly the same again: an answer may be lost', async () => {
      const first = await publish('1.1.0', 7);
      await publish('1.2.0', 8);
      const again = await publish('1.1.0', 7);
      expect(again.created).to.equal(false);
      expect(again.firmware.id).to.equal(first.firmware.id);
    });

    it('with one winner of many at once', async () => {
      const all = ['1.1.0', '1.2.0', '1.3.0', '1.4.0'].map((version) => codeOf(publish(version, 3)));
      expect((await Promise.all(all)).sort()).to.deep.equal([
        'no failure',
        ...Array<string>(3).fill('sequence_too_low'),
      ]);
      expect(await versions()).to.have.length(1);
    });

    it('as if a stolen key had said nothing, once it is trusted no longer', async () => {
      const thief = aPair();
      await world.domain.signers.add(OWNER, 'stolen', thief.publicPem);
      await publish('6.6.6', MAX_SEQUENCE, { by: thief });
      expect(await codeOf(publish('1.1.0', 7))).to.equal('sequence_too_low');
      await world.domain.signers.remove(OWNER, thief.signer.id);
      expect(await codeOf(publish('1.1.0', 7))).to.equal('no failure');
      await world.device({ autoUpdate: true, signer: thief.signer.id, sequence: MAX_SEQUENCE });
      expect(await look()).to.equal('offer 1.1.0');
    });

    it('where a key was trusted before: its own sequences are not forgotten', async () => {
      await publish('1.1.0', 7);
      await world.domain.signers.remove(OWNER, ann.signer.id);
      await trust(ann);
      expect(await codeOf(publish('1.2.0', 7))).to.equal('sequence_too_low');
    });
  });

  describe('is never served with a lower sequence', () => {
    it('to a device that has run a higher one, ordered and forced or not', async () => {
      const { firmware: old } = await publish('1.1.0', 7, { fields: { udid: UDID } });
      await world.device({ version: '1.0.0', autoUpdate: true, signer: ann.signer.id, sequence: 8 });
      expect(await look()).to.equal('sequence_lower');
      for (const forced of [false, true])
        expect(await codeOf(world.domain.orders.order(OWNER, UDID, old.id, forced))).to.equal(
          'sequence_too_low',
        );
      expect(await world.domain.desk.request(UDID, true, {}).catch(({ code }) => code)).to.equal(
        'UPDATE_NOT_FOUND',
      );
    });

    it('when the one with the higher is withdrawn; unless that was never released', async () => {
      await world.device({ autoUpdate: true });
      await publish('1.1.0', 7);
      const { firmware: held } = await publish('1.2.0', 8, { fields: { rollout: 'none' } });
      await world.domain.publisher.withdraw(OWNER, held.id);
      expect(await look()).to.equal('offer 1.1.0');
      const { firmware: newer } = await publish('1.3.0', 9);
      expect(await look()).to.equal('offer 1.3.0');
      await world.domain.publisher.withdraw(OWNER, newer.id);
      expect(await look()).to.equal('sequence_lower');
    });

    it('once the higher is released, however that comes about', async () => {
      await world.device({ autoUpdate: true });
      await publish('1.1.0', 7);
      const { firmware } = await publish('1.2.0', 8, { fields: { rollout: 'none' } });
      await world.domain.catalog.put({ ...firmware, rollout: 'all-at-once' });
      expect(await look()).to.equal('offer 1.2.0');
      await world.domain.publisher.withdraw(OWNER, firmware.id);
      expect(await look()).to.equal('sequence_lower');
    });

    it('also where the higher is for some devices only: the others get what is theirs', async () => {
      await world.device({ autoUpdate: true, tags: ['beta'] });
      await world.device({ udid: OTHER_UDID, mac: undefined, autoUpdate: true });
      await publish('1.1.0', 7);
      const { firmware: beta } = await publish('1.2.0', 8, { fields: { tags: ['beta'] } });
      expect([await look(), await look(OTHER_UDID)]).to.deep.equal(['offer 1.2.0', 'offer 1.1.0']);
      await world.domain.publisher.withdraw(OWNER, beta.id);
      expect([await look(), await look(OTHER_UDID)]).to.deep.equal(['sequence_lower', 'offer 1.1.0']);
    });

    it('by a token that was given before the higher one was released', async () => {
      await world.device({ autoUpdate: true });
      await publish('1.1.0', 7);
      const offer = await world.domain.desk.request(UDID, false, {});
      const token = offer?.token ?? '';
      await world.domain.downloads.find(token, undefined);
      await publish('1.2.0', 8);
      expect(await codeOf(world.domain.downloads.find(token, undefined))).to.equal('OTT_UPDATE_NOT_FOUND');
    });

    it('but with a rollback: a higher sequence that names an older version', async () => {
      await world.device({ version: '1.0.0', autoUpdate: true });
      const { firmware: good } = await publish('1.1.0', 7);
      await publish('1.2.0', 8);
      await install('1.2.0');
      expect(await world.record()).to.include({ version: '1.2.0', sequence: 8, signer: ann.signer.id });
      expect(await look()).to.equal('already_newest');
      expect(await codeOf(publish('1.1.0', 6, { claims: { rollback: true } }))).to.equal('sequence_too_low');
      const back = await publish('1.1.0', 9, { claims: { rollback: true } });
      expect(back.firmware.id, 'the same bytes, signed anew').to.equal(good.id);
      expect(await look()).to.equal('offer 1.1.0');
      await install('1.1.0');
      expect(await world.record()).to.include({ version: '1.1.0', sequence: 9 });
      expect(await look()).to.equal('already_newest');
      await publish('1.3.0', 10);
      expect(await look()).to.equal('offer 1.3.0');
    });

    /** Fetches what is offered and comes back with it. */
    async function install(version: string): Promise<void> {
      const offer = await world.domain.desk.request(UDID, false, {});
      const delivery = await world.redeem(offer?.token ?? '');
      expect(delivery.firmware.version).to.equal(version);
      expect(await delivery.beforeLastPiece([0, 1000])).to.equal(true);
      await delivery.end([0, 1000], true);
      await world.domain.registry.checkIn(UDID, { version });
      expect((await world.record()).update?.state).to.equal('installed');
    }
  });

  it('that has expired is neither offered nor handed out', async () => {
    await world.device({ autoUpdate: true });
    const { firmware } = await publish('1.1.0', 1, { claims: { expires: (NOW + MINUTE) / 1000 } });
    const token = (await world.domain.desk.request(UDID, false, {}))?.token ?? '';
    world.clock.advance(MINUTE - 1);
    await world.domain.downloads.find(token, undefined);
    world.clock.advance(1);
    expect(await codeOf(world.domain.downloads.find(token, undefined))).to.equal('OTT_UPDATE_NOT_FOUND');
    expect(await look()).to.equal('manifest_expired');
    expect(await codeOf(world.domain.orders.order(OWNER, UDID, firmware.id, true))).to.equal(
      'manifest_expired',
    );
  });

  it('that was changed in the store is not believed', async () => {
    await world.device({ autoUpdate: true });
    const { firmware } = await publish('1.1.0', 1);
    const stored = await world.stores.firmware.get(firmware.id);
    if (!stored?.manifest) throw new Error('it is not there');
    for (const change of [
      { manifest: stored.manifest.replace('sequence 1', 'sequence 9') },
      { manifest: 'damaged' },
      { version: '1.1.1' },
      { sha256: 'c3'.repeat(32) },
      { files: [] },
    ]) {
      await world.stores.firmware.put({ ...stored, ...change });
      world.domain.catalog.forget(OWNER);
      expect(await look(), JSON.stringify(change)).to.equal('signer_untrusted');
    }
    await world.stores.firmware.put(stored);
    world.domain.catalog.forget(OWNER);
    expect(await look()).to.equal('offer 1.1.0');
  });

  it('makes firmware signed that was published without; the same bytes without leave it signed', async () => {
    const { firmware } = await world.publish({ notes: 'kept' }, imageOf('1.1.0'));
    expect(firmware.seal).to.equal(undefined);
    const signed = await publish('1.1.0', 1);
    expect(signed.firmware).to.include({ id: firmware.id, notes: 'kept' });
    expect(signed.firmware.seal?.isTrusted).to.equal(true);
    const plain = await world.publish({}, imageOf('1.1.0'));
    expect(plain.firmware.seal?.sequence).to.equal(1);
    expect(await codeOf(publish('1.2.0', 1))).to.equal('sequence_too_low');
  });

  describe('whose key is trusted no longer', () => {
    it('is taken back: offers, questions, tokens and downloads', async () => {
      await world.device({ autoUpdate: true });
      await world.device({ udid: OTHER_UDID, mac: undefined });
      const { firmware } = await publish('1.1.0', 1);
      const { conversation, said } = world.connection();
      await conversation.subscribed();
      await world.pass(2000);
      let isCut = false;
      await world.redeem(tokenIn(said), undefined, () => {
        isCut = true;
      });
      expect(world.toldOn(`/rtm/notices/${OTHER_UDID}`).at(-1)).to.not.equal('');

      await world.domain.signers.remove(OWNER, ann.signer.id);
      expect(isCut).to.equal(true);
      expect(await codeOf(world.domain.downloads.find(tokenIn(said), undefined))).to.equal(
        'OTT_UPDATE_NOT_FOUND',
      );
      expect(world.toldOn(`/rtm/notices/${OTHER_UDID}`).at(-1)).to.equal('');
      expect((await world.record()).update?.state).to.equal('withdrawn');
      expect([await look(), await look(OTHER_UDID)]).to.deep.equal(['signer_untrusted', 'signer_untrusted']);
      expect(await codeOf(world.domain.orders.order(OWNER, UDID, firmware.id, true))).to.equal(
        'signer_unknown',
      );
      const shown = JSON.parse(world.toldOn(`/rtm/firmware/${firmware.id}`).at(-1) ?? '');
      expect(shown.signature).to.include({ trusted: false, alias: null, signer: ann.signer.id });
    });

    it('counts again once the key does', async () => {
      await world.device();
      await publish('1.1.0', 1);
      await world.domain.signers.remove(OWNER, ann.signer.id);
      expect((await world.record()).update?.state).to.equal('withdrawn');
      await trust(ann);
      expect((await world.record()).update).to.include({ state: 'asked', version: '1.1.0' });
    });

    it('leaves what others signed where it is: keys overlap while they are changed', async () => {
      await world.device({ autoUpdate: true });
      const bob = aPair();
      await world.domain.signers.add(OWNER, 'bob', bob.publicPem);
      await publish('1.1.0', 1);
      await publish('1.2.0', 2, { by: bob });
      await world.domain.signers.remove(OWNER, ann.signer.id);
      expect(await look()).to.equal('offer 1.2.0');
    });
  });

  it('keys are few: one more than 32 is refused', async () => {
    for (let n = 1; n < 32; n++) await trust(aPair());
    expect(await codeOf(trust(aPair()))).to.equal('signers_full');
    await world.domain.signers.remove(OWNER, ann.signer.id);
    expect(await codeOf(trust(aPair()))).to.equal('no failure');
  });

  it('keys are trusted once, by each owner by themselves, and only if they are public keys', async () => {
    expect(await codeOf(trust(ann))).to.equal('signer_exists');
    expect(await codeOf(trust(ann, OTHER_OWNER))).to.equal('no failure');
    expect((await world.domain.signers.list(OWNER)).map(({ id }) => id)).to.deep.equal([ann.signer.id]);
    expect(await codeOf(world.domain.signers.remove(OTHER_OWNER, 'nobody'))).to.equal('signer_not_found');
    expect(await codeOf(world.domain.signers.add(OWNER, 'x', 'no key'))).to.equal('field_invalid');
    await world.domain.signers.remove(OTHER_OWNER, ann.signer.id);
    expect(await world.domain.signers.list(OWNER)).to.have.length(1);
  });
});

describe('a server that requires signatures', () => {
  let world: World;
  const ann = aPair();
  beforeEach(async () => {
    world = await World.open({ settings: { firmware: { requireSignature: true } } });
    await world.domain.signers.add(OWNER, 'ann', ann.publicPem);
  });
  afterEach(() => world.close());

  it('takes signed firmware only, and nothing is left behind of any other', async () => {
    expect(await codeOf(world.publish())).to.equal('signature_required');
    expect(await world.blobs.clean(async () => false)).to.equal(0);
    expect(await codeOf(world.publish({ manifest: manifestFor(anImage(), ann) }))).to.equal('no failure');
  });

  it('offers nothing that was stored unsigned before, and hands out none of it', async () => {
    const before = await World.open();
    const { firmware } = await before.publish();
    await world.stores.firmware.put(firmware);
    await before.close();
    world.domain.catalog.forget();
    await world.device({ autoUpdate: true });
    const outcome = await world.domain.desk.consider(UDID);
    expect(outcome?.decision).to.include({ kind: 'none', reason: 'unsigned' });
    expect(await codeOf(world.domain.orders.order(OWNER, UDID, firmware.id, true))).to.equal(
      'signature_required',
    );
    expect(await codeOf(world.domain.orders.order(OWNER, UDID, undefined, true))).to.equal(
      'signature_required',
    );
    expect(await codeOf(world.domain.desk.request(UDID, true, {}))).to.equal('UPDATE_NOT_FOUND');
  });
});
