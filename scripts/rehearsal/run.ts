import type { Firmware } from '../../core/firmware.js';
import { Conductor } from '../../core/rollouts/conductor.js';
import type { RolloutPlan } from '../../core/rollouts/plan.js';
import { isLive, type Rollout } from '../../core/rollouts/rollout.js';
import { newStages } from '../../core/rollouts/view.js';
import { seededRandom } from '../simulator/random.js';
import { Agenda } from './agenda.js';
import { type DeviceModel, type Harm, SimulatedDevice, type Surroundings } from './simulated-device.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** What is usual for a device of which nothing is known; as the server has it. */
const USUAL_MS = 15 * MINUTE;
const START = Date.UTC(2026, 0, 5);
/** Simulated time moves in such steps; the real engine looks as often or more often. */
const STEP_MS = 5 * MINUTE;
/** A rollout that has not ended by then is reported as it is. */
const LONGEST_MS = 60 * 24 * HOUR;

/** A fleet, and how it behaves. */
export interface FleetModel {
  readonly devices: readonly DeviceModel[];
  /** The share of time that a device is away by nature. */
  readonly flakiness: number;
  readonly firmware: Firmware;
  /** When it begins, ms since the epoch; absent: on a Monday, at midnight. */
  readonly start?: number;
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
  /** When each stage ended, hours from the beginning. */
  readonly stageEnds: readonly number[];
  /** How many devices the first stage has. */
  readonly first: number;
  readonly hours: number;
  /** The most that was downloaded in one span of five minutes, bytes per second. */
  readonly peak: number;
}

/** Carries a rollout out on the real engine, on devices that exist in simulated time only. */
export async function simulate(
  model: FleetModel,
  plan: RolloutPlan,
  harm: Harm,
  seed: number,
): Promise<Result> {
  const { start = START } = model;
  const agenda = new Agenda(start, STEP_MS);
  const devices = new Map<string, SimulatedDevice>();
  let conductor: Conductor | undefined;
  let [begun, peak] = [0, 0];
  const around: Surroundings = {
    agenda,
    chance: seededRandom(`rehearsal ${seed}`),
    firmware: model.firmware,
    harm,
    flakiness: model.flakiness,
    changed: (device) => conductor?.observe(device),
    downloads: () => {
      begun++;
    },
  };
  for (const [n, device] of model.devices.entries()) {
    const udid = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
    devices.set(udid, new SimulatedDevice(udid, device, around));
  }
  const rollout = newRollout(plan, model, seed, start);
  conductor = new Conductor(rollout, {
    clock: agenda,
    usualMs: USUAL_MS,
    save: async () => true,
    crowd: {
      async *members() {},
      async *candidates() {
        for (const device of devices.values()) if (!device.record.grant) yield device.read();
      },
      read: async (udid) => devices.get(udid)?.read(),
      admit: async (_, udid, grant) => devices.get(udid)?.admit(grant),
      isOnline: (udid) => devices.get(udid)?.isOnline ?? false,
    },
  });
  const stageEnds: number[] = [];
  while (isLive(conductor.rollout) && agenda.now() < start + LONGEST_MS) {
    await conductor.tick();
    const done = conductor.rollout.stages.filter(({ state }) => state === 'done').length;
    while (stageEnds.length < done) stageEnds.push((agenda.now() - start) / HOUR);
    begun = 0;
    agenda.advance();
    peak = Math.max(peak, (begun * model.firmware.size * SECOND) / STEP_MS);
  }
  // What was under way when it was halted still happens: those devices had it already.
  const all = [...devices.values()];
  return {
    state: conductor.rollout.state,
    reason: conductor.rollout.reason,
    lost: all.filter(({ isDead }) => isDead).length,
    exposed: all.filter(({ record }) => record.update?.proven).length,
    stage: conductor.rollout.stage + 1,
    stageEnds,
    first: rollout.stages[0]?.goal ?? 0,
    hours: (agenda.now() - start) / HOUR,
    peak,
  };
}

const newRollout = (
  plan: RolloutPlan,
  { devices, firmware }: FleetModel,
  seed: number,
  start: number,
): Rollout => ({
  id: `simulated-${seed}`,
  owner: firmware.owner,
  firmware: firmware.id,
  version: firmware.version,
  plan,
  state: 'scheduled',
  reason: undefined,
  stage: 0,
  stages: newStages(plan, devices.length),
  population: devices.length,
  approvedStage: plan.approval === 'none' || plan.approval === 'device' ? -1 : plan.stages.length,
  createdAt: start,
  changedAt: start,
  revision: 1,
});
