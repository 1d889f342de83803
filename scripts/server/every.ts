import type { Clock } from '../../core/ports.js';

/** Does something every so many ms. @returns what ends that */
export function every(ms: number, clock: Clock, action: () => void): () => void {
  let cancel = clock.after(ms, again);
  function again(): void {
    cancel = clock.after(ms, again);
    action();
  }
  return () => cancel();
}
