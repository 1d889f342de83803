/**
 * Watches that something goes on at a pace. A socket that moves a byte now and then is never idle, and would hold its
 * connection and its buffers for days.
 * @param bytesPerSecond the slowest, on the whole; 0: nothing is watched
 * @param everyMs how often it is looked at; within the first such span nobody is too slow
 * @param moved bytes so far
 * @param tooSlow called once
 * @returns what ends the watching
 */
export function watchPace(
  bytesPerSecond: number,
  everyMs: number,
  moved: () => number,
  tooSlow: () => void,
): () => void {
  if (bytesPerSecond === 0) return () => {};
  const begun = performance.now();
  const timer = setInterval(() => {
    const seconds = (performance.now() - begun) / 1000;
    if (moved() >= bytesPerSecond * seconds) return;
    clearInterval(timer);
    tooSlow();
  }, everyMs).unref();
  return () => clearInterval(timer);
}
