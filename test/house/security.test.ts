import { readFile } from 'node:fs/promises';
import { expect } from 'chai';

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('SECURITY.md', () => {
  it('names for each threat a test that there is', async () => {
    const text = await read('SECURITY.md');
    const rows = [...text.matchAll(/^\|[^|\n]+\|[^|\n]+\| `(test\/[^`]+)`: "([^"]+)" \|$/gm)];
    expect(rows).to.have.length.above(20);
    const threats = text.split('\n').filter((line) => /^\| [A-Z`]/.test(line));
    expect(rows).to.have.length(threats.length);
    for (const [, file = '', name = ''] of rows)
      expect((await read(file)).includes(name), `${file}: ${name}`).to.equal(true);
  });
});
