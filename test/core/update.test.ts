import { expect } from 'chai';
import * as arrows from '../../core/update.js';
import { isOpenQuestion, type Update, type UpdateState } from '../../core/update.js';
import { aFirmware, HOUR, MINUTE, NOW } from '../support/builders.js';

const firmware = aFirmware();
const newer = aFirmware({ version: '1.2.0' });
const asked = arrows.asked(undefined, firmware, '1.0.0', NOW);
const offered = arrows.offered(undefined, firmware, '1.0.0', 'auto', 'token', NOW);
const downloading = arrows.downloading(offered, NOW + MINUTE);
const downloaded = arrows.downloaded(downloading, NOW + 2 * MINUTE);

describe('the life of an update', () => {
  const reached: [UpdateState, Update][] = [
    ['offered', offered],
    ['asked', asked],
    ['approved', arrows.approved(asked, 'approved', NOW)],
    ['approved', arrows.ordered(firmware, '1.0.0', false, NOW)],
    ['declined', arrows.declined(asked, NOW)],
    ['downloading', downloading],
    ['downloaded', downloaded],
    ['installed', arrows.installed(downloaded, NOW)],
    ['failed', arrows.attemptFailed(downloading, 'Wrong MD5', NOW)],
    ['failed', arrows.gaveUp(downloaded, 'Wrong MD5', NOW)],
    ['withdrawn', arrows.withdrawn(offered, NOW)],
  ];
  for (const [state, update] of reached) {
    it(`reaches "${state}" and still says which firmware and from what version`, () => {
      expect(update).to.include({
        state,
        firmware: firmware.id,
        version: '1.1.0',
        size: 300_000,
        from: '1.0.0',
      });
    });
  }

  it('tells since when it is in its state; entering the same state again does not change that', () => {
    expect(downloading.since).to.equal(NOW + MINUTE);
    expect(arrows.downloading(downloading, NOW + HOUR).since).to.equal(NOW + MINUTE);
    expect(arrows.asked(asked, firmware, '1.0.0', NOW + HOUR).since).to.equal(NOW);
  });

  it('begins anew with another firmware', () => {
    const tried = arrows.attemptFailed(downloaded, 'Wrong MD5', NOW);
    const next = arrows.offered(tried, newer, '1.0.0', 'auto', 'token 2', NOW + HOUR);
    expect(next).to.include({ firmware: newer.id, version: '1.2.0', attempts: 0, proven: false });
    expect(next.error).to.equal(undefined);
    expect(next.attemptEndedAt).to.equal(undefined);
  });

  it('goes on with the same firmware: attempts and proof stay', () => {
    const next = arrows.offered(downloaded, firmware, '1.0.0', 'auto', 'token 2', NOW + HOUR);
    expect(next).to.include({ state: 'offered', token: 'token 2', attempts: 1, proven: true });
  });

  it("an order of the owner's counts anew even for the same firmware", () => {
    const order = arrows.ordered(firmware, '1.0.0', true, NOW);
    expect(order).to.include({ state: 'approved', consent: 'forced', attempts: 0, proven: false });
    expect(arrows.ordered(firmware, '1.0.0', false, NOW).consent).to.equal('ordered');
  });

  it('changes nothing in what it was given', () => {
    const frozen = Object.freeze({ ...offered });
    for (const step of [
      arrows.downloading,
      arrows.downloaded,
      arrows.installed,
      (update: Update, now: number) => arrows.approved(update, 'approved', now),
      arrows.withdrawn,
    ])
      expect(() => step(frozen, NOW)).to.not.throw();
  });
});

