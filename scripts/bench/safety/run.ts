import type { Firmware } from '../../../core/firmware.js';
import { Conductor } from '../../../core/rollouts/conductor.js';
import { goalsOf, type RolloutPlan } from '../../../core/rollouts/plan.js';
import { isLive, type Rollout } from '../../../core/rollouts/rollout.js';
import { seededRandom } from '../../simulator/random.js';
import { Agenda } from './agenda.js';
import { type Harm, SimulatedDevice, type Surroundings } from './simulated-device.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 0, 5);
/** Simulated time moves in such steps; the real engine looks as often or more often. */
const STEP_MS = 5 * MINUTE;
/** A rollout that has not ended by then is reported as it is. */
const LONGEST_MS = 60 * 24 * HOUR;

/** How the fleet is made up, and how it behaves. */
export interface FleetModel {
  readonly devices: number;
  /** The share of time that a device is away by nature. */
  readonly flakiness: number;
}

/** What came of one simulated rollout. */
export interface Result {
  readonly state: Rollout['state'];
  readonly reason: string | undefined;
  /** Devices that the firmware broke. */
  readonly lost: number;
  /** Devices that took it. */
  readonly exposed: number;
  /** The stage it ended in, from 1. */
  readonly stage: number;
  /** How many devices the first stage has. */
  readonly first: number;
  readonly hours: number;
}

const CHIPS = [
  ['arduino:esp8266', 0.6],
  ['arduino:esp32', 0.3],
  ['arduino:esp32s3', 0.1],
] as const;
export const RARE_CHIP = 'arduino:esp32s3';

/** Carries a rollout out on the real engine, on devices that exist in simulated time only. */
export async function simulate(
  model: FleetModel,
  plan: RolloutPlan,
  harm: Harm,
  seed: number,
): Promise<Result> {
  const chance = seededRandom(`safety ${seed}`);
  const agenda = new Agenda(START, STEP_MS);
  const devices = new Map<string, SimulatedDevice>();
  let conductor: Conductor | undefined;
  const around: Surroundings = {
    agenda,
    chance,
    firmware: FIRMWARE,
    harm,
    flakiness: model.flakiness,
    changed: (device) => conductor?.observe(device),
  };
  for (let n = 0; n < model.devices; n++) {
    const udid = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
    const tags = chance() < 0.05 ? ['greenhouse'] : [];
    const version = chance() < 0.8 ? '1.0.0' : '0.9.0';
    devices.set(udid, new SimulatedDevice(FIRMWARE.owner, udid, chipFor(chance()), version, tags, around));
  }
  const rollout = newRollout(plan, model.devices, seed);
  conductor = new Conductor(rollout, {
    clock: agenda,
    usualMs: 15 * MINUTE,
    save: async () => true,
    crowd: {
      async *members() {},
      async *candidates() {
        for (const device of devices.values()) if (!device.record.grant) yield device.read();
      },
      read: async (udid) => devices.get(udid)?.read(),
      admit: async (udid, grant) => devices.get(udid)?.admit(grant),
      isOnline: (udid) => devices.get(udid)?.isOnline ?? false,
    },
  });
  while (isLive(conductor.rollout) && agenda.now() < START + LONGEST_MS) {
    await conductor.tick();
    agenda.advance();
  }
  // What was under way when it was halted still happens: those devices had it already.
  const all = [...devices.values()];
  return {
    state: conductor.rollout.state,
    reason: conductor.rollout.reason,
    lost: all.filter(({ isDead }) => isDead).length,
    exposed: all.filter(({ record }) => record.update?.proven).length,
    stage: conductor.rollout.stage + 1,
    first: rollout.stages[0]?.goal ?? 0,
    hours: (agenda.now() - START) / HOUR,
  };
}

function chipFor(share: number): string {
  let sum = 0;
  for (const [platform, part] of CHIPS) {
    sum += part;
    if (share < sum) return platform;
  }
  return RARE_CHIP;
}

const newRollout = (plan: RolloutPlan, population: number, seed: number): Rollout => ({
  id: `simulated-${seed}`,
  owner: FIRMWARE.owner,
  firmware: FIRMWARE.id,
  version: FIRMWARE.version,
  plan,
  state: 'scheduled',
  reason: undefined,
  stage: 0,
  stages: goalsOf(plan.stages, population).map((goal) => ({
    state: 'waiting',
    goal,
    openedAt: undefined,
    forced: false,
  })),
  population,
  approvedStage: -1,
  createdAt: START,
  changedAt: START,
  revision: 1,
});

const FIRMWARE: Firmware = {
  id: 'simulated',
  owner: '0'.repeat(64),
  version: '2.0.0',
  platform: 'arduino',
  udid: undefined,
  tags: [],
  envHash: undefined,
  notes: undefined,
  rollout: 'none',
  staging: undefined,
  chip: undefined,
  size: 500_000,
  sha256: '0'.repeat(64),
  md5: '0'.repeat(32),
  format: 'image',
  files: [],
  manifest: undefined,
  createdAt: START,
};
