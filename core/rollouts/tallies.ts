import type { Member } from './judge.js';
import type { Rollout } from './rollout.js';

/** With the figures of each stage as its members stand; the same rollout if no stage's figures have changed. */
export function withTallies(rollout: Rollout, members: readonly Member[]): Rollout {
  const tallies = rollout.stages.map(() => ({ installed: 0, failed: 0 }));
  for (const { stage, standing } of members) {
    const tally = tallies[stage];
    if (!tally) continue;
    if (standing.state === 'passed' || standing.state === 'probation') tally.installed++;
    if (standing.state === 'failed') tally.failed++;
  }
  const isSame = rollout.stages.every(
    ({ tally }, i) => tally.installed === tallies[i]?.installed && tally.failed === tallies[i]?.failed,
  );
  if (isSame) return rollout;
  return {
    ...rollout,
    stages: rollout.stages.map((stage, i) => ({ ...stage, tally: tallies[i] ?? stage.tally })),
  };
}
