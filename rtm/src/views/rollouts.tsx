import { useSignal } from '@preact/signals';
import { useApp } from '../app.js';
import type { RolloutView } from '../model/nouns.js';
import { count } from '../model/text.js';
import { Confirm } from '../ui/dialog.js';

/** Those that ended long ago are in the log; here they would push everything else down. */
const MOST = 5;

interface Deed {
  readonly verb: string;
  readonly label: string;
  /** What it does, where it cannot be taken back. */
  readonly warning?: string;
}

const ABORT: Deed = {
  verb: 'abort',
  label: 'Abort',
  warning: 'Offers are taken back, tokens die and downloads are cut. Devices that run it keep it.',
};
const ADVANCE: Deed = {
  verb: 'advance',
  label: 'Advance',
  warning: 'The stage counts as passed, whatever becomes of its devices.',
};
const BACK: Deed = {
  verb: 'rollback',
  label: 'Roll back',
  warning: 'Devices that took it are sent what they ran before, whatever its version.',
};

/** What can be done to a rollout as it stands. */
function deedsFor({ state, approval, stages }: RolloutView): readonly Deed[] {
  const approve = { verb: 'advance', label: 'Approve' };
  const waits = stages.some((stage) => stage.state === 'approval');
  switch (state) {
    case 'scheduled':
      return [...(approval === 'once' ? [approve] : []), { verb: 'pause', label: 'Pause' }, ABORT];
    case 'running':
      return [waits ? approve : ADVANCE, { verb: 'pause', label: 'Pause' }, ABORT];
    case 'paused':
      return [{ verb: 'resume', label: 'Resume' }, ABORT];
    case 'halted':
    case 'aborted':
      return [BACK];
    case 'done':
      return [];
  }
}

/** The stage that is seen, from 1: a second click must not pass the next one, too. */
const stageOf = ({ stages }: RolloutView): number =>
  stages.filter(({ state }) => state === 'done').length + 1;

/** How far each rollout is, and what its owner can do about it. */
export function Rollouts() {
  const app = useApp();
  app.revision.value;
  const list = [...app.fleet.rollouts.values()]
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    .slice(0, MOST);
  if (list.length === 0) return null;
  return (
    <section aria-labelledby="rollouts">
      <h2 id="rollouts">Rollouts</h2>
      <ul class="cards">
        {list.map((rollout) => (
          <RolloutCard key={rollout.id} rollout={rollout} />
        ))}
      </ul>
    </section>
  );
}

function RolloutCard({ rollout }: { rollout: RolloutView }) {
  const app = useApp();
  const asking = useSignal<Deed | undefined>(undefined);
  const { id, version, state, reason, devices, stages } = rollout;
  const act = ({ verb, label }: Deed): void =>
    void app.attempt(
      () => app.api.changeRollout(id, verb, verb === 'advance' ? stageOf(rollout) : undefined),
      `${label}: the rollout of ${version}.`,
    );
  return (
    <li class="card">
      <div>
        <strong>{version}</strong> <span class="badge settled">{state}</span>
        <span class="muted"> to {count(devices, 'device')}</span>
        {reason && <p class="notes">{reason}</p>}
        <ol class="stages" aria-label={`Stages of ${version}`}>
          {stages.map((stage, i) => (
            <li key={i}>
              Stage {i + 1}: {stage.state}, {stage.installed} of {stage.devices} installed
              {stage.failed > 0 && `, ${stage.failed} failed`}
              <progress max={Math.max(1, stage.devices)} value={stage.installed} aria-hidden="true" />
            </li>
          ))}
        </ol>
      </div>
      <div class="deeds">
        {deedsFor(rollout).map((deed) => (
          <button
            key={deed.label}
            type="button"
            class={`small outline ${deed.warning ? 'danger' : ''}`}
            aria-label={`${deed.label} the rollout of ${version}`}
            onClick={() => {
              if (deed.warning) asking.value = deed;
              else act(deed);
            }}
          >
            {deed.label}
          </button>
        ))}
      </div>
      {asking.value && (
        <Confirm
          title={`${asking.value.label} the rollout of ${version}?`}
          text={asking.value.warning ?? ''}
          verb={asking.value.label}
          onConfirm={() => asking.value && act(asking.value)}
          onClose={() => {
            asking.value = undefined;
          }}
        />
      )}
    </li>
  );
}
