import type { Page } from './ports.js';

/**
 * A listing page after page, each asked for when it is taken.
 * @param read the page after this one; the first without
 */
export async function* pagesOf<T>(
  read: (after: string | undefined) => Page<T> | Promise<Page<T>>,
): AsyncGenerator<readonly T[]> {
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await read(after);
    yield page.items;
    after = page.next;
  }
}
