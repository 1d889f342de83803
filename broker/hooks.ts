import { isStoreFailure } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import type { Credentials, Identity, Message, Plugin, Refusal, Session, Verdict } from './plugin.js';

/** The question was not answered in time. */
class HookTimeout extends Error {
  override readonly name = 'HookTimeout';
}

/** Rejects when the work takes longer than `ms`. */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new HookTimeout(`no answer within ${ms} ms`)), ms);
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const isPromise = (value: unknown): value is Promise<unknown> => value instanceof Promise;

/**
 * Asks all plugins as if they were one. The law: deny wins, silence is not consent, and a plugin that throws, rejects
 * or takes longer than the deadline is logged by its name and counts as silent - or, where it could have refused,
 * as having refused.
 */
export class Hooks {
  readonly #plugins: readonly Plugin[];
  readonly #log: Log;
  readonly #deadlineMs: number;
  readonly #reactions = new Set<Promise<void>>();

  constructor(plugins: readonly Plugin[], log: Log, deadlineMs: number) {
    this.#plugins = plugins;
    this.#log = log;
    this.#deadlineMs = deadlineMs;
  }

  /** The word of the first plugin that knows; nobody knowing is a refusal. */
  async authenticate(credentials: Credentials): Promise<Identity | Refusal> {
    for (const plugin of this.#plugins) {
      const failed: Refusal = { refused: 5, reason: `plugin ${plugin.name} failed` };
      const word = await this.#ask(plugin, 'authenticate', () => plugin.authenticate?.(credentials), failed);
      if (word) return word;
    }
    return { refused: 5, reason: 'nobody vouches for this client' };
  }

  /** Synchronous as long as every plugin is: most questions need no promise. */
  mayPublish(session: Session, topic: string): boolean | Promise<boolean> {
    return this.#allowed('mayPublish', (plugin) => plugin.mayPublish?.(session, topic));
  }

  maySubscribe(session: Session, filter: string): boolean | Promise<boolean> {
    return this.#allowed('maySubscribe', (plugin) => plugin.maySubscribe?.(session, filter));
  }

  mayReceive(session: Session, message: Message): boolean {
    let allowed = false;
    for (const plugin of this.#plugins) {
      let verdict: Verdict;
      try {
        verdict = plugin.mayReceive?.(session, message);
      } catch (error) {
        this.#failed(plugin, 'mayReceive', error);
        return false;
      }
      if (verdict === 'deny') return false;
      if (verdict === 'allow') allowed = true;
    }
    return allowed;
  }

  /**
   * Resolves when every plugin is done with it, one after the other, or has had its time. Undefined if nobody has
   * anything to do, as for nearly every message.
   * @returns false if the message must not be acknowledged
   */
  publishing(session: Session, message: Message): Promise<boolean> | undefined {
    for (const [i, plugin] of this.#plugins.entries()) {
      const working = this.#begin(plugin, session, message);
      if (working) return this.#goOn(plugin, working, this.#plugins.slice(i + 1), session, message);
    }
    return undefined;
  }

  connected(session: Session): void {
    this.#tell('connected', (plugin) => plugin.connected?.(session));
  }

  disconnected(session: Session): void {
    this.#tell('disconnected', (plugin) => plugin.disconnected?.(session));
  }

  subscribed(session: Session, filters: readonly string[]): void {
    this.#tell('subscribed', (plugin) => plugin.subscribed?.(session, filters));
  }

  published(session: Session, message: Message): void {
    this.#tell('published', (plugin) => plugin.published?.(session, message));
  }

  /** Resolves when every reaction that has begun is over. */
  async settled(): Promise<void> {
    while (this.#reactions.size > 0) await Promise.all(this.#reactions);
  }

  /** True if some plugin wants to see messages before they are acknowledged. */
  get watchesPublishing(): boolean {
    return this.#plugins.some((plugin) => plugin.publishing !== undefined);
  }

  #allowed(
    hook: string,
    question: (plugin: Plugin) => Verdict | Promise<Verdict>,
  ): boolean | Promise<boolean> {
    const pending: Promise<Verdict>[] = [];
    let allowed = false;
    for (const plugin of this.#plugins) {
      let verdict: Verdict | Promise<Verdict>;
      try {
        verdict = question(plugin);
      } catch (error) {
        this.#failed(plugin, hook, error);
        return false;
      }
      if (isPromise(verdict)) pending.push(this.#ask(plugin, hook, () => verdict, 'deny'));
      else if (verdict === 'deny') return false;
      else if (verdict === 'allow') allowed = true;
    }
    if (pending.length === 0) return allowed;
    return Promise.all(pending).then(
      (verdicts) => !verdicts.includes('deny') && (allowed || verdicts.includes('allow')),
    );
  }

  #begin(plugin: Plugin, session: Session, message: Message): Promise<unknown> | undefined {
    try {
      return plugin.publishing?.(session, message);
    } catch (error) {
      this.#failed(plugin, 'publishing', error);
      return undefined;
    }
  }

  async #goOn(
    plugin: Plugin,
    working: Promise<unknown>,
    others: readonly Plugin[],
    session: Session,
    message: Message,
  ): Promise<boolean> {
    let word = await this.#ask<unknown>(plugin, 'publishing', () => working, undefined);
    for (const other of others) {
      if (word === 'unstored') return false;
      word = await this.#ask<unknown>(
        other,
        'publishing',
        () => other.publishing?.(session, message),
        undefined,
      );
    }
    return word !== 'unstored';
  }

  /** One plugin's answer, or `fallback` if it throws, rejects or hangs. */
  async #ask<T>(plugin: Plugin, hook: string, question: () => T | Promise<T>, fallback: T): Promise<T> {
    try {
      const answer = question();
      return isPromise(answer) ? await within(this.#deadlineMs, answer as Promise<T>) : answer;
    } catch (error) {
      this.#failed(plugin, hook, error);
      return fallback;
    }
  }

  /** Tells all plugins at once; none waits for another. */
  #tell(hook: string, telling: (plugin: Plugin) => void | Promise<void>): void {
    for (const plugin of this.#plugins) {
      try {
        const done = telling(plugin);
        if (isPromise(done)) this.#follow(plugin, hook, done);
      } catch (error) {
        this.#failed(plugin, hook, error);
      }
    }
  }

  #follow(plugin: Plugin, hook: string, done: Promise<unknown>): void {
    const reaction = within(this.#deadlineMs, done).then(
      () => {},
      (error: unknown) => this.#failed(plugin, hook, error),
    );
    this.#reactions.add(reaction);
    void reaction.finally(() => this.#reactions.delete(reaction));
  }

  #failed(plugin: Plugin, hook: string, err: unknown): void {
    // That the store is away is told once, by the store, and not for every message.
    if (isStoreFailure(err)) this.#log.debug({ err, plugin: plugin.name, hook }, 'the store is away');
    else this.#log.error({ err, plugin: plugin.name, hook }, 'a plugin failed');
  }
}
