import type { Lock } from './ports.js';

const FREE: Promise<unknown> = Promise.resolve();

/**
 * Lets actions on one key happen one after the other, in the order of the calls; those on different keys do not wait for
 * each other. Its own few lines and no library, because it stands in the way of every push: a free lock costs one entry
 * in a map. Not re-entrant: an action that waits for its own key waits for ever.
 */
export class KeyedLock implements Lock {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Resolves or rejects with the action's result; what it ends with does not concern those that wait. */
  acquire<T>(key: string, action: () => Promise<T>): Promise<T> {
    // Never in this very turn: what the action calls at once must find the lock taken.
    const running = (this.#last.get(key) ?? FREE).then(action, action);
    this.#last.set(key, running);
    const release = (): void => {
      if (this.#last.get(key) === running) this.#last.delete(key);
    };
    running.then(release, release);
    return running;
  }
}
