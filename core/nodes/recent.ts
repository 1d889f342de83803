/** Remembers what was added lately: of all that ever was, between one and two times so many, at little cost. */
export class Recent {
  readonly #most: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  add(key: string): void {
    this.#young.add(key);
    if (this.#young.size < this.#most) return;
    this.#old = this.#young;
    this.#young = new Set();
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }
}
