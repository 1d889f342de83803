import { useSignal } from '@preact/signals';
import { useApp } from '../app.js';
import type { FirmwareView } from '../model/nouns.js';
import { clock, size } from '../model/text.js';
import { Confirm } from '../ui/dialog.js';
import { PublishForm } from './publish.js';
import { Rollouts } from './rollouts.js';

/** What is published, and publishing. */
export function FirmwarePage() {
  const app = useApp();
  app.revision.value;
  const list = [...app.fleet.firmware.values()].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  return (
    <>
      <h1>Firmware</h1>
      <PublishForm />
      <Rollouts />
      <section aria-labelledby="published">
        <h2 id="published">Published</h2>
        {list.length === 0 && <p class="muted">Nothing has been published yet.</p>}
        <ul class="cards">
          {list.map((firmware) => (
            <FirmwareCard key={firmware.id} firmware={firmware} />
          ))}
        </ul>
      </section>
    </>
  );
}

function FirmwareCard({ firmware }: { firmware: FirmwareView }) {
  const app = useApp();
  const asking = useSignal(false);
  const {
    id,
    version,
    platform,
    udid,
    tags,
    notes,
    rollout,
    size: bytes,
    createdAt,
    sha256,
    files,
    signature,
  } = firmware;
  const isRolledOut = [...app.fleet.rollouts.values()].some(({ firmware: own }) => own === id);
  const target = udid === null ? (platform ?? '') : (app.fleet.devices.get(udid)?.alias ?? udid);
  return (
    <li class="card">
      <div>
        <strong>{version}</strong> for {target}
        {tags.map((tag) => (
          <span key={tag} class="tag">
            {tag}
          </span>
        ))}
        {rollout === 'none' && !isRolledOut && <span class="badge settled">stored, offered to nobody</span>}
        {notes && <p class="notes">{notes}</p>}
        <p class="muted">
          {clock(createdAt)} · {size(bytes)} · {files.map(({ name }) => name).join(', ')} · SHA-256{' '}
          <code>{sha256.slice(0, 12)}</code>
          {signature &&
            (signature.trusted
              ? ` · signed by ${signature.alias}, sequence ${signature.sequence}`
              : ' · signed with a key that you do not trust')}
        </p>
      </div>
      <button
        type="button"
        class="small danger outline"
        aria-label={`Withdraw ${version} for ${target}`}
        onClick={() => {
          asking.value = true;
        }}
      >
        Withdraw
      </button>
      {asking.value && (
        <Confirm
          title={`Withdraw ${version}?`}
          text="Its questions and offers vanish and downloads of it cannot begin any more. Devices that run it keep it."
          verb="Withdraw it"
          onConfirm={() => void app.attempt(() => app.api.withdraw(id), `${version} was withdrawn.`)}
          onClose={() => {
            asking.value = false;
          }}
        />
      )}
    </li>
  );
}