describe('consent in the life of an update (wire.md 3)', () => {
  it('is taken back when the owner is asked, says no, or the firmware is withdrawn', () => {
    const approved = arrows.approved(asked, 'approved', NOW);
    expect(approved.consent).to.equal('approved');
    expect(arrows.asked(approved, firmware, '1.0.0', NOW).consent).to.equal(undefined);
    expect(arrows.declined(approved, NOW).consent).to.equal(undefined);
    expect(arrows.withdrawn(approved, NOW).consent).to.equal(undefined);
  });

  it('is not passed on to another firmware', () => {
    const approved = arrows.approved(asked, 'approved', NOW);
    expect(arrows.asked(approved, newer, '1.0.0', NOW)).to.include({
      consent: undefined,
      firmware: newer.id,
    });
  });

  for (const [name, update, open] of [
    ['asked', asked, true],
    ['asked, to be asked again later', arrows.postponed(asked, NOW + HOUR), false],
    ['asked again', arrows.asked(arrows.postponed(asked, NOW + HOUR), firmware, '1.0.0', NOW + HOUR), true],
    ['approved', arrows.approved(asked, 'approved', NOW), false],
    ['approved after "later"', arrows.approved(arrows.postponed(asked, NOW + HOUR), 'approved', NOW), false],
    ['declined', arrows.declined(asked, NOW), false],
    ['offered', offered, false],
    ['nothing', undefined, false],
  ] as const) {
    it(`${name}: ${open ? 'a question is open' : 'no question is open'}`, () => {
      expect(isOpenQuestion(update)).to.equal(open);
    });
  }
});

describe('attempts (wire.md 3, no endless flashing)', () => {
  it('a complete transfer is one, and is the proof that an installation needs', () => {
    expect(downloading).to.include({ attempts: 0, proven: false });
    expect(downloaded).to.include({ attempts: 1, proven: true, attemptEndedAt: NOW + 2 * MINUTE });
  });

  it("a failure that the device reports is one, and its updater's text is kept", () => {
    const failed = arrows.attemptFailed(downloading, 'Not Enough space', NOW + 3 * MINUTE);
    expect(failed).to.include({ attempts: 1, error: 'Not Enough space', attemptEndedAt: NOW + 3 * MINUTE });
    expect(failed.proven).to.equal(false);
  });

  it('a complete transfer and the failure reported after it are one attempt, not two', () => {
    expect(arrows.attemptFailed(downloaded, 'Wrong MD5', NOW + 3 * MINUTE).attempts).to.equal(1);
  });

  it('bytes handed over on a connection that broke at its end count too: the device may lack them every time', () => {
    const once = arrows.handedOver(downloading);
    expect(once.proven).to.equal(true);
    expect(once.attempts).to.equal(1);
  });

  it('an error before any download is shown and not counted', () => {
    expect(arrows.errorNoted(offered, 'File Not Found (404)')).to.include({
      state: 'offered',
      error: 'File Not Found (404)',
      attempts: 0,
    });
  });

  it('an installation clears the error and the token', () => {
    const update = arrows.installed(arrows.errorNoted(downloaded, 'Wrong MD5'), NOW + HOUR);
    expect(update.error).to.equal(undefined);
    expect(update.token).to.equal(undefined);
  });
});

describe('an offer taken back (wire.md 3, Cancel)', () => {
  const withdrawn = arrows.withdrawn(offered, NOW);

  it('is owed to the device if it had been told, and only then', () => {
    expect(withdrawn).to.include({ cancelOwed: true, token: undefined });
    expect(arrows.withdrawn(asked, NOW).cancelOwed).to.equal(false);
    expect(arrows.asked(offered, firmware, '1.0.0', NOW).cancelOwed).to.equal(true);
  });

  it('is owed until the device was told so, or was offered something else', () => {
    expect(arrows.cancelTold(withdrawn).cancelOwed).to.equal(false);
    expect(arrows.offered(withdrawn, newer, '1.0.0', 'auto', 'token 2', NOW).cancelOwed).to.equal(false);
  });

  for (const [name, later] of [
    [
      'the owner is asked a second time',
      arrows.asked(arrows.asked(offered, firmware, '1.0.0', NOW), firmware, '1.0.0', NOW),
    ],
    ['the owner is asked about newer firmware', arrows.asked(withdrawn, newer, '1.0.0', NOW)],
    ['it is withdrawn twice', arrows.withdrawn(withdrawn, NOW)],
    [
      'the owner declines what he was asked',
      arrows.declined(arrows.asked(offered, firmware, '1.0.0', NOW), NOW),
    ],
  ] as const) {
    it(`is still owed when ${name}`, () => expect(later.cancelOwed).to.equal(true));
  }

  it('follows when the owner declines what had been offered on his approval', () => {
    const update = arrows.offered(
      arrows.approved(asked, 'approved', NOW),
      firmware,
      '1.0.0',
      'approved',
      'token',
      NOW,
    );
    expect(arrows.declined(update, NOW)).to.include({ cancelOwed: true, token: undefined });
  });
});
