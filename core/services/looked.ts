import type { Outcome } from './desk.js';

/** What came of looking at a device, in the few words that one node tells another. */
export interface Looked {
  readonly kind: Outcome['decision']['kind'];
  /** The firmware that the decision is about. */
  readonly firmware?: string;
  /** True if the device was told now. */
  readonly offered: boolean;
}

/** Undefined stays so: there is no such device. */
export function looked(outcome: Outcome | undefined): Looked | undefined {
  if (!outcome) return undefined;
  const { decision, offer } = outcome;
  const { firmware } = decision;
  return { kind: decision.kind, offered: offer !== undefined, ...(firmware && { firmware: firmware.id }) };
}
