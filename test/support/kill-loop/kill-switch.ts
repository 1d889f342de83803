/** The steps of everything that is acknowledged to somebody, as those see them who wait for it. */
export const STEPS = [
  'publish sent',
  'published',
  'offered',
  'token sent',
  'bytes came',
  'body came',
  'answer sent',
  'answered',
  'check-in sent',
  'checked in',
  'withdrawal sent',
  'withdrawn',
  'key sent',
  'key made',
] as const;
export type Step = (typeof STEPS)[number];

interface Armed {
  readonly step: Step;
  readonly delayMs: number;
  readonly kill: () => void;
  left: number;
}

/** Kills a server at a step that was chosen before, or a moment after it. */
export class KillSwitch {
  /** How often it has gone off at each step. */
  readonly fired = new Map<Step, number>();
  #armed: Armed | undefined;

  /** @param nth at which time that the step is passed, from 1 on */
  arm(step: Step, nth: number, delayMs: number, kill: () => void): void {
    this.#armed = { step, left: nth, delayMs, kill };
  }

  disarm(): void {
    this.#armed = undefined;
  }

  /** To be called at every step. */
  passed(step: Step): void {
    const armed = this.#armed;
    if (armed?.step !== step || --armed.left > 0) return;
    this.#armed = undefined;
    this.fired.set(step, (this.fired.get(step) ?? 0) + 1);
    // Without a moment between them the kill comes before anything else can happen here.
    if (armed.delayMs === 0) armed.kill();
    else setTimeout(armed.kill, armed.delayMs);
  }
}
