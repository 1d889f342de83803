import { computed, signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { Api, ApiError } from './api.js';
import { Fleet } from './model/fleet.js';
import { Pace } from './model/pace.js';
import { groupQuestions } from './model/questions.js';
import { EVERYTHING, type Query } from './model/rows.js';
import { currentRelease, summarise } from './model/summary.js';
import { Link } from './mqtt/link.js';
import type { Refused } from './mqtt/messages.js';
import type { Login } from './session.js';

export type Connection = 'connecting' | 'live' | 'reconnecting';
export type Answer = true | false | 'later';

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly isFailure: boolean;
}

/** Answers on their way to the server at one time. */
const MOST_ANSWERS = 100;
const TOAST_MS = 6000;
/** What arrives is shown at most so often: a burst would draw the same page again and again, and hold up the owner. */
const SHOW_MS = 150;
/** An answer that was taken ends its question within this; otherwise it may be given again. */
const ANSWER_MS = 5000;

/** What one logged-in owner sees and may do. */
export class App {
  readonly fleet = new Fleet();
  readonly connection = signal<Connection>('connecting');
  /** When the last connection was lost, ms since the epoch. */
  readonly lostAt = signal<number | undefined>(undefined);
  /** Grows whenever the fleet has changed: whoever shows it reads this. */
  readonly revision = signal(0);
  readonly toasts = signal<readonly Toast[]>([]);
  /** Questions that were answered here, and whose end the server has not told yet. */
  readonly answering = signal<ReadonlySet<string>>(new Set());
  readonly now = signal(Date.now());
  /** What the table of the fleet is narrowed to; it stays while the owner looks at a device. */
  readonly query = signal<Query>(EVERYTHING);
  readonly api: Api;
  readonly summary = computed(() => {
    this.revision.value;
    return summarise(this.fleet.devices.values());
  });
  readonly release = computed(() => {
    this.revision.value;
    return currentRelease(this.fleet.devices.values(), this.fleet.firmware);
  });
  readonly questions = computed(() => {
    this.revision.value;
    return groupQuestions(this.fleet.notices.values());
  });
  /** Answers that had no effect, or did not arrive: they may be given again. */
  readonly #over = new Set<string>();
  readonly #shown = new Pace(() => {
    this.#forgetAnswered();
    this.revision.value++;
  }, SHOW_MS);
  readonly #link: Link;
  readonly #clock: ReturnType<typeof setInterval>;

  /** @param onRefused the server will not have this key, now or any more */
  constructor(
    readonly login: Login,
    onRefused: (why: Refused) => void,
  ) {
    const base = new URL('..', location.href);
    this.api = new Api(new URL('api/v1', base).pathname, login.key);
    const mqtt = new URL('mqtt', base);
    mqtt.protocol = base.protocol === 'https:' ? 'wss:' : 'ws:';
    mqtt.hash = '';
    this.#link = new Link(mqtt.href, login.owner, login.key, {
      live: () => {
        this.fleet.relisted();
        this.connection.value = 'live';
        this.lostAt.value = undefined;
      },
      lost: () => {
        if (this.connection.value !== 'live') return;
        this.lostAt.value = Date.now();
        this.connection.value = 'reconnecting';
      },
      refused: onRefused,
      arrived: (messages) => {
        this.fleet.take(messages);
        this.#shown.ask();
      },
    });
    this.#clock = setInterval(() => {
      this.now.value = Date.now();
    }, 15_000);
  }

  close(): void {
    clearInterval(this.#clock);
    this.#shown.stop();
    this.#link.close();
  }

  /** Tells the owner something for a moment. */
  say(text: string, isFailure = false): void {
    const toast = { id: Math.random(), text, isFailure };
    this.toasts.value = [...this.toasts.value, toast];
    setTimeout(() => this.unsay(toast.id), isFailure ? 2 * TOAST_MS : TOAST_MS);
  }

  unsay(id: number): void {
    this.toasts.value = this.toasts.value.filter((toast) => toast.id !== id);
  }

  /** Carries something out and says how it went. True if it went well. */
  async attempt(action: () => Promise<unknown>, done?: string): Promise<boolean> {
    try {
      await action();
      if (done !== undefined) this.say(done);
      return true;
    } catch (error) {
      this.say(error instanceof ApiError ? error.message : String(error), true);
      return false;
    }
  }

  /** Answers questions, each on its own topic (wire.md 5). */
  async answer(nids: readonly string[], response: Answer): Promise<void> {
    this.answering.value = new Set([...this.answering.value, ...nids]);
    // One row for all that work on it.
    const left = nids.values();
    let missed = 0;
    const work = async (): Promise<void> => {
      for (const nid of left) {
        const notification = { nid, response_type: 'bool', response };
        const topic = `/${this.login.owner}/rtm/notices/${nid}/reply`;
        if (await this.#link.publish(topic, { notification })) {
          setTimeout(() => this.#answered(nid), ANSWER_MS);
          continue;
        }
        missed++;
        this.#answered(nid);
      }
    };
    await Promise.all(Array.from({ length: Math.min(MOST_ANSWERS, nids.length) }, work));
    if (missed > 0)
      this.say(
        `${missed} of ${nids.length} answers did not reach the server. Try again once it is back.`,
        true,
      );
  }

  #answered(nid: string): void {
    this.#over.add(nid);
    this.#shown.ask();
  }

  /** All at once: each for itself would copy thousands of others. */
  #forgetAnswered(): void {
    const { size } = this.answering.value;
    const isOpen = (nid: string): boolean => this.fleet.notices.has(nid) && !this.#over.has(nid);
    const open = size === 0 ? [] : [...this.answering.value].filter(isOpen);
    this.#over.clear();
    if (open.length !== size) this.answering.value = new Set(open);
  }
}

const AppContext = createContext<App | undefined>(undefined);
export const AppProvider = AppContext.Provider;

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('nobody is logged in');
  return app;
}
