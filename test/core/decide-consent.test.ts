import { expect } from 'chai';
import type { Device } from '../../core/device.js';
import { approved, asked, declined, installed, offered, ordered, postponed } from '../../core/update.js';
import { aDevice, aFirmware, HOUR, NOW, OTHER_OWNER } from '../support/builders.js';
import { auto, decide, decisions } from '../support/decisions.js';

const v11 = aFirmware({ version: '1.1.0' });
const v12 = aFirmware({ version: '1.2.0' });

describe('decideUpdate: consent (wire.md 3 and 5)', () => {
  const question = asked(undefined, v11, '1.0.0', NOW - HOUR);
  const yes = approved(question, 'approved', NOW);
  decisions([
    ['auto update on', auto(), [v11], 'offer fw-1.1.0 auto'],
    ['auto update off', aDevice(), [v11], 'ask fw-1.1.0'],
    ['asked, no answer yet', aDevice({ update: question }), [v11], 'ask fw-1.1.0'],
    ['approved', aDevice({ update: yes }), [v11], 'offer fw-1.1.0 approved'],
    [
      'approved, offered, not taken yet',
      aDevice({ update: offered(yes, v11, '1.0.0', 'approved', 't', NOW) }),
      [v11],
      'offer fw-1.1.0 approved',
    ],
    ['approved, but newer firmware has come', aDevice({ update: yes }), [v11, v12], 'ask fw-1.2.0'],
    [
      'approved, although not released',
      aDevice({ update: yes }),
      [{ ...v11, rollout: 'none' }],
      'offer fw-1.1.0 approved',
    ],
    [
      'offered by auto update, which was then turned off',
      aDevice({ update: offered(undefined, v11, '1.0.0', 'auto', 't', NOW) }),
      [v11],
      'ask fw-1.1.0',
    ],
    ['declined', aDevice({ declined: ['1.1.0'], update: declined(question, NOW) }), [v11], 'declined'],
    ['declined, auto update on', auto({ declined: ['1.1.0'] }), [v11], 'declined'],
    ['declined, but newer firmware has come', aDevice({ declined: ['1.1.0'] }), [v11, v12], 'ask fw-1.2.0'],
    [
      'declined, the version now written otherwise',
      auto({ declined: ['1.1.0'] }),
      [aFirmware({ version: 'v1.1' })],
      'declined',
    ],
    ['"later", not yet', aDevice({ update: postponed(question, NOW + 1) }), [v11], 'postponed'],
    ['"later", now', aDevice({ update: postponed(question, NOW) }), [v11], 'ask fw-1.1.0'],
    [
      '"later", but newer firmware has come',
      aDevice({ update: postponed(question, NOW + HOUR) }),
      [v11, v12],
      'ask fw-1.2.0',
    ],
    [
      '"later", then auto update on',
      auto({ update: postponed(question, NOW + HOUR) }),
      [v11],
      'offer fw-1.1.0 auto',
    ],
  ]);

  it('asks again if it was postponed by a clock that was years ahead', () => {
    const year = 8760 * HOUR;
    for (const [until, kind] of [
      [NOW + year, 'none'],
      [NOW + year + 1, 'ask'],
      [NOW + 10 * year, 'ask'],
    ] as const)
      expect(decide(aDevice({ update: postponed(question, until) }), v11).kind).to.equal(kind);
  });

  it('tells until when a question is postponed', () => {
    const device = aDevice({ update: postponed(question, NOW + HOUR) });
    expect(decide(device, v11)).to.include({ reason: 'postponed', until: NOW + HOUR });
  });
});

describe("decideUpdate: the owner's orders (issue 2, 7)", () => {
  const order = (forced: boolean, firmware = v11, change: Partial<Device> = {}) =>
    aDevice({ update: ordered(firmware, '1.0.0', forced, NOW), ...change });
  const older = aFirmware({ version: '0.9.0' });
  const otherChip = aFirmware({ platform: 'arduino', chip: 'esp32' });
  decisions([
    ['ordered: consent although auto update is off', order(false), [v11], 'offer fw-1.1.0 ordered'],
    ['ordered, although not released', order(false), [{ ...v11, rollout: 'none' }], 'offer fw-1.1.0 ordered'],
    [
      'ordered, although declined before',
      order(false, v11, { declined: ['1.1.0'] }),
      [v11],
      'offer fw-1.1.0 ordered',
    ],
    ['ordered, although there is newer', order(false), [v11, v12], 'offer fw-1.1.0 ordered'],
    ['ordered, but the device runs it', order(false, v11, { version: '1.1.0' }), [v11], 'already_newest'],
    ['ordered, but the device is newer', order(false, v11, { version: '2.0.0' }), [v11], 'device_newer'],
    ['forced past version order', order(true, older), [older, v11], 'offer fw-0.9.0 forced'],
    ['forced to what it runs', order(true, v11, { version: '1.1.0' }), [v11], 'offer fw-1.1.0 forced'],
    ['forced to an image of another chip', order(true, otherChip), [otherChip], 'other_chip'],
    ['ordered an image of another chip', order(false, otherChip), [otherChip], 'other_chip'],
    [
      'forced, installed: done',
      aDevice({ version: '0.9.0', update: installed(ordered(older, '1.0.0', true, NOW), NOW) }),
      [older],
      'already_newest',
    ],
    ['ordered firmware withdrawn', order(true), [v12], 'ask fw-1.2.0'],
    ["ordered firmware is another owner's", order(true), [{ ...v11, owner: OTHER_OWNER }], 'no_firmware'],
    [
      "an order the device has met by other means stands in nobody's way",
      order(false, v11, { version: '1.1.0', autoUpdate: true }),
      [v11, v12],
      'offer fw-1.2.0 auto',
    ],
  ]);
});
