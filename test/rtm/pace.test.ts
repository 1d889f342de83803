import { expect } from 'chai';
import { Pace } from '../../rtm/src/model/pace.js';

const EVERY_MS = 10;

describe('the pace at which the page is drawn', () => {
  it('is at once for the first, and once more for all that came meanwhile', async () => {
    let shown = 0;
    let isDone = (): void => {};
    const second = new Promise<void>((resolve) => {
      isDone = resolve;
    });
    const pace = new Pace(() => {
      shown++;
      if (shown === 2) isDone();
    }, EVERY_MS);
    pace.ask();
    expect(shown).to.equal(1);
    for (let i = 0; i < 100; i++) pace.ask();
    expect(shown).to.equal(1);
    await second;
    pace.stop();
    expect(shown).to.equal(2);
  });

  it('does nothing more once it has been stopped', async () => {
    let shown = 0;
    const stopped = new Pace(() => {
      shown++;
    }, EVERY_MS);
    stopped.ask();
    stopped.ask();
    stopped.stop();
    // Another of the same pace, set later: the turn of the stopped one would have come before its second.
    let turns = 0;
    await new Promise<void>((resolve) => {
      const other = new Pace(() => {
        turns++;
        if (turns === 2) resolve();
      }, EVERY_MS);
      other.ask();
      other.ask();
    });
    expect(shown).to.equal(1);
  });
});
