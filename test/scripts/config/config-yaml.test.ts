import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parse } from 'yaml';
import { settingKeys } from '../../../scripts/config/keys.js';
import { defaultSettings, loadSettings } from '../../../scripts/config/load.js';

// The tests run from the top of the repository.
const FILE = 'config.yaml';

describe('config.yaml', () => {
  it('is accepted', async () => {
    expect(await loadSettings({ file: FILE, env: {} })).to.deep.equal(defaultSettings());
  });

  it('holds every setting of the schema with its default, and in the same order', async () => {
    const tree: unknown = parse(await readFile(FILE, 'utf8'));
    expect(JSON.stringify(tree)).to.equal(JSON.stringify(defaultSettings()));
  });

  it('says in a line of its own why each setting exists', async () => {
    const lines = (await readFile(FILE, 'utf8')).split('\n');
    const explained = lines.filter((line, index) => {
      const isSetting = /^ *[a-zA-Z]+: \S/.test(line);
      return isSetting && /^ *# \S.{10,}[.]$/.test(lines[index - 1] ?? '');
    });
    expect(explained.map((line) => line.trim().split(':')[0])).to.deep.equal(
      settingKeys().map(({ path }) => path.split('.').at(-1)),
    );
  });
});
