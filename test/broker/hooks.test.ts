import { expect } from 'chai';
import { Hooks } from '../../broker/hooks.js';
import type { Message, Plugin, Session, Verdict } from '../../broker/plugin.js';
import { anOwner, HOOK_MS } from '../support/broker-bench.js';
import { CollectingLog } from '../support/collecting-log.js';

const SESSION: Session = {
  clientId: 'client',
  identity: anOwner(),
  persistent: false,
  open: true,
  filters: [],
  grantedQos: () => undefined,
  bind: () => {},
  send: async () => {},
  close: () => {},
};
const MESSAGE: Message = { topic: '/a', payload: Buffer.alloc(0), qos: 0, retain: false, pushed: false };
const CREDENTIALS = { clientId: 'c', username: 'u', password: 'p', willTopic: undefined, connection: {} };

const fail = (): never => {
  throw new Error('broken plugin');
};
const reject = (): Promise<never> => Promise.reject(new Error('broken plugin'));
const hang = (): Promise<never> => new Promise(() => {});
/** Every way in which a plugin can fail to answer. */
const FAILURES = { throws: fail, rejects: reject, hangs: hang } as const;

describe('hooks', () => {
  let log: CollectingLog;
  beforeEach(() => {
    log = new CollectingLog();
  });
  const fold = (...plugins: Partial<Plugin>[]) =>
    new Hooks(
      plugins.map((plugin, i) => ({ name: `plugin-${i}`, ...plugin })),
      log,
      HOOK_MS,
    );

  /** What the words of some plugins come to. Each word may come at once or later. */
  const LAW: [words: Verdict[], allowed: boolean][] = [
    [[], false],
    [[undefined], false],
    [['allow'], true],
    [['deny'], false],
    [['allow', undefined], true],
    [[undefined, 'allow'], true],
    [['allow', 'deny'], false],
    [['deny', 'allow'], false],
    [['allow', 'deny', 'allow'], false],
  ];
  for (const [verdicts, allowed] of LAW) {
    const said = verdicts.map((word) => word ?? 'silence').join(', ') || 'no plugin';
    it(`${said}: ${allowed ? 'allowed' : 'refused'}, now or later, whatever is asked`, async () => {
      const now = fold(...verdicts.map((word) => ({ mayPublish: () => word, maySubscribe: () => word })));
      const later = fold(
        ...verdicts.map((word) => ({ mayPublish: async () => word, maySubscribe: async () => word })),
      );
      const mixed = fold(
        ...verdicts.map((word, i) => ({ mayPublish: () => (i % 2 ? word : Promise.resolve(word)) })),
      );
      expect(now.mayPublish(SESSION, '/a')).to.equal(allowed);
      expect(now.maySubscribe(SESSION, '/a')).to.equal(allowed);
      expect(await later.mayPublish(SESSION, '/a')).to.equal(allowed);
      expect(await later.maySubscribe(SESSION, '/a')).to.equal(allowed);
      expect(await mixed.mayPublish(SESSION, '/a')).to.equal(allowed);
      expect(
        fold(...verdicts.map((word) => ({ mayReceive: () => word }))).mayReceive(SESSION, MESSAGE),
      ).to.equal(allowed);
    });
  }

  it('knows nobody by itself, and believes the first plugin that answers', async () => {
    const me = anOwner({ keyId: 'me' });
    const other = { refused: 4 as const, reason: 'other' };
    expect(await fold().authenticate(CREDENTIALS)).to.include({ refused: 5 });
    expect(await fold({ authenticate: async () => undefined }).authenticate(CREDENTIALS)).to.include({
      refused: 5,
    });
    const hooks = fold(
      { authenticate: async () => undefined },
      { authenticate: async () => me },
      { authenticate: async () => other },
    );
    expect(await hooks.authenticate(CREDENTIALS)).to.equal(me);
  });

  for (const [how, failing] of Object.entries(FAILURES)) {
    describe(`a plugin that ${how}`, () => {
      it('is logged by its name and lets nobody in', async () => {
        const hooks = fold({ authenticate: failing }, { authenticate: async () => anOwner() });
        expect(await hooks.authenticate(CREDENTIALS)).to.include({ refused: 5 });
        expect(log.failedHooks).to.deep.equal(['plugin-0.authenticate']);
      });

      it('is logged by its name and counts as having refused', async () => {
        const hooks = fold(
          { mayPublish: failing, maySubscribe: failing },
          { mayPublish: () => 'allow', maySubscribe: () => 'allow' },
        );
        expect(await hooks.mayPublish(SESSION, '/a')).to.equal(false);
        expect(await hooks.maySubscribe(SESSION, '/a')).to.equal(false);
        expect(log.failedHooks).to.deep.equal(['plugin-0.mayPublish', 'plugin-0.maySubscribe']);
      });

      it('is logged by its name and keeps no other from storing a message', async () => {
        const stored: string[] = [];
        const hooks = fold(
          { publishing: failing },
          { publishing: async (_, { topic }) => void stored.push(topic) },
        );
        await hooks.publishing(SESSION, MESSAGE);
        expect(stored).to.deep.equal(['/a']);
        expect(log.failedHooks).to.deep.equal(['plugin-0.publishing']);
      });

      it('is logged by its name and keeps no other from reacting', async () => {
        const heard: string[] = [];
        const reacting = (hear: () => void | Promise<void>): Partial<Plugin> => ({
          connected: hear,
          subscribed: hear,
          published: hear,
          disconnected: hear,
        });
        const hooks = fold(
          reacting(failing),
          reacting(() => void heard.push('heard')),
        );
        hooks.connected(SESSION);
        hooks.subscribed(SESSION, ['/a']);
        hooks.published(SESSION, MESSAGE);
        hooks.disconnected(SESSION);
        expect(heard).to.have.length(4);
        await hooks.settled();
        expect(log.failedHooks).to.have.members(
          ['connected', 'subscribed', 'published', 'disconnected'].map((hook) => `plugin-0.${hook}`),
        );
      }).timeout(2000);
    });
  }

  it('a plugin that throws when asked about a message on its way out keeps that message back', () => {
    const hooks = fold({ mayReceive: fail }, { mayReceive: () => 'allow' });
    expect(hooks.mayReceive(SESSION, MESSAGE)).to.equal(false);
    expect(log.failedHooks).to.deep.equal(['plugin-0.mayReceive']);
  });

  it('settles when every reaction is over, those that a reaction began included', async () => {
    const over: string[] = [];
    const hooks = fold({
      connected: async () => {
        await Promise.resolve();
        hooks.published(SESSION, MESSAGE);
        over.push('connected');
      },
      published: async () => {
        await Promise.resolve();
        over.push('published');
      },
    });
    hooks.connected(SESSION);
    await hooks.settled();
    expect(over).to.deep.equal(['connected', 'published']);
  });
});
