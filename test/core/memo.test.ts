import { expect } from 'chai';
import { remembered } from '../../core/memo.js';

describe('what a function made of a text', () => {
  it('is made once, undefined too', () => {
    const made: string[] = [];
    const read = remembered((text) => {
      made.push(text);
      return text === '' ? undefined : text.length;
    });
    expect([read('abc'), read('abc'), read(''), read('')]).to.deep.equal([3, 3, undefined, undefined]);
    expect(made).to.deep.equal(['abc', '']);
  });

  it('is forgotten when there is too much of it, the oldest first, and made again', () => {
    let made = 0;
    const read = remembered((text) => {
      made++;
      return text;
    });
    for (let i = 0; i < 1000; i++) read(String(i));
    for (let i = 0; i < 1000; i++) read(String(i));
    expect(made, 'all are remembered').to.equal(1000);
    read('one more');
    read('999');
    expect(made, 'the latest still are').to.equal(1001);
    read('0');
    expect(made, 'the oldest is not').to.equal(1002);
  });
});
