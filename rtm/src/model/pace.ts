/**
 * Does something soon after it was asked to, however often that is: the first time at once, then at most every `everyMs`,
 * and always once after the last time.
 */
export class Pace {
  readonly #act: () => void;
  readonly #everyMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDue = false;

  constructor(act: () => void, everyMs: number) {
    this.#act = act;
    this.#everyMs = everyMs;
  }

  ask(): void {
    this.#isDue = true;
    if (this.#timer === undefined) this.#turn();
  }

  /** Nothing is done any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isDue = false;
  }

  #turn = (): void => {
    this.#timer = undefined;
    if (!this.#isDue) return;
    this.#isDue = false;
    // Set before it acts: what takes long must not be followed by itself at once.
    this.#timer = setTimeout(this.#turn, this.#everyMs);
    this.#act();
  };
}
