import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { Link } from '../../../scripts/connect/link.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { FakeClock } from '../../support/fake-clock.js';

const RETRY_MS = 2000;

const refused = (): Error => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });

describe('the link of a gateway to its server', () => {
  let clock: FakeClock;
  let log: CollectingLog;
  let looks: number;
  let isThere: boolean;
  let link: Link;

  beforeEach(() => {
    clock = new FakeClock();
    log = new CollectingLog();
    looks = 0;
    isThere = true;
    link = new Link({
      name: 'http',
      check: async () => {
        looks += 1;
        if (!isThere) throw refused();
      },
      retryMs: RETRY_MS,
      clock,
      log,
    });
  });

  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await setImmediate();
  };
  const said = () => log.lines.map(({ level, message }) => `${level} ${message}`);

  it('is taken to be up until something fails', async () => {
    expect([link.isUp, link.reason]).to.deep.equal([true, undefined]);
    await link.look();
    expect([link.isUp, said(), clock.pending]).to.deep.equal([true, [], 0]);
  });

  it('says once that it is lost, however many fail, and once that it is back', async () => {
    isThere = false;
    for (let n = 0; n < 5; n++) link.down(refused());
    expect([link.isUp, link.reason]).to.deep.equal([false, 'nobody listens there (ECONNREFUSED)']);
    for (let n = 0; n < 5; n++) await pass(RETRY_MS);
    expect(said()).to.deep.equal(['warn the server cannot be reached']);
    expect(log.lines[0]?.facts).to.deep.equal({
      link: 'http',
      reason: 'nobody listens there (ECONNREFUSED)',
    });
    isThere = true;
    await pass(RETRY_MS);
    expect([link.isUp, link.reason]).to.deep.equal([true, undefined]);
    await pass(10 * RETRY_MS);
    expect(said()).to.deep.equal([
      'warn the server cannot be reached',
      'info the server can be reached again',
    ]);
  });

  it('looks every so often while it is lost', async () => {
    isThere = false;
    link.down(refused());
    await pass(RETRY_MS - 1);
    expect(looks).to.equal(0);
    for (let n = 1; n <= 3; n++) {
      await pass(n === 1 ? 1 : RETRY_MS);
      expect(looks).to.equal(n);
    }
  });

  it('in doubt is looked at once, and said to be lost only if it is', async () => {
    for (let n = 0; n < 5; n++) link.doubt();
    await setImmediate();
    expect([looks, link.isUp, said(), clock.pending]).to.deep.equal([1, true, [], 0]);
    isThere = false;
    for (let n = 0; n < 5; n++) link.doubt();
    await setImmediate();
    expect([looks, link.isUp, said()]).to.deep.equal([2, false, ['warn the server cannot be reached']]);
    // It is looked for by itself now.
    link.doubt();
    await setImmediate();
    expect(looks).to.equal(2);
  });

  it('looks for nothing once it is closed', async () => {
    isThere = false;
    link.down(refused());
    link.close();
    await pass(10 * RETRY_MS);
    expect([looks, clock.pending]).to.deep.equal([0, 0]);
  });

  it('tells in words what is wrong with a certificate', async () => {
    for (const [code, words] of [
      ['ERR_TLS_CERT_ALTNAME_INVALID', 'for another name'],
      ['CERT_HAS_EXPIRED', 'has expired'],
      ['SELF_SIGNED_CERT_IN_CHAIN', 'no authority that is trusted here (--ca FILE)'],
    ] as const) {
      link.down(Object.assign(new Error('unreadable'), { code }));
      expect(link.reason).to.include(words).and.to.include(code).and.to.not.include('unreadable');
    }
    link.down(new Error('something else'));
    expect(link.reason).to.equal('something else');
  });
});
