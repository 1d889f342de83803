import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import Fastify from 'fastify';
import { ERROR_TEXTS } from '../../core/errors.js';
import { HomeAssistantTopics } from '../../core/home-assistant/topics.js';
import { LIMITS } from '../../core/limits.js';
import { type ApiParts, apiRoutes } from '../../http-fallback/api/index.js';
import { apiDocs } from '../../http-fallback/docs.js';
import { HTTP_STATUS } from '../../http-fallback/status.js';

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** Code and status of every row of a table. */
const rows = (text: string): [string, number][] =>
  [...text.matchAll(/^\| `([^`]+)` +\| (\d{3}) +\|/gm)].map(([, code = '', status]) => [
    code,
    Number(status),
  ]);

describe('the docs', () => {
  it('docs/errors.md lists every error code with its status, and no other', async () => {
    const listed = new Map(rows(await read('docs/errors.md')));
    const actual = new Map(Object.entries(HTTP_STATUS));
    expect([...listed.keys()].sort()).to.deep.equal([...actual.keys()].sort());
    for (const [code, status] of actual) expect([code, listed.get(code)]).to.deep.equal([code, status]);
  });

  it('docs/limits.md names every limit, and no other', async () => {
    const named = [...(await read('docs/limits.md')).matchAll(/^\| `([a-z]+)` +\|/gm)].map(
      ([, name]) => name,
    );
    expect(named.toSorted()).to.deep.equal([...LIMITS].toSorted());
  });

  it('every error code has a sentence for a person', () => {
    for (const text of Object.values(ERROR_TEXTS)) expect(text).to.match(/^[A-Z].*\.$/);
  });

  it('docs/reasons.md lists every reason, and no other', async () => {
    const [why, decide] = await Promise.all([read('core/why.ts'), read('core/decide.ts')]);
    const union = (source: string, name: string): string[] =>
      [...(new RegExp(`type ${name} =([^;]+);`).exec(source)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
        ([, r = '']) => r,
      );
    const reasons = [...union(decide, 'Reason'), ...union(why, 'WhyReason')];
    const listed = [...(await read('docs/reasons.md')).matchAll(/^\| `(\w+)` +\|/gm)].map(
      ([, reason]) => reason,
    );
    expect(reasons).to.have.length.greaterThan(15);
    expect(listed.sort()).to.deep.equal(reasons.sort());
  });

  it('docs/home-assistant.md tells what is shown in every state of an update, and wire.md its topics', async () => {
    const [states, entity, wire] = await Promise.all(
      ['docs/update-states.md', 'docs/home-assistant.md', 'docs/wire.md'].map(read),
    );
    const names = [...(states ?? '').matchAll(/^\| (\w+) +\| (?!what it means)/gm)].map(
      ([, name = '']) => name,
    );
    expect(names).to.have.length(9);
    const [, table = ''] = (entity ?? '').split('## What the entity shows');
    const told =
      table
        .split('\n## ')[0]
        ?.match(/^\| .*? \|/gm)
        ?.join() ?? '';
    for (const name of names) expect(told, name).to.match(new RegExp(`\\b${name}\\b`));
    const topics = new HomeAssistantTopics('<prefix>');
    const listed = [topics.config('<udid>'), topics.state('<udid>'), topics.command('<udid>'), topics.status];
    for (const topic of listed) expect(wire).to.include(`| \`${topic}\``);
  });

  it('every link between documents leads somewhere', async () => {
    const files = [
      'README.md',
      'docs/architecture.md',
      'docs/performance.md',
      'docs/library.md',
      'docs/firmware-storage.md',
      'docs/update-states.md',
      'docs/api.md',
      'docs/rtm.md',
      'docs/operations.md',
      'docs/redis.md',
      'docs/errors.md',
      'docs/backup.md',
      'docs/wire.md',
      'docs/home-assistant.md',
      'docs/tls.md',
      'docs/faults.md',
      'docs/gateway.md',
      'docs/keys.md',
      'docs/signing.md',
      'docs/limits.md',
      'docs/rollouts.md',
    ];
    for (const file of files) {
      const text = await read(file);
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        const path = new URL(target, `file:///${file}`).pathname.slice(1);
        await read(path);
      }
    }
  });

  it('docs/api.md lists every call of the API, and no other', async () => {
    const listed = [...(await read('docs/api.md')).matchAll(/^\| `([A-Z]+ \/api\/v1[^`]*)` +\|/gm)].map(
      ([, call]) => call,
    );
    const app = Fastify();
    await apiDocs(app);
    // The routes are only described here, never called.
    await app.register(apiRoutes, { ...({} as ApiParts), prefix: '/api/v1' });
    await app.ready();
    const calls = Object.entries(app.swagger().paths ?? {}).flatMap(([path, methods]) =>
      Object.keys(methods ?? {}).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(calls).to.have.length.greaterThan(10);
    expect(listed.sort()).to.deep.equal(calls.sort());
    await app.close();
  });
});
