import { expect } from 'chai';
import { Errands } from '../../../core/nodes/errands.js';
import type { NodeMessage } from '../../../core/nodes/messages.js';
import type { Peers } from '../../../core/nodes/peers.js';
import type { Looked } from '../../../core/services/looked.js';
import { FakeClock } from '../../support/fake-clock.js';

const PATIENCE = 5000;
const MOST = 500;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('errands', () => {
  let sent: { message: NodeMessage; to: string | undefined }[];
  let clock: FakeClock;
  let look: (udid: string) => Promise<Looked | undefined>;
  let errands: Errands;
  beforeEach(() => {
    sent = [];
    clock = new FakeClock();
    look = async (udid) => ({ kind: 'offer', firmware: udid, offered: true });
    const tell = (message: NodeMessage, to?: string): void => void sent.push({ message, to });
    errands = new Errands({ tell } as Peers, clock, (udid) => look(udid));
  });
  const looks = () =>
    sent.map(({ message, to }) => {
      if (message.kind !== 'look') throw new Error(message.kind);
      return { ...message, to };
    });
  const OFFERED: Looked = { kind: 'offer', offered: true };
  const NONE: Looked = { kind: 'none', offered: false };

  it('what is asked in one turn leaves in one message for each node', async () => {
    void Promise.all([errands.ask('a', '1'), errands.ask('b', '2'), errands.ask('a', '3')]);
    await settled();
    void errands.ask('a', '4');
    await settled();
    expect(looks().map(({ to, udids }) => [to, udids])).to.deep.equal([
      ['a', ['1', '3']],
      ['b', ['2']],
      ['a', ['4']],
    ]);
    expect(new Set(looks().map(({ id }) => id)).size).to.equal(3);
  });

  it('500 devices in one message, no more, each asked about once', async () => {
    const asked = Array.from({ length: 2 * MOST + 1 }, (_, i) => `${i}`);
    for (const udid of asked) void errands.ask('a', udid);
    await settled();
    expect(looks().map(({ udids }) => udids.length)).to.deep.equal([MOST, MOST, 1]);
    expect(looks().flatMap(({ udids }) => udids)).to.deep.equal(asked);
  });

  it('each gets its own answer, and one about a device that is not there is none', async () => {
    const answers = ['1', '2', '3'].map((udid) => errands.ask('a', udid));
    await settled();
    errands.looked({ kind: 'looked', id: looks()[0]?.id ?? 0, answers: [OFFERED, null] });
    expect(await Promise.all(answers)).to.deep.equal([OFFERED, undefined, undefined]);
  });

  it('an answer to another question is not taken for this one', async () => {
    const answer = errands.ask('a', '1');
    await settled();
    const id = looks()[0]?.id ?? 0;
    errands.looked({ kind: 'looked', id: id + 1, answers: [OFFERED] });
    errands.looked({ kind: 'looked', id, answers: [NONE] });
    errands.looked({ kind: 'looked', id, answers: [OFFERED] });
    expect(await answer).to.deep.equal(NONE);
  });

  it('is silent when no answer comes within 5 s, and a late one harms nobody', async () => {
    let said: unknown = 'nothing yet';
    void errands.ask('a', '1').then((answer) => {
      said = answer;
    });
    await settled();
    clock.advance(PATIENCE - 1);
    await settled();
    expect(said).to.equal('nothing yet');
    clock.advance(1);
    await settled();
    expect(said).to.equal('silent');
    errands.looked({ kind: 'looked', id: looks()[0]?.id ?? 0, answers: [OFFERED] });
  });

  it('is silent at once when the node is gone; what another was asked goes on', async () => {
    const [gone, there] = [errands.ask('a', '1'), errands.ask('b', '2')];
    await settled();
    errands.lost('a');
    expect(await gone).to.equal('silent');
    errands.looked({ kind: 'looked', id: looks()[1]?.id ?? 0, answers: [OFFERED] });
    expect(await there).to.deep.equal(OFFERED);
  });

  it('answers whoever asks, in the same order; a device that cannot be looked at holds up no other', async () => {
    look = async (udid) => {
      if (udid === 'broken') throw new Error('broken');
      return udid === 'unknown' ? undefined : { kind: 'offer', firmware: udid, offered: false };
    };
    await errands.look('a', { kind: 'look', id: 9, udids: ['1', 'broken', 'unknown', '2'] });
    const about = (firmware: string): Looked => ({ kind: 'offer', firmware, offered: false });
    expect(sent).to.deep.equal([
      { message: { kind: 'looked', id: 9, answers: [about('1'), null, null, about('2')] }, to: 'a' },
    ]);
  });
});
