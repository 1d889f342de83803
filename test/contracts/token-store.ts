import { expect } from 'chai';
import type { Span } from '../../core/coverage.js';
import type { TokenStore } from '../../core/ports.js';
import { TOKEN_LIFE_AFTER_ATTEMPT_MS, TOKEN_LIFE_MS } from '../../core/token.js';
import { aToken, NOW, OTHER_UDID, UDID } from '../support/builders.js';
import { type Open, type Opened, plain, range } from './harness.js';

const hash = (n: number): string => `${n}`.padStart(64, '0');
const SIZE = 1000;
const WHOLE: Span = [0, SIZE];
const A = hash(1);
const B = hash(2);

/** What every `TokenStore` does. */
export function describeTokenStore(name: string, open: Open<TokenStore>): void {
  describe(`${name}: tokens`, () => {
    let opened: Opened<TokenStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const issue = (token: string, udid = UDID) =>
      opened.store.issue(aToken({ hash: token, udid, size: SIZE }));
    const known = async (token: string) => (await opened.other.get(token)) !== undefined;

    describe('issue and kill', () => {
      it('returns a token as it was issued, on every node', async () => {
        const token = aToken({ params: { use: 'ott', mac: '5CCF7F1A2B3C' } });
        await opened.store.issue(token);
        for (const store of [opened.store, opened.other])
          expect(plain(await store.get(token.hash))).to.deep.equal(plain(token));
      });

      it('kills the token the device had before, and no other', async () => {
        await issue(A);
        await issue(hash(9), OTHER_UDID);
        await issue(B);
        expect([await known(A), await known(B), await known(hash(9))]).to.deep.equal([false, true, true]);
        expect(await opened.store.begin(A, 'late', NOW)).to.equal(undefined);
      });

      it('leaves exactly one token of many that are issued at once from two nodes', async () => {
        const token = (n: number) => aToken({ hash: hash(n), size: SIZE });
        await Promise.all(range(20).map((n) => (n % 2 ? opened.store : opened.other).issue(token(n))));
        const live = await Promise.all(range(20).map((n) => known(hash(n))));
        expect(live.filter(Boolean)).to.have.length(1);
      });

      it('kills the token of one device; killing again does nothing', async () => {
        await issue(A);
        await issue(B, OTHER_UDID);
        await opened.store.kill(UDID);
        await opened.store.kill(UDID);
        expect([await known(A), await known(B)]).to.deep.equal([false, true]);
      });

      it('keeps a completed token as proof, through a new one, a kill and another new one', async () => {
        await issue(A);
        await opened.store.begin(A, 'first', NOW);
        expect(await opened.store.complete(A, 'first', WHOLE, NOW + 1)).to.equal(true);
        await issue(B);
        await opened.store.kill(UDID);
        await issue(hash(3));
        expect((await opened.other.get(A))?.completedAt).to.equal(NOW + 1);
        expect([await known(B), await known(hash(3))]).to.deep.equal([false, true]);
      });
    });

    describe('attempts', () => {
      it('shortens the life at the first attempt, and no later one moves the deadline', async () => {
        await issue(A);
        const deadline = NOW + 5 + TOKEN_LIFE_AFTER_ATTEMPT_MS;
        const first = await opened.store.begin(A, 'first', NOW + 5);
        expect(first).to.include({ attempt: 'first', firstAttemptAt: NOW + 5, expiresAt: deadline });
        const second = await opened.other.begin(A, 'second', NOW + 500);
        expect(second).to.include({ attempt: 'second', firstAttemptAt: NOW + 5, expiresAt: deadline });
        expect(plain(await opened.store.get(A))).to.deep.equal(plain(second));
      });

      it('begins until its deadline, not at it', async () => {
        await issue(A);
        expect(await opened.store.begin(A, 'first', NOW + TOKEN_LIFE_MS)).to.equal(undefined);
        expect(await opened.store.begin(A, 'first', NOW + TOKEN_LIFE_MS - 1)).to.include({
          expiresAt: NOW + TOKEN_LIFE_MS,
        });
      });

      it('lets one of two attempts at once own the token, and only that one goes on', async () => {
        await issue(A);
        const attempts = ['one', 'two'];
        await Promise.all([opened.store.begin(A, 'one', NOW), opened.other.begin(A, 'two', NOW)]);
        const owner = (await opened.store.get(A))?.attempt;
        const covered = attempts.map((attempt) => opened.store.cover(A, attempt, [0, 10], NOW));
        expect(await Promise.all(covered)).to.deep.equal(attempts.map((attempt) => attempt === owner));
      });

      it('begins nothing with a token that is unknown or complete', async () => {
        expect(await opened.store.begin(A, 'first', NOW)).to.equal(undefined);
        await issue(A);
        await opened.store.begin(A, 'first', NOW);
        await opened.store.complete(A, 'first', WHOLE, NOW);
        expect(await opened.store.begin(A, 'second', NOW)).to.equal(undefined);
      });
    });

    describe('coverage and completion', () => {
      it('adds up what left in several attempts until the whole body has', async () => {
        await issue(A);
        await opened.store.begin(A, 'first', NOW);
        expect(await opened.store.cover(A, 'first', [0, 400], NOW)).to.equal(true);
        expect(await opened.store.complete(A, 'first', [600, SIZE], NOW)).to.equal(false);
        expect((await opened.store.get(A))?.spans).to.deep.equal([[0, 400]]);
        await opened.store.begin(A, 'second', NOW);
        expect(await opened.other.cover(A, 'second', [300, 600], NOW)).to.equal(true);
        expect((await opened.store.get(A))?.spans).to.deep.equal([[0, 600]]);
        expect(await opened.store.complete(A, 'second', [600, SIZE], NOW)).to.equal(true);
        expect(await opened.other.get(A)).to.include({ completedAt: NOW });
      });

      it('tells exactly one of many at once that it completed, on two nodes', async () => {
        await issue(A);
        await opened.store.begin(A, 'first', NOW);
        const stores = [opened.store, opened.other];
        const tries = range(20).map((n) => stores[n % 2]?.complete(A, 'first', WHOLE, NOW));
        expect((await Promise.all(tries)).filter(Boolean)).to.have.length(1);
        expect(await opened.store.complete(A, 'first', WHOLE, NOW)).to.equal(false);
      });

      it('refuses an attempt that was overtaken, that never began, or that is too late', async () => {
        await issue(A);
        expect(await opened.store.cover(A, 'never', WHOLE, NOW)).to.equal(false);
        expect(await opened.store.complete(A, 'never', WHOLE, NOW)).to.equal(false);
        await opened.store.begin(A, 'first', NOW);
        await opened.store.begin(A, 'second', NOW);
        expect(await opened.store.cover(A, 'first', [0, 10], NOW)).to.equal(false);
        expect(await opened.store.complete(A, 'first', WHOLE, NOW)).to.equal(false);
        const deadline = NOW + TOKEN_LIFE_AFTER_ATTEMPT_MS;
        expect(await opened.store.cover(A, 'second', [0, 10], deadline)).to.equal(false);
        expect(await opened.store.complete(A, 'second', WHOLE, deadline)).to.equal(false);
        expect(await opened.store.complete(A, 'second', WHOLE, deadline - 1)).to.equal(true);
      });

      it('refuses an attempt with a token that has been killed or replaced meanwhile', async () => {
        await issue(A);
        await opened.store.begin(A, 'first', NOW);
        await issue(B);
        expect(await opened.store.cover(A, 'first', [0, 10], NOW)).to.equal(false);
        expect(await opened.store.complete(A, 'first', WHOLE, NOW)).to.equal(false);
        expect(await known(A)).to.equal(false);
      });
    });

    describe('sweep', () => {
      it('removes what is past its deadline, at most as many as asked for, and nothing else', async () => {
        for (const n of range(5)) {
          const udid = `${UDID.slice(0, -1)}${n}`;
          await opened.store.issue(aToken({ hash: hash(n), udid, expiresAt: NOW + n }));
        }
        expect(await opened.store.sweep(NOW - 1, 10)).to.equal(0);
        expect(await opened.store.sweep(NOW + 2, 2)).to.equal(2);
        expect(await opened.other.sweep(NOW + 3, 10)).to.equal(2);
        expect(await opened.store.sweep(NOW + 3, 10)).to.equal(0);
        const left = await Promise.all(range(5).map((n) => known(hash(n))));
        expect(left).to.deep.equal([false, false, false, false, true]);
      });

      it('goes by the deadline that the first attempt has set', async () => {
        await issue(A);
        await opened.store.begin(A, 'first', NOW);
        expect(await opened.store.sweep(NOW + TOKEN_LIFE_AFTER_ATTEMPT_MS - 1, 10)).to.equal(0);
        expect(await opened.store.sweep(NOW + TOKEN_LIFE_AFTER_ATTEMPT_MS + 1, 10)).to.equal(1);
        expect(await opened.store.sweep(NOW + TOKEN_LIFE_MS + 1, 10)).to.equal(0);
      });

      it('comes to what has expired past what was killed before its time', async () => {
        for (const n of range(5)) await issue(hash(n));
        await opened.store.kill(UDID);
        await opened.store.issue(aToken({ hash: B, udid: OTHER_UDID, expiresAt: NOW + TOKEN_LIFE_MS + 1 }));
        let rounds = 0;
        while (rounds < 10 && (await opened.store.sweep(NOW + TOKEN_LIFE_MS + 1, 2)) === 2) rounds++;
        expect(rounds).to.be.at.most(3);
        expect(await known(B)).to.equal(false);
        expect(await opened.store.sweep(NOW + TOKEN_LIFE_MS + 1, 10)).to.equal(0);
      });

      it('takes completed tokens too, and leaves the newer one of the device alone', async () => {
        await issue(A);
        await opened.store.begin(A, 'first', NOW);
        await opened.store.complete(A, 'first', WHOLE, NOW);
        await issue(B);
        expect(await opened.store.sweep(NOW + TOKEN_LIFE_AFTER_ATTEMPT_MS + 1, 10)).to.equal(1);
        expect([await known(A), await known(B)]).to.deep.equal([false, true]);
        await issue(hash(3));
        expect(await known(B)).to.equal(false);
      });
    });
  });
}
