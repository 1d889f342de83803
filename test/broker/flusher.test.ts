import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { Flusher } from '../../broker/flusher.js';

/** A connection that keeps what is written to it. */
function connection(name: string, order: string[] = []): Duplex & { readonly got: string[] } {
  const got: string[] = [];
  const conn = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      got.push(chunk.toString());
      order.push(`${name}${chunk.toString()}`);
      done();
    },
  });
  conn.on('error', () => {});
  return Object.assign(conn, { got });
}

describe('the flusher', () => {
  let flusher: Flusher;
  beforeEach(() => {
    flusher = new Flusher();
  });
  const write = (conn: Duplex, ...texts: string[]) =>
    texts.map((text) => flusher.write(conn, Buffer.from(text)));

  it('writes nothing before the end of the turn, and then all, in the order of the calls', async () => {
    const order: string[] = [];
    const [a, b] = [connection('a', order), connection('b', order)];
    const writing = [...write(a, '1'), ...write(b, '1'), ...write(a, '2', '3'), ...write(b, '2')];
    await Promise.resolve();
    expect(order).to.deep.equal([]);
    await writing[0];
    expect(order).to.deep.equal(['a1', 'b1', 'a2', 'a3', 'b2']);
    await Promise.all(writing);
    expect(a.got).to.deep.equal(['1', '2', '3']);
  });

  it('passes over who is gone, before or after the call, and tells nobody otherwise', async () => {
    const [before, after, ended, good] = ['before', 'after', 'ended', 'good'].map((name) => connection(name));
    if (!before || !after || !ended || !good) throw new Error('there are four');
    const errors: Error[] = [];
    for (const conn of [before, after, ended]) conn.on('error', (error) => errors.push(error));
    before.destroy();
    ended.end();
    const writing = [before, after, ended, good].flatMap((conn) => write(conn, '1', '2'));
    after.destroy();
    await Promise.all(writing);
    expect([before.got, after.got, ended.got]).to.deep.equal([[], [], []]);
    expect(errors).to.deep.equal([]);
    expect(good.got).to.deep.equal(['1', '2']);
  });

  it('writes what is said while it writes in a turn of its own, and after it', async () => {
    const order: string[] = [];
    const second = connection('second', order);
    const late: Promise<void>[] = [];
    const first = new Duplex({
      read() {},
      write(_chunk, _encoding, done) {
        order.push('first');
        late.push(...write(second, 'late'));
        done();
      },
    });
    const early = [...write(first, 'x'), ...write(second, 'early')];
    await Promise.all(early);
    expect(order).to.deep.equal(['first', 'secondearly']);
    await Promise.all(late);
    expect(order).to.deep.equal(['first', 'secondearly', 'secondlate']);
  });

  it('goes on after a turn with nobody left to write to', async () => {
    const [gone, good] = [connection('gone'), connection('good')];
    gone.destroy();
    await Promise.all(write(gone, '1'));
    await Promise.all(write(good, '2'));
    expect(good.got).to.deep.equal(['2']);
  });
});
