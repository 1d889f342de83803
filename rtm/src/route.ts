import { signal } from '@preact/signals';

/** Where the owner is: `fleet`, `device/<udid>`, `firmware` or `keys`. */
const read = (): string => location.hash.replace(/^#\/?/, '') || 'fleet';

export const route = signal(read());

addEventListener('hashchange', () => {
  route.value = read();
  scrollTo(0, 0);
});

export const go = (to: string): void => {
  location.hash = `#/${to}`;
};
