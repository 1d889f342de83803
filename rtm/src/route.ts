import { signal } from '@preact/signals';

/** Where the owner is: `fleet`, `device/<udid>`, `firmware` or `keys`. */
const read = (): string => location.hash.replace(/^#\/?/, '') || 'fleet';

export const route = signal(read());

/** How far down each view was when it was left: who comes back from a device goes on where they were. */
const left = new Map<string, number>();

history.scrollRestoration = 'manual';
addEventListener('hashchange', () => {
  left.set(route.value, scrollY);
  route.value = read();
  // The view is drawn first: it has its height only then.
  requestAnimationFrame(() => scrollTo(0, left.get(route.value) ?? 0));
});

export const go = (to: string): void => {
  location.hash = `#/${to}`;
};
