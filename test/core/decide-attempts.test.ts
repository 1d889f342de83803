import { expect } from 'chai';
import { decideUpdate, type OfferPolicy } from '../../core/decide.js';
import type { Device } from '../../core/device.js';
import type { Update } from '../../core/update.js';
import * as arrows from '../../core/update.js';
import { aDevice, aFirmware, HOUR, MINUTE, NOW } from '../support/builders.js';

const POLICY: OfferPolicy = { maxAttempts: 3, requireSignature: false, retryMs: 10 * MINUTE };
const v11 = aFirmware({ version: '1.1.0' });
const v12 = aFirmware({ version: '1.2.0' });
const decide = (device: Device, now: number, all = [v11]) => decideUpdate(device, all, now, POLICY);
const auto = (change: Partial<Device>) => aDevice({ autoUpdate: true, ...change });

/** How one download may end, as seen by the server. */
const ENDS: Record<string, (update: Update, now: number) => Update> = {
  'complete, back with the old version': arrows.downloaded,
  'complete at a connection that broke': arrows.handedOver,
  'a failure is reported': (update, now) => arrows.attemptFailed(update, 'Wrong MD5', now),
  'complete, then a failure is reported': (update, now) =>
    arrows.attemptFailed(arrows.downloaded(update, now), 'Wrong MD5', now),
};

/** Plays a device that asks every minute for two days and takes every offer. Returns the times of the offers. */
function offersTo(device: Device, end: (update: Update, now: number) => Update): number[] {
  const times: number[] = [];
  let current = device;
  for (let now = NOW; now < NOW + 48 * HOUR; now += MINUTE) {
    const decision = decide(current, now);
    if (decision.kind !== 'offer') continue;
    times.push(now);
    const offered = arrows.offered(
      current.update,
      decision.firmware,
      current.version,
      decision.consent,
      't',
      now,
    );
    current = { ...current, update: end(arrows.downloading(offered, now), now) };
  }
  return times;
}

describe('decideUpdate: no endless flashing (wire.md 3)', () => {
  const orders = { update: arrows.ordered(v11, '1.0.0', true, NOW) };
  const approval = { update: arrows.approved(arrows.asked(undefined, v11, '1.0.0', NOW), 'approved', NOW) };
  for (const [who, device] of [
    ['auto update on', auto({})],
    ['approved', aDevice(approval)],
    ['forced', aDevice(orders)],
  ] as const) {
    for (const [name, end] of Object.entries(ENDS)) {
      it(`${who}; ${name}: offered maxAttempts times and no more`, () => {
        expect(offersTo(device, end)).to.have.length(POLICY.maxAttempts);
      });
    }

    it(`${who}; after a complete transfer not again to a device that reports no version`, () => {
      for (const end of [arrows.downloaded, arrows.handedOver])
        expect(offersTo({ ...device, version: undefined }, end)).to.have.length(1);
    });
  }

  it('the pauses grow', () => {
    const [first = 0, second = 0, third = 0] = offersTo(auto({}), arrows.downloaded);
    expect(second - first).to.be.at.least(POLICY.retryMs);
    expect(third - second).to.be.above(second - first);
  });

  const offered = arrows.offered(undefined, v11, '1.0.0', 'auto', 't', NOW);
  const once = arrows.downloaded(offered, NOW);
  const thrice = arrows.downloaded(arrows.downloaded(once, NOW), NOW);

  it('tells until when it pauses, and goes on at that very time', () => {
    const device = auto({ update: once });
    const until = NOW + POLICY.retryMs;
    expect(decide(device, until - 1)).to.include({ reason: 'retry_pause', until, firmware: v11 });
    expect(decide(device, until).kind).to.equal('offer');
  });

  for (const [name, device, reason] of [
    ['complete, no version reported', auto({ version: undefined, update: once }), 'unverified'],
    ['a moment after an attempt', auto({ update: once }), 'retry_pause'],
    ['all attempts used', auto({ update: thrice }), 'attempts_used_up'],
    [
      'all attempts used, no consent either: the owner is not asked again',
      aDevice({ update: thrice }),
      'attempts_used_up',
    ],
  ] as const) {
    it(`${name}: ${reason}`, () => expect(decide(device, NOW + 1)).to.include({ kind: 'none', reason }));
  }

  it('does not pause until a clock that was set back is there again', () => {
    const offered = arrows.offered(undefined, v11, '1.0.0', 'auto', 't', NOW);
    const failed = auto({ update: arrows.attemptFailed(arrows.downloading(offered, NOW), 'Wrong MD5', NOW) });
    for (const [now, kind] of [
      [NOW - MINUTE, 'none'],
      [NOW - 10 * MINUTE + 1, 'none'],
      [NOW - 10 * MINUTE, 'offer'],
      [NOW - 24 * HOUR, 'offer'],
    ] as const)
      expect(decide(failed, now).kind, `${now - NOW}`).to.equal(kind);
  });

  it('an offer that was never downloaded is no attempt', () => {
    expect(decide(auto({ update: offered }), NOW + 1).kind).to.equal('offer');
    expect(decide(auto({ version: undefined, update: offered }), NOW + 1).kind).to.equal('offer');
  });

  it("an order of the owner's begins to count anew", () => {
    const device = auto({ update: arrows.ordered(v11, '1.0.0', false, NOW) });
    expect(decide({ ...device, update: thrice }, NOW + 48 * HOUR).kind).to.equal('none');
    expect(decide(device, NOW + 48 * HOUR).kind).to.equal('offer');
  });

  const spentOrder: Update = { ...thrice, consent: 'forced' };
  for (const [name, device] of [
    ['attempts of an older version are used up', auto({ update: thrice })],
    ['a pause of an older version runs', auto({ update: once })],
    ['an older version stays unverified', auto({ version: undefined, update: once })],
    ['an older version that had been ordered is used up', auto({ update: spentOrder })],
    [
      'an older version that had been ordered stays unverified',
      auto({ version: undefined, update: { ...once, consent: 'forced' } }),
    ],
  ] as const) {
    it(`newer firmware is offered although ${name}`, () => {
      expect(decide(device, NOW + 1, [v11, v12])).to.include({
        kind: 'offer',
        firmware: v12,
        consent: 'auto',
      });
    });
  }
});
