import { expect } from 'chai';
import { pagesOf } from '../../core/pages.js';
import type { Page } from '../../core/ports.js';

describe('a listing page after page', () => {
  const PAGES: Readonly<Record<string, Page<number>>> = {
    first: { items: [1, 2], next: 'b' },
    b: { items: [], next: 'c' },
    c: { items: [3], next: undefined },
  };

  it('begins without a place, goes on where each page says, and ends with the last', async () => {
    const asked: (string | undefined)[] = [];
    const got: (readonly number[])[] = [];
    const read = async (after: string | undefined): Promise<Page<number>> => {
      asked.push(after);
      return PAGES[after ?? 'first'] as Page<number>;
    };
    for await (const items of pagesOf(read)) got.push(items);
    expect(got).to.deep.equal([[1, 2], [], [3]]);
    expect(asked).to.deep.equal([undefined, 'b', 'c']);
  });

  it('asks for no page that is not taken', async () => {
    let asked = 0;
    const read = (): Page<number> => ({ items: [++asked], next: 'more' });
    for await (const items of pagesOf(read)) if (items.includes(2)) break;
    expect(asked).to.equal(2);
  });
});
