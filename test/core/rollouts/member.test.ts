import { expect } from 'chai';
import type { Device } from '../../../core/device.js';
import { type Standing, standingOf } from '../../../core/rollouts/member.js';
import type { RolloutPlan } from '../../../core/rollouts/plan.js';
import type { Grant } from '../../../core/rollouts/rollout.js';
import * as arrows from '../../../core/update.js';
import { aDevice, aFirmware, HOUR, MINUTE, NOW } from '../../support/builders.js';
import { aGrant, aPlan } from '../../support/staged-rollout.js';

const plan = aPlan();
const v11 = aFirmware({ version: '1.1.0' });
const v12 = aFirmware({ version: '1.2.0' });
const v10 = aFirmware({ version: '1.0.0' });
const DAY = 24 * HOUR;
/** Usually silent for 5 minutes: suspicious after 20. Comes back twice a day. */
const rhythm = { silence: 5 * MINUTE, between: 12 * HOUR, returnedAt: NOW - HOUR };

interface Case {
  readonly name: string;
  readonly device: Partial<Device>;
  readonly grant?: Partial<Grant>;
  readonly plan?: Partial<RolloutPlan>;
  readonly isOnline?: boolean;
  /** For each time after `NOW`: `state`, `state reason`, and `!` if it is suspect. */
  readonly stands: readonly [ms: number, expected: string][];
}

const brief = ({ state, reason, isSuspect }: Standing): string =>
  `${[state, reason].filter(Boolean).join(' ')}${isSuspect ? '!' : ''}`;

function table(title: string, cases: readonly Case[]): void {
  describe(`a device in a rollout, ${title}`, () => {
    for (const { name, device, grant, plan: change, isOnline = false, stands } of cases)
      for (const [ms, expected] of stands)
        it(`${name}, after ${ms / MINUTE} min: ${expected}`, () => {
          const standing = standingOf(
            aDevice({ rhythm, ...device }),
            aGrant(grant),
            '1.1.0',
            { ...plan, ...change },
            { now: NOW + ms, isOnline: () => isOnline, usualOf: () => 15 * MINUTE },
          );
          expect(brief(standing)).to.equal(expected);
        });
  });
}

const asked = arrows.asked(undefined, v11, '1.0.0', NOW);
const told = arrows.offered(undefined, v11, '1.0.0', 'auto', 't', NOW);
const loading = arrows.downloading(told, NOW);
const taken = arrows.downloaded(loading, NOW);
const has = arrows.installed(taken, NOW);

table('that has not been told', [
  {
    name: 'never seen since',
    device: {},
    stands: [
      [0, 'pending'],
      [DAY - 1, 'pending'],
      [DAY, 'excused never_online'],
    ],
  },
  {
    name: 'seen, and there is something in the way',
    device: { lastSeen: NOW + HOUR },
    stands: [
      [2 * HOUR, 'pending'],
      [DAY, 'excused not_concerned'],
    ],
  },
  {
    name: 'connected all the time, and there is something in the way',
    device: {},
    isOnline: true,
    stands: [[DAY, 'excused not_concerned']],
  },
  {
    name: 'it has another update',
    device: { update: arrows.offered(undefined, v12, '1.0.0', 'auto', 't', NOW) },
    stands: [
      [0, 'pending'],
      [DAY, 'excused never_online'],
    ],
  },
  {
    name: 'its owner said yes, and it has not been there since',
    device: { update: arrows.approved(asked, 'approved', NOW) },
    stands: [
      [0, 'pending'],
      [DAY, 'excused never_online'],
    ],
  },
]);

table('whose owner is asked', [
  {
    name: 'no answer',
    device: { update: asked, lastSeen: NOW + HOUR },
    stands: [
      [0, 'pending'],
      [DAY - 1, 'pending'],
      [DAY, 'excused asked'],
    ],
  },
  {
    name: 'later',
    device: { update: arrows.postponed(asked, NOW + HOUR) },
    stands: [
      [0, 'excused postponed'],
      [2 * DAY, 'excused postponed'],
    ],
  },
  { name: 'no', device: { update: arrows.declined(asked, NOW) }, stands: [[DAY, 'excused declined']] },
  {
    name: 'taken back',
    device: { update: arrows.withdrawn(told, NOW) },
    stands: [[DAY, 'excused withdrawn']],
  },
]);

