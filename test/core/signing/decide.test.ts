import { expect } from 'chai';
import { decideUpdate } from '../../../core/decide.js';
import type { Firmware } from '../../../core/firmware.js';
import type { Staging } from '../../../core/rollouts/rollout.js';
import type { Seal } from '../../../core/signing/seal.js';
import { type Consent, ordered } from '../../../core/update.js';
import { explain } from '../../../core/why.js';
import { aFirmware, HOUR, NOW, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { auto, brief, decide, decisions } from '../../support/decisions.js';

const ANN = '0123456789abcdef';
const BOB = 'fedcba9876543210';

/** A firmware signed by Ann, whom the owner trusts, like Bob. */
const signed = (
  sequence: number,
  version: string,
  seal: Partial<Seal> = {},
  change: Partial<Firmware> = {},
) =>
  aFirmware({
    id: `s${sequence}`,
    version,
    manifest: 'signed',
    createdAt: NOW - HOUR + sequence,
    seal: {
      signer: ANN,
      alias: 'ann',
      sequence,
      expiresAt: NOW + HOUR,
      rollback: false,
      isTrusted: true,
      overtaken: [],
      trusted: new Set([ANN, BOB]),
      ...seal,
    },
    ...change,
  });

const everywhere = [{ owner: OWNER, platform: 'arduino', udid: undefined, tags: [], chip: undefined }];
const there = [
  { ...everywhere[0], owner: OWNER, udid: OTHER_UDID, platform: undefined, tags: [], chip: undefined },
];
const unsigned = (version: string, createdAt = NOW - HOUR) => aFirmware({ version, createdAt });

describe('decideUpdate: signed firmware', () => {
  decisions([
    ['newer', auto(), [signed(1, '1.1.0')], 'offer s1 auto'],
    ['by a key that is not trusted', auto(), [signed(1, '1.1.0', { isTrusted: false })], 'signer_untrusted'],
    [
      'with a manifest that nobody could read',
      auto(),
      [{ ...signed(1, '1.1.0'), seal: undefined }],
      'signer_untrusted',
    ],
    ['expired in this very moment', auto(), [signed(1, '1.1.0', { expiresAt: NOW })], 'manifest_expired'],
    [
      'not expired for a millisecond more',
      auto(),
      [signed(1, '1.1.0', { expiresAt: NOW + 1 })],
      'offer s1 auto',
    ],
    [
      'of two the higher sequence, not the higher version',
      auto(),
      [signed(2, '1.1.0'), signed(1, '1.2.0')],
      'offer s2 auto',
    ],
    [
      'a higher sequence by a key that is not trusted: the other',
      auto(),
      [signed(2, '1.2.0', { isTrusted: false }), signed(1, '1.1.0')],
      'offer s1 auto',
    ],
    [
      'lower than what it has run',
      auto({ signer: ANN, sequence: 8 }),
      [signed(7, '1.1.0')],
      'sequence_lower',
    ],
    ['the same as it has run', auto({ signer: BOB, sequence: 7 }), [signed(7, '1.1.0')], 'offer s7 auto'],
    [
      'lower, but by a key that nobody trusts now',
      auto({ signer: 'gone', sequence: 8 }),
      [signed(7, '1.1.0')],
      'offer s7 auto',
    ],
    [
      'overtaken for devices like this',
      auto(),
      [signed(7, '1.1.0', { overtaken: everywhere })],
      'sequence_lower',
    ],
    ['overtaken for another device', auto(), [signed(7, '1.1.0', { overtaken: there })], 'offer s7 auto'],
    ['older than what it runs', auto({ version: '2.0.0' }), [signed(9, '1.1.0')], 'device_newer'],
    [
      'older, as a rollback',
      auto({ version: '2.0.0' }),
      [signed(9, '1.1.0', { rollback: true })],
      'offer s9 auto',
    ],
    [
      'a rollback to what it runs',
      auto({ version: '1.1.0' }),
      [signed(9, '1.1.0', { rollback: true })],
      'already_newest',
    ],
    [
      'after a rollback what was newer before it is no news',
      auto({ version: '1.1.0', signer: ANN, sequence: 9 }),
      [signed(9, '1.1.0', { rollback: true }), signed(8, '1.2.0')],
      'already_newest',
    ],
    [
      'what would be newer and has expired is told of',
      auto({ version: '1.1.0' }),
      [signed(1, '1.1.0'), signed(2, '1.2.0', { expiresAt: NOW - 1 })],
      'manifest_expired',
    ],
    ['asks where auto update is off', auto({ autoUpdate: false }), [signed(1, '1.1.0')], 'ask s1'],
    ['stored and not released', auto(), [signed(1, '1.1.0', {}, { rollout: 'none' })], 'not_released'],
  ]);

  describe('on its way by a rollout', () => {
    const staging: Staging = {
      rollout: 'r',
      state: 'running',
      stage: 1,
      of: 2,
      window: undefined,
      approval: 'none',
      consented: false,
      attempts: 3,
    };
    const staged = (seal: Partial<Seal>) => signed(2, '1.2.0', seal, { rollout: 'none', staging });
    const grant = { rollout: 'r', firmware: 's2', stage: 0, at: NOW, installedAt: undefined, returns: 0 };
    decisions([
      ['goes to whose turn it is', auto({ grant }), [signed(1, '1.1.0'), staged({})], 'offer s2 auto'],
      [
        'leaves the others what they have',
        auto({ version: '1.1.0' }),
        [signed(1, '1.1.0'), staged({})],
        'waiting_for_stage',
      ],
      [
        'is nothing to wait for if it must not be handed out',
        auto({ version: '1.1.0' }),
        [signed(1, '1.1.0'), staged({ isTrusted: false })],
        'already_newest',
      ],
      [
        'does not reach whose turn it is either, then',
        auto({ grant, version: '1.1.0' }),
        [signed(1, '1.1.0'), staged({ isTrusted: false })],
        'signer_untrusted',
      ],
    ]);
  });

  describe('beside unsigned firmware', () => {
    decisions([
      [
        'the newer version, which is unsigned',
        auto(),
        [signed(1, '1.1.0'), unsigned('1.2.0')],
        'offer fw-1.2.0 auto',
      ],
      [
        'the newer version, which is signed',
        auto(),
        [signed(1, '1.2.0'), unsigned('1.1.0')],
        'offer s1 auto',
      ],
      [
        'a rollback, and not what was published before it',
        auto(),
        [signed(1, '1.1.0', { rollback: true }), unsigned('1.2.0', NOW - 2 * HOUR)],
        'offer s1 auto',
      ],
      [
        'what was published after a rollback',
        auto(),
        [signed(1, '1.1.0', { rollback: true }), unsigned('1.2.0', NOW)],
        'offer fw-1.2.0 auto',
      ],
    ]);

    it('does not depend on the order of the list', () => {
      const all = [
        signed(3, '1.1.0', { rollback: true }),
        signed(2, '1.4.0'),
        unsigned('1.3.0', NOW - 2 * HOUR),
        unsigned('1.2.0', NOW),
      ];
      const orders = all.map((_, n) => [...all.slice(n), ...all.slice(0, n)]);
      for (const list of orders.concat(orders.map((list) => list.toReversed())))
        expect(brief(decide(auto(), ...list))).to.equal('offer fw-1.2.0 auto');
    });
  });

  describe('where signatures are required', () => {
    const strict = (device: Parameters<typeof auto>[0], ...all: Firmware[]) =>
      decideUpdate(auto(device), all, NOW, { maxAttempts: 3, retryMs: 60_000, requireSignature: true });

    it('unsigned firmware is offered to nobody, and an order for it is not carried out', () => {
      expect(brief(strict({}, unsigned('1.1.0')))).to.equal('unsigned');
      expect(brief(strict({}, unsigned('1.2.0'), signed(1, '1.1.0')))).to.equal('offer s1 auto');
      expect(brief(strict({ version: '1.1.0' }, unsigned('1.2.0'), signed(1, '1.1.0')))).to.equal('unsigned');
    });
  });

  it('an order is not carried out past what forbids it, forced or not', () => {
    const update = (consent: Consent) => ({
      ...ordered({ id: 's7', version: '1.1.0', size: 1 }, '1.0.0', false, NOW),
      consent,
    });
    for (const consent of ['ordered', 'forced', 'requested'] as const) {
      const device = auto({ update: update(consent), signer: ANN, sequence: 8 });
      expect(brief(decide(device, signed(7, '1.1.0'))), consent).to.equal('sequence_lower');
      expect(brief(decide({ ...device, sequence: 7 }, signed(7, '1.1.0'))), consent).to.equal(
        `offer s7 ${consent}`,
      );
      const untrusted = signed(7, '1.1.0', { isTrusted: false });
      expect(brief(decide({ ...device, sequence: 7 }, untrusted)), consent).to.equal('signer_untrusted');
    }
  });

  it('says why in a sentence', () => {
    const sentence = (device: ReturnType<typeof auto>, firmware: Firmware) =>
      explain(device, decide(device, firmware), true).sentence;
    expect(sentence(auto(), signed(1, '1.1.0', { isTrusted: false }))).to.equal(
      `Firmware 1.1.0 is signed with the key ${ANN}, which you do not trust.`,
    );
    expect(sentence(auto(), signed(1, '1.1.0', { expiresAt: NOW }))).to.equal(
      'What you signed about 1.1.0 expired at 2025-06-15 15:06 UTC; sign it anew.',
    );
    expect(sentence(auto({ signer: ANN, sequence: 8 }), signed(7, '1.1.0'))).to.equal(
      'Firmware 1.1.0 has the sequence 7, and it has run 8; sign a rollback to go back.',
    );
    expect(sentence(auto(), signed(7, '1.1.0', { overtaken: everywhere }))).to.equal(
      'Firmware 1.1.0 has the sequence 7, and a higher one has been released; sign a rollback to go back.',
    );
  });

  it('is for the device it names, whatever others are for', () => {
    const own = signed(5, '1.1.0', {}, { udid: UDID });
    expect(brief(decide(auto(), own, signed(4, '1.2.0')))).to.equal('offer s5 auto');
  });
});
