import { useSignal } from '@preact/signals';
import { type Answer, useApp } from '../app.js';
import type { Question } from '../model/questions.js';
import { count } from '../model/text.js';
import { Confirm } from '../ui/dialog.js';

/** So many questions of one version are listed before one has to ask for more. */
const FIRST = 5;
const STEP = 100;

const ANSWERS: readonly { readonly answer: Answer; readonly verb: string; readonly look: string }[] = [
  { answer: true, verb: 'Install', look: '' },
  { answer: 'later', verb: 'Later', look: 'secondary outline' },
  { answer: false, verb: 'Decline', look: 'secondary outline' },
];

interface ButtonsProps {
  readonly isBusy: boolean;
  /** Whom it concerns, for those who hear the page. */
  readonly about: string;
  readonly all?: boolean;
  readonly onAnswer: (answer: Answer) => void;
}

export function AnswerButtons({ isBusy, about, all = false, onAnswer }: ButtonsProps) {
  return (
    <span class="buttons" aria-busy={isBusy}>
      {ANSWERS.map(({ answer, verb, look }) => (
        <button
          key={verb}
          type="button"
          class={`small ${look}`}
          disabled={isBusy}
          aria-label={`${verb} ${about}`}
          onClick={() => onAnswer(answer)}
        >
          {verb}
          {all && ' all'}
        </button>
      ))}
    </span>
  );
}

/** Questions that wait for the owner: the first thing on the page. */
export function Decisions() {
  const questions = useApp().questions.value;
  if (questions.length === 0) return null;
  return (
    <section class="decisions" aria-labelledby="decisions">
      <h2 id="decisions">Needs your decision</h2>
      {questions.map((question) => (
        <VersionQuestion key={question.version} question={question} />
      ))}
    </section>
  );
}

function VersionQuestion({ question: { version, notices } }: { question: Question }) {
  const app = useApp();
  const shown = useSignal(FIRST);
  const asking = useSignal<Answer | undefined>(undefined);
  const busy = app.answering.value;
  const nids = notices.map(({ nid }) => nid);
  const isOne = notices.length === 1;
  const answerAll = (answer: Answer): void => {
    // One click on a phone must not flash ten thousand devices.
    if (answer === true) asking.value = answer;
    else void app.answer(nids, answer);
  };
  return (
    <article class="question">
      {!isOne && (
        <header>
          <strong>
            {version} for {count(notices.length, 'device')}
          </strong>
          <AnswerButtons
            all
            about={`all ${notices.length} devices: ${version}`}
            isBusy={nids.every((nid) => busy.has(nid))}
            onAnswer={answerAll}
          />
        </header>
      )}
      <ul>
        {notices.slice(0, shown.value).map(({ nid, installed }) => {
          const alias = app.fleet.devices.get(nid)?.alias ?? nid;
          return (
            <li key={nid}>
              <span>
                <a href={`#/device/${nid}`}>{alias}</a>{' '}
                <span class="muted">
                  {[installed && `runs ${installed}`, isOne && `${version} is ready`]
                    .filter(Boolean)
                    .join(', ')}
                </span>
              </span>
              <AnswerButtons
                about={`${version} on ${alias}`}
                isBusy={busy.has(nid)}
                onAnswer={(answer) => void app.answer([nid], answer)}
              />
            </li>
          );
        })}
      </ul>
      {notices.length > shown.value && (
        <button
          type="button"
          class="plain"
          onClick={() => {
            shown.value += STEP;
          }}
        >
          Show {Math.min(STEP, notices.length - shown.value)} more
        </button>
      )}
      {asking.value !== undefined && (
        <Confirm
          title={`Install ${version} on ${count(notices.length, 'device')}?`}
          text="Those that are connected begin at once, the others at their next contact."
          verb="Install all"
          onConfirm={() => void app.answer(nids, true)}
          onClose={() => {
            asking.value = undefined;
          }}
        />
      )}
    </article>
  );
}