table('that was told: silence is failure at the deadline', [
  {
    name: 'told',
    device: { update: told },
    stands: [
      [DAY - 1, 'pending'],
      [DAY, 'failed silent'],
    ],
  },
  {
    name: 'told long after it was let in',
    device: { update: { ...told, since: NOW + 20 * HOUR } },
    stands: [
      [DAY + HOUR, 'pending'],
      [DAY + 20 * HOUR, 'failed silent'],
    ],
  },
  {
    name: 'downloading',
    device: { update: loading },
    stands: [
      [DAY - 1, 'pending'],
      [DAY, 'failed silent'],
    ],
  },
  {
    name: 'connected, and does not take it',
    device: { update: told },
    isOnline: true,
    stands: [[DAY, 'failed silent']],
  },
  {
    name: 'another deadline',
    device: { update: told },
    plan: { deadlineMs: MINUTE / 2 },
    stands: [
      [MINUTE / 2 - 1, 'pending'],
      [MINUTE / 2, 'failed silent'],
    ],
  },
]);

const failedOnce = arrows.attemptFailed(loading, 'Wrong MD5', NOW + HOUR);
const failedThrice = [1, 2].reduce(
  (update, hour) =>
    arrows.attemptFailed(
      arrows.downloading(arrows.offered(update, v11, '1.0.0', 'auto', 't', NOW), NOW),
      'again',
      NOW + hour * HOUR,
    ),
  failedOnce,
);

table('that reported a failure', [
  {
    name: 'tries are left',
    device: { update: failedOnce },
    stands: [
      [HOUR, 'pending'],
      [DAY + HOUR - 1, 'pending'],
      [DAY + HOUR, 'failed silent!'],
    ],
  },
  { name: 'no tries are left', device: { update: failedThrice }, stands: [[2 * HOUR, 'failed gave_up!']] },
  {
    name: 'no retries are planned',
    device: { update: failedOnce },
    plan: { retries: 0 },
    stands: [[HOUR, 'failed gave_up!']],
  },
  {
    name: 'set aside',
    device: { update: loading, quarantine: { at: NOW, firmware: 'fw-1.1.0', reason: 'it loops' } },
    stands: [[0, 'failed quarantined']],
  },
  {
    name: 'set aside, and had it',
    device: {
      version: '1.1.0',
      update: has,
      quarantine: { at: NOW, firmware: 'fw-1.1.0', reason: 'it loops' },
    },
    grant: { installedAt: NOW },
    stands: [[3 * HOUR, 'failed quarantined']],
  },
]);

table('that took it and has not come back with it', [
  {
    name: 'the usual 5 minutes, four times',
    device: { update: taken },
    stands: [
      [20 * MINUTE - 1, 'away'],
      [20 * MINUTE, 'away!'],
      [DAY - 1, 'away!'],
      [DAY, 'failed silent!'],
    ],
  },
  {
    name: 'usually back at once',
    device: { update: taken, rhythm: { ...rhythm, silence: 1000 } },
    stands: [
      [10 * MINUTE - 1, 'away'],
      [10 * MINUTE, 'away!'],
    ],
  },
  {
    name: 'without a past: as its platform',
    device: { update: taken, rhythm: undefined },
    stands: [
      [HOUR - 1, 'away'],
      [HOUR, 'away!'],
    ],
  },
  {
    name: 'the connection broke at the end of the download',
    device: { update: arrows.handedOver(loading) },
    stands: [
      [20 * MINUTE - 1, 'away'],
      [20 * MINUTE, 'away!'],
      [DAY, 'failed silent!'],
    ],
  },
  {
    name: 'back with the old version and told again',
    device: {
      update: arrows.offered({ ...taken, attemptEndedAt: NOW }, v11, '1.0.0', 'auto', 't', NOW + HOUR),
    },
    stands: [
      [2 * HOUR, 'away!'],
      [DAY, 'failed silent!'],
    ],
  },
]);

const back = { version: '1.1.0', update: has, lastSeen: NOW };
const inIt = { installedAt: NOW };

