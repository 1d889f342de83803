import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const BIN = fileURLToPath(new URL('../../../scripts/firmwire.js', import.meta.url));

describe('command line: a reader that leaves, as head does', () => {
  it('ends it without a word', async () => {
    const child = spawn(process.execPath, [BIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    // Closed long before the program has loaded, so that its first write meets a broken pipe.
    child.stdout.destroy();
    const closed = once(child, 'close');
    const err = await text(child.stderr);
    const [exitCode, signal] = await closed;
    expect([err, exitCode, signal]).to.deep.equal(['', 0, null]);
  });
});
