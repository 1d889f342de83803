import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { sketch } from '../../rtm/src/model/sketch.js';

/** What README writes where an owner fills in their own. */
const PLACEHOLDERS = {
  host: '192.168.1.10',
  httpPort: 7442,
  mqttPort: 1883,
  owner: '<owner>',
  key: '<device key>',
} as const;

describe('the sketch', () => {
  it('is the same in README and on the page', async () => {
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
    const shown = /^```cpp\n([\s\S]*?)^```/m.exec(readme)?.[1];
    expect(sketch(PLACEHOLDERS)).to.equal(shown);
  });
});