table('on probation', [
  {
    name: 'connected',
    device: back,
    grant: inIt,
    isOnline: true,
    stands: [
      [HOUR, 'probation'],
      [2 * HOUR - 1, 'probation'],
      [2 * HOUR, 'passed'],
      [9 * DAY, 'passed'],
    ],
  },
  {
    name: 'silent from the first moment',
    device: back,
    grant: inIt,
    stands: [
      [20 * MINUTE - 1, 'probation'],
      [20 * MINUTE, 'probation!'],
      [2 * HOUR, 'probation!'],
      [DAY - 1, 'probation!'],
      [DAY, 'failed missing!'],
    ],
  },
  {
    name: 'silent from its 90th minute',
    device: { ...back, lastSeen: NOW + 90 * MINUTE },
    grant: inIt,
    stands: [
      [100 * MINUTE, 'probation'],
      [110 * MINUTE, 'probation!'],
      [DAY + 90 * MINUTE, 'failed missing!'],
    ],
  },
  {
    name: 'seen ten minutes before its end, and the usual time had not passed then',
    device: { ...back, lastSeen: NOW + 110 * MINUTE },
    grant: inIt,
    stands: [
      [2 * HOUR, 'passed'],
      [9 * DAY, 'passed'],
    ],
  },
  {
    name: 'went away after its end',
    device: { ...back, lastSeen: NOW + 121 * MINUTE },
    grant: inIt,
    stands: [[9 * DAY, 'passed']],
  },
  {
    name: 'its record says installed, and the grant not yet',
    device: back,
    isOnline: true,
    stands: [
      [HOUR, 'probation'],
      [2 * HOUR, 'passed'],
    ],
  },
  {
    name: 'without probation',
    device: back,
    grant: inIt,
    plan: { probationMs: 0 },
    stands: [[0, 'passed']],
  },
  {
    name: 'comes back five times, which is nothing',
    device: back,
    grant: { ...inIt, returns: 5 },
    isOnline: true,
    stands: [
      [MINUTE, 'probation'],
      [2 * HOUR, 'passed'],
    ],
  },
  {
    name: 'comes back fourteen times: four times the usual are not even one',
    device: back,
    grant: { ...inIt, returns: 14 },
    isOnline: true,
    stands: [
      [MINUTE, 'failed unstable!'],
      [2 * HOUR, 'failed unstable!'],
    ],
  },
  {
    name: 'came back twice a day ever since, as it always did',
    device: { ...back, lastSeen: NOW + 8 * DAY },
    grant: { ...inIt, returns: 18 },
    isOnline: true,
    stands: [[9 * DAY, 'passed']],
  },
  {
    name: 'comes back eight times within a minute, as it always did',
    device: { ...back, rhythm: { ...rhythm, between: 2 * HOUR } },
    grant: { ...inIt, returns: 8 },
    isOnline: true,
    stands: [
      [MINUTE, 'probation'],
      [2 * HOUR, 'passed'],
    ],
  },
]);

const newer = arrows.installed(
  arrows.downloaded(arrows.downloading(arrows.offered(has, v12, '1.1.0', 'auto', 't', NOW), NOW), NOW),
  NOW,
);

table('that had it and runs another one', [
  {
    name: 'the old one again',
    device: { ...back, version: '1.0.0' },
    grant: inIt,
    stands: [
      [MINUTE, 'failed fell_back!'],
      [9 * DAY, 'failed fell_back!'],
    ],
  },
  {
    name: 'the same, written otherwise',
    device: { ...back, version: 'app:v1.1' },
    grant: inIt,
    isOnline: true,
    stands: [[MINUTE, 'probation']],
  },
  {
    name: 'its owner sent another',
    device: { ...back, version: '1.0.0', update: arrows.ordered(v10, '1.1.0', true, NOW) },
    grant: inIt,
    stands: [[MINUTE, 'excused ordered_away']],
  },
  {
    name: 'it took a newer one that was offered to it',
    device: { ...back, version: '1.2.0', update: newer },
    grant: inIt,
    stands: [[MINUTE, 'excused ordered_away']],
  },
  {
    name: 'it had been sent this very one, and fell back all the same',
    device: { ...back, version: '1.0.0', update: { ...has, consent: 'forced' } },
    grant: inIt,
    stands: [[MINUTE, 'failed fell_back!']],
  },
  {
    name: 'it fell back while a newer one is offered to it',
    device: { ...back, version: '1.0.0', update: arrows.offered(has, v12, '1.1.0', 'auto', 't', NOW) },
    grant: inIt,
    stands: [[MINUTE, 'failed fell_back!']],
  },
]);
