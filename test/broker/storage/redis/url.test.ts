import { expect } from 'chai';
import { redisOptions } from '../../../../broker/storage/redis/url.js';
import { FirmwireError } from '../../../../core/errors.js';

describe('redis.url', () => {
  for (const [url, options] of [
    ['redis://db', { host: 'db', port: 6379 }],
    ['redis://127.0.0.1:7000/', { host: '127.0.0.1', port: 7000 }],
    ['redis://db/3', { host: 'db', port: 6379, db: 3 }],
    ['redis://:p%40ss@db', { host: 'db', port: 6379, password: 'p@ss' }],
    ['redis://ann:pass@db:1', { host: 'db', port: 1, username: 'ann', password: 'pass' }],
    ['redis://[::1]:7000', { host: '::1', port: 7000 }],
    ['rediss://db.example', { host: 'db.example', port: 6379, tls: { servername: 'db.example' } }],
    ['redis+sentinel://a/primary', { sentinels: [{ host: 'a', port: 26379 }], name: 'primary' }],
    [
      'redis+sentinel://ann:p%3Ass@a:1,[::1]:2,c/primary/4?sentinelPassword=other',
      {
        sentinels: [
          { host: 'a', port: 1 },
          { host: '::1', port: 2 },
          { host: 'c', port: 26379 },
        ],
        name: 'primary',
        username: 'ann',
        password: 'p:ss',
        sentinelPassword: 'other',
        db: 4,
      },
    ],
  ] as const)
    it(`${url} is understood`, () => expect(redisOptions(url)).to.deep.equal(options));

  const failure = (url: string): FirmwireError => {
    try {
      redisOptions(url);
    } catch (error) {
      if (error instanceof FirmwireError) return error;
    }
    throw new Error(`${url} was not refused`);
  };

  for (const url of ['cluster://a,b', 'redis+cluster://a', 'rediss-cluster://a', 'redis-cluster://a:1'])
    it(`${url} is refused with the reason`, () => {
      const { code, message } = failure(url);
      expect(code).to.equal('config_invalid');
      expect(message).to.match(/^redis\.url names a cluster\..*wildcards.*slots.*Sentinel/);
    });

  for (const url of [
    '',
    'localhost:6379',
    'http://db',
    'redis://',
    'redis://:secret@',
    'redis://db:port',
    'redis://db:70000',
    'redis://db/one',
    'redis://db/1/2',
    'redis://secret%zz@db',
    'redis://db?family=6',
    'redis+sentinel://a',
    'redis+sentinel:///primary',
    'redis+sentinel://a,/primary',
    'redis+sentinel://a:port/primary',
    'redis+sentinel://a/primary/x',
    'redis+sentinel://:secret@a/primary?mode=x',
  ])
    it(`${url || 'nothing'} is refused, and no secret is shown`, () => {
      const { code, message } = failure(url);
      expect(code).to.equal('config_invalid');
      expect(message).to.match(/^redis\.url .*It has one of these forms: redis:\/\//);
      expect(message).to.not.match(/secret/);
    });
});
