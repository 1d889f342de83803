import { expect } from 'chai';
import { endToEnd, pairsOf } from '../../../scripts/connect/headers.js';

describe('headers that a gateway passes on', () => {
  it('are all but those of one connection (RFC 9110, 7.6.1), in their order and case', () => {
    const raw = [
      ...[
        'x-MD5',
        'a',
        'Connection',
        'close, X-Hop',
        'x-hop',
        '1',
        'Keep-Alive',
        'timeout=5',
        'TE',
        'trailers',
      ],
      ...['Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'Proxy-Authorization', 'b', 'Trailer', 'c'],
      ...['Proxy-Connection', 'keep-alive', 'Proxy-Authenticate', 'd', 'Expect', '100-continue'],
      ...['ETag', '"e"', 'Set-Cookie', '1', 'Set-Cookie', '2'],
    ];
    expect(endToEnd(raw)).to.deep.equal([
      ...['x-MD5', 'a', 'ETag', '"e"', 'Set-Cookie', '1', 'Set-Cookie', '2'],
    ]);
  });

  it('are those that are asked to stay, too, whatever their case', () => {
    expect(endToEnd(['HOST', 'x', 'Content-length', '1', 'A', 'b'], 'host', 'content-length')).to.deep.equal([
      'A',
      'b',
    ]);
  });

  it('come in pairs', () => {
    expect(pairsOf(['a', '1', 'b', '2'])).to.deep.equal([
      ['a', '1'],
      ['b', '2'],
    ]);
  });
});
