/** How long a test waits for something that must come, ms. */
const PATIENCE_MS = 15_000;

interface Waiter<T> {
  readonly wants: (item: T) => boolean;
  readonly take: (item: T) => void;
}

/** What has arrived, in order; tests take items out of it and wait for those that have not come yet. */
export class Inbox<T> {
  /** Everything that ever arrived, taken or not. */
  readonly all: T[] = [];
  readonly #untaken: T[] = [];
  readonly #waiters: Waiter<T>[] = [];

  push(item: T): void {
    this.all.push(item);
    const index = this.#waiters.findIndex((waiter) => waiter.wants(item));
    const [waiter] = index === -1 ? [] : this.#waiters.splice(index, 1);
    if (waiter) waiter.take(item);
    else this.#untaken.push(item);
  }

  /** Takes the first item that fits, waiting for it if need be; what came before it and does not fit stays. */
  next(what: string, wants: (item: T) => boolean = () => true, patienceMs = PATIENCE_MS): Promise<T> {
    const index = this.#untaken.findIndex(wants);
    const [found] = index === -1 ? [] : this.#untaken.splice(index, 1);
    if (found !== undefined) return Promise.resolve(found);
    const seen = this.all.length;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        const late = JSON.stringify(this.all.slice(-5).map((last) => shown(last)));
        reject(
          new Error(
            `${what} did not come in ${patienceMs} ms; ${this.all.length - seen} other things came, the last of all: ${late}`,
          ),
        );
      }, patienceMs);
      const waiter: Waiter<T> = {
        wants,
        take: (item) => {
          clearTimeout(timer);
          resolve(item);
        },
      };
      this.#waiters.push(waiter);
    });
  }
}

/** Short enough that a message of a failed test stays readable. */
const shown = (item: unknown): string =>
  JSON.stringify(item).replaceAll(/[0-9a-f]{64}/g, (id) => id.slice(0, 6));
