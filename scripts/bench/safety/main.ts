import { parseArgs } from 'node:util';
import { type RolloutPlan, SAFE_STAGES } from '../../../core/rollouts/plan.js';
import { median } from '../../../core/rollouts/statistics.js';
import { type FleetModel, RARE_CHIP, type Result, simulate } from './run.js';
import type { Harm } from './simulated-device.js';

const MINUTE = 60_000;
/** Cases of bad firmware are told by fewer seeds: what is asked of them is no rate of one in a hundred. */
const BAD_SEEDS_SHARE = 10;

const { values } = parseArgs({
  options: { devices: { type: 'string', default: '10000' }, seeds: { type: 'string', default: '200' } },
});
const model: FleetModel = { devices: Number(values.devices), flakiness: 0.02 };
const seeds = Number(values.seeds);

/** The safe defaults of a rollout that nobody said anything about. */
const plan: RolloutPlan = {
  filter: { platform: undefined, tags: [], versions: undefined, udids: [] },
  stages: SAFE_STAGES,
  ratePerMinute: undefined,
  window: undefined,
  deadlineMs: 24 * 60 * MINUTE,
  probationMs: 120 * MINUTE,
  retries: 2,
  successThreshold: 0.9,
  failureThreshold: 0.1,
  approval: 'none',
};

const CASES: readonly {
  name: string;
  harm: Harm;
  seeds: number;
  most: number | 'first stage' | undefined;
}[] = [
  {
    name: '100 % at boot',
    harm: { share: 1, when: 'boot' },
    seeds: seeds / BAD_SEEDS_SHARE,
    most: 'first stage',
  },
  {
    name: '100 % after an hour',
    harm: { share: 1, when: 'after an hour' },
    seeds: seeds / BAD_SEEDS_SHARE,
    most: 'first stage',
  },
  {
    name: '100 % of one chip',
    harm: { share: 1, when: 'boot', platform: RARE_CHIP },
    seeds: seeds / BAD_SEEDS_SHARE,
    most: 0.01,
  },
  { name: '30 % at boot', harm: { share: 0.3, when: 'boot' }, seeds: seeds / BAD_SEEDS_SHARE, most: 0.01 },
  {
    name: '30 % after an hour',
    harm: { share: 0.3, when: 'after an hour' },
    seeds: seeds / BAD_SEEDS_SHARE,
    most: 0.01,
  },
  { name: '5 % at boot', harm: { share: 0.05, when: 'boot' }, seeds: seeds / BAD_SEEDS_SHARE, most: 0.01 },
  {
    name: '5 % after an hour',
    harm: { share: 0.05, when: 'after an hour' },
    seeds: seeds / BAD_SEEDS_SHARE,
    most: 0.01,
  },
  { name: 'good', harm: { share: 0, when: 'boot' }, seeds, most: undefined },
];

const out = (line: string): void => void process.stdout.write(`${line}\n`);
const figure = (value: number): string => value.toFixed(value < 10 ? 1 : 0);

out(
  `${model.devices} devices, each with its own rhythm, ${model.flakiness * 100} % of the time away by nature; stages ${plan.stages
    .map((stage) => ('devices' in stage ? `${stage.devices}` : `${stage.percent} %`))
    .join(', ')}`,
);
out('');
out(
  '| firmware breaks     | seeds | halted | lost, median | lost, most | taken, most | h to halt, median | goal  |',
);
out(
  '|---------------------|-------|--------|--------------|------------|-------------|-------------------|-------|',
);
let failed = 0;
for (const { name, harm, seeds: count, most } of CASES) {
  const results: Result[] = [];
  for (let seed = 1; seed <= Math.max(1, count); seed++)
    results.push(await simulate(model, plan, harm, seed));
  const halts = results.filter(({ state }) => state === 'halted');
  const worst = Math.max(...results.map(({ lost }) => lost));
  const limit = most === 'first stage' ? (results[0]?.first ?? 0) : (most ?? 0) * model.devices;
  const rate = halts.length / results.length;
  const isMet = most === undefined ? rate <= 0.01 : rate === 1 && worst <= limit;
  if (!isMet) failed++;
  const cells = [
    name.padEnd(19),
    String(results.length).padStart(5),
    `${figure(rate * 100)} %`.padStart(6),
    String(median(results.map(({ lost }) => lost)) ?? 0).padStart(12),
    String(worst).padStart(10),
    String(Math.max(...results.map(({ exposed }) => exposed))).padStart(11),
    figure(median(results.map(({ hours }) => hours)) ?? 0).padStart(17),
    (isMet ? 'met' : 'MISSED').padStart(5),
  ];
  out(`| ${cells.join(' | ')} |`);
  const [example] = halts;
  if (example) out(`  for example: ${example.reason} (stage ${example.stage})`);
}
out('');
out(`A good firmware may be halted in 1 % of rollouts at most; its hours are those of the whole rollout.`);
process.exitCode = failed === 0 ? 0 : 1;
