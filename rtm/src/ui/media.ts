import { signal } from '@preact/signals';

const narrow = matchMedia('(max-width: 800px)');

/** True where a row of the table would not fit. */
export const isNarrow = signal(narrow.matches);

narrow.addEventListener('change', () => {
  isNarrow.value = narrow.matches;
});
