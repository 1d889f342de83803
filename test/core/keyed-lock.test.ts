import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { KeyedLock } from '../../core/keyed-lock.js';

describe('a keyed lock', () => {
  let lock: KeyedLock;
  let order: string[];
  beforeEach(() => {
    lock = new KeyedLock();
    order = [];
  });

  const step = (key: string, name: string): Promise<string> =>
    lock.acquire(key, async () => {
      order.push(`${name} begins`);
      await setImmediate();
      order.push(`${name} ends`);
      return name;
    });

  it('lets actions on one key happen one after the other, in the order of the calls', async () => {
    expect(await Promise.all([step('a', '1'), step('a', '2')])).to.deep.equal(['1', '2']);
    expect(order).to.deep.equal(['1 begins', '1 ends', '2 begins', '2 ends']);
  });

  it('lets actions on different keys happen at once', async () => {
    await Promise.all([step('a', '1'), step('b', '2')]);
    expect(order).to.deep.equal(['1 begins', '2 begins', '1 ends', '2 ends']);
  });

  it('is taken from the first moment of its action on', async () => {
    let inner: Promise<string> | undefined;
    await lock.acquire('a', async () => {
      inner = step('a', 'inner');
      await setImmediate();
      order.push('outer ends');
    });
    await inner;
    expect(order).to.deep.equal(['outer ends', 'inner begins', 'inner ends']);
  });

  it('goes on after a failure, and tells it to its caller only', async () => {
    const failing = lock.acquire('a', async () => {
      throw new Error('no');
    });
    const next = step('a', 'next');
    expect(await failing.catch((error: Error) => error.message)).to.equal('no');
    expect(await next).to.equal('next');
  });
});
