import type { Device } from '../../core/device.js';
import type { Firmware } from '../../core/firmware.js';
import type { Grant, Staging } from '../../core/rollouts/rollout.js';
import { aFirmware, HOUR, NOW } from '../support/builders.js';
import { auto, decisions } from '../support/decisions.js';

const staging: Staging = {
  rollout: 'r1',
  state: 'running',
  stage: 1,
  of: 3,
  window: undefined,
  approval: 'none',
  consented: false,
  attempts: 2,
};
/** Version 1.1.0, rolled out. */
const staged = (change: Partial<Staging> = {}, rest: Partial<Firmware> = {}): Firmware =>
  aFirmware({ version: '1.1.0', rollout: 'none', staging: { ...staging, ...change }, ...rest });
const grant: Grant = {
  rollout: 'r1',
  firmware: 'fw-1.1.0',
  stage: 0,
  at: NOW - HOUR,
  installedAt: undefined,
  returns: 0,
};
const inside = (change: Partial<Device> = {}): Device => auto({ grant, ...change });
const older = aFirmware({ version: '1.0.5' });
const hour = new Date(NOW).getUTCHours();
const two = (at: number): string => String(at % 24).padStart(2, '0');
const closed = { days: [], from: `${two(hour + 2)}:00`, to: `${two(hour + 3)}:00`, timeZone: 'UTC' };

describe('decideUpdate: a device and the rollout of its firmware', () => {
  decisions([
    ['let in', inside(), [staged()], 'offer fw-1.1.0 auto'],
    ['not let in', auto(), [staged()], 'waiting_for_stage'],
    ['not let in, and something older is for all', auto(), [staged(), older], 'offer fw-1.0.5 auto'],
    ['let in by another rollout of it', inside(), [staged({ rollout: 'r2' })], 'waiting_for_stage'],
    ['let in, auto update off', inside({ autoUpdate: false }), [staged()], 'ask fw-1.1.0'],
    [
      'let in, auto update off, the owner approved the rollout',
      inside({ autoUpdate: false }),
      [staged({ approval: 'once', consented: true })],
      'offer fw-1.1.0 approved',
    ],
    ['let in, each device is to be asked for', inside(), [staged({ approval: 'device' })], 'ask fw-1.1.0'],
    ['paused', inside(), [staged({ state: 'paused' })], 'rollout_paused'],
    ['paused, not let in', auto(), [staged({ state: 'paused' })], 'waiting_for_stage'],
    ['done, to some only', inside(), [staged({ state: 'done' })], 'offer fw-1.1.0 auto'],
    ['done, to some only, and this is none of them', auto(), [staged({ state: 'done' })], 'not_released'],
  ]);
  for (const state of ['halted', 'aborted'] as const)
    decisions([
      [`${state}, let in`, inside(), [staged({ state })], 'rollout_halted'],
      [`${state}, not let in`, auto(), [staged({ state })], 'not_released'],
      [
        `${state}, let in: what is for all is not kept from it`,
        inside(),
        [staged({ state }), older],
        'offer fw-1.0.5 auto',
      ],
      [
        `${state}, let in, runs it already`,
        inside({ version: '1.1.0' }),
        [staged({ state })],
        'not_released',
      ],
      [
        `${state}, then published to all at once`,
        auto(),
        [staged({ state }, { rollout: 'all-at-once' })],
        'offer fw-1.1.0 auto',
      ],
    ]);
  decisions([
    [
      'done and for all, each device is still to be asked for',
      auto(),
      [staged({ state: 'done', approval: 'device' }, { rollout: 'all-at-once' })],
      'ask fw-1.1.0',
    ],
    [
      'set aside',
      inside({ quarantine: { at: NOW - HOUR, reason: 'gave up', firmware: 'fw-1.1.0' } }),
      [staged()],
      'quarantined',
    ],
    ['outside its window', inside(), [staged({ window: closed })], 'window_closed'],
  ]);
});
