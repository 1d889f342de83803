/** How the page kept up between two moments; times in ms. */
export interface Frames {
  readonly count: number;
  /** The longest time from one frame to the next. */
  readonly longest: number;
  readonly over50: number;
  readonly over100: number;
  /** The longest time that the page's own thread was busy with one task (longtask; 0: none took 50 ms). */
  readonly longestTask: number;
  /** The longest frame with work in it, and how much of it were scripts (long-animation-frame). */
  readonly longestWork: number;
  readonly longestScripts: number;
}

/**
 * Runs in the page before anything else. It is text, because nothing else in scripts/ knows a DOM. A frame counts from
 * one requestAnimationFrame to the next; what the chips say is looked at in every frame, as an owner would see it.
 */
export const RECORDER = `(() => {
  const fresh = () => ({ count: 0, longest: 0, over50: 0, over100: 0, longestTask: 0, longestWork: 0, longestScripts: 0 });
  let frames = fresh();
  let last = performance.now();
  let clicked = 0;
  const waits = [];
  addEventListener('submit', () => { clicked = performance.now(); }, true);
  const chip = (name) => {
    for (const each of document.querySelectorAll('.chip')) {
      if (!each.textContent.startsWith(name + ' ')) continue;
      return Number(each.querySelector('.number').textContent.replaceAll(',', ''));
    }
    return -1;
  };
  const version = (name) => {
    for (const each of document.querySelectorAll('.bar')) {
      if (each.querySelector('.name').textContent !== name) continue;
      return parseInt(each.querySelector('.number').textContent.replaceAll(',', ''), 10);
    }
    return -1;
  };
  const sees = {
    row: () => document.querySelector('.virtual-row') ? 1 : 0,
    all: () => chip('All'),
    online: () => chip('Online'),
    asks: () => chip('Waiting for you'),
    version,
  };
  const tick = () => {
    const now = performance.now();
    const gap = now - last;
    last = now;
    frames.count++;
    frames.longest = Math.max(frames.longest, gap);
    if (gap > 50) frames.over50++;
    if (gap > 100) frames.over100++;
    for (let i = waits.length - 1; i >= 0; i--) {
      if (!waits[i].ready()) continue;
      const [{ resolve }] = waits.splice(i, 1);
      resolve({ at: Date.now(), sinceLogin: now - clicked });
    }
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  const observe = (type, take) => {
    if (PerformanceObserver.supportedEntryTypes.includes(type))
      new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  };
  observe('longtask', ({ duration }) => { frames.longestTask = Math.max(frames.longestTask, duration); });
  observe('long-animation-frame', ({ duration, scripts }) => {
    if (duration <= frames.longestWork) return;
    frames.longestWork = duration;
    frames.longestScripts = scripts.reduce((sum, script) => sum + script.duration, 0);
  });
  globalThis.recorder = {
    begin: () => { frames = fresh(); last = performance.now(); },
    read: () => frames,
    seen: (wanted) => new Promise((resolve) => {
      const ready = () => wanted.every(([what, number, name]) => sees[what](name) === number);
      waits.push({ ready, resolve });
    }),
    says: (wanted) => wanted.map(([what, , name]) => sees[what](name)),
  };
})();`;
