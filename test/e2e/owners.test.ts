import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect } from 'chai';
import WebSocket from 'ws';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { at, listAt, textAt } from '../support/json.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { OwnerApi, ownerApi } from '../support/owner-api.js';
import { get, post } from '../support/raw-http.js';
import { type Account, ServerProcess } from '../support/server-process.js';

/** Who takes part: an owner, or one of their devices. */
interface Actor {
  readonly name: string;
  readonly account: Account;
  readonly udid?: string;
  peer: MqttPeer;
}

/** A topic of a device or of an owner, and who section 1 of wire.md lets write and read it. */
interface Cell {
  readonly topic: string;
  readonly mayWrite: (actor: Actor) => boolean;
  /** @param writer whose message it is: a topic of Home Assistant's names no owner */
  readonly mayRead: (reader: Actor, writer?: Actor) => boolean;
  /** What is retained is not kept. */
  readonly isPassing?: true;
}

const nobody = (): boolean => false;
const isOwner =
  (account: Account): Cell['mayRead'] =>
  (actor) =>
    actor.account.owner === account.owner && actor.udid === undefined;
const isDevice = (account: Account, udid: string) => (actor: Actor) =>
  actor.account.owner === account.owner && actor.udid === udid;
const ofOwner = (account: Account) => (actor: Actor) => actor.account.owner === account.owner;
const either = (one: Cell['mayRead'], other: Cell['mayRead']) => (actor: Actor) => one(actor) || other(actor);

function deviceCells(account: Account, udid: string): Cell[] {
  const [owner, device] = [isOwner(account), isDevice(account, udid)];
  const base = `/${account.owner}`;
  return [
    { topic: `${base}/${udid}`, mayWrite: nobody, mayRead: device },
    { topic: `${base}/${udid}/status`, mayWrite: device, mayRead: owner },
    { topic: `${base}/${udid}/light`, mayWrite: either(owner, device), mayRead: either(owner, device) },
    { topic: `${base}/${udid}/a/b/c`, mayWrite: either(owner, device), mayRead: either(owner, device) },
    { topic: `${base}/rtm/devices/${udid}`, mayWrite: nobody, mayRead: owner },
    { topic: `${base}/rtm/notices/${udid}`, mayWrite: nobody, mayRead: owner },
    { topic: `${base}/rtm/notices/${udid}/reply`, mayWrite: owner, mayRead: nobody },
  ];
}

function ownerCells(account: Account): Cell[] {
  const base = `/${account.owner}`;
  return [
    { topic: `${base}/rtm/events`, mayWrite: nobody, mayRead: isOwner(account) },
    { topic: `${base}/rtm/other`, mayWrite: nobody, mayRead: nobody },
    { topic: `${base}/shared/scene`, mayWrite: ofOwner(account), mayRead: ofOwner(account) },
    { topic: `${base}/shared/deep/er`, mayWrite: ofOwner(account), mayRead: ofOwner(account) },
    { topic: base, mayWrite: nobody, mayRead: nobody },
  ];
}

const ofNoDevice = ({ udid }: Actor): boolean => udid === undefined;

/** The topics of Home Assistant, with these devices' UDIDs; nobody's, unless it is enabled. */
function homeAssistantCells(udids: readonly string[], isEnabled: boolean): Cell[] {
  const entities = udids.map((udid) => `homeassistant/update/${udid}`);
  const closed = entities.flatMap((entity) => ['/config', '/state', ''].map((end) => entity + end));
  const cells: Cell[] = [...closed, 'homeassistant/light/x/config', 'homeassistant/x', 'homeassistant'].map(
    (topic) => ({ topic, mayWrite: nobody, mayRead: nobody }),
  );
  const mayWrite = isEnabled ? ofNoDevice : nobody;
  for (const entity of entities)
    cells.push({ topic: `${entity}/install`, mayWrite, mayRead: nobody, isPassing: true });
  const isSame: Cell['mayRead'] = (reader, writer) =>
    ofNoDevice(reader) && reader.account.owner === writer?.account.owner;
  cells.push({ topic: 'homeassistant/status', mayWrite, mayRead: isSame, isPassing: true });
  return cells;
}

const NOBODYS: readonly Cell[] = [
  '$SYS/broker/new',
  '$SYS/x/new/clients',
  '$other/x',
  'plain/topic',
  '/',
  '/x/y',
].map((topic) => ({ topic, mayWrite: nobody, mayRead: nobody }));

const WILDCARDS = [
  '#',
  '/#',
  '+/#',
  '/+/#',
  '/+/+',
  '/+/+/#',
  '/+/+/status',
  '/+/rtm/#',
  '/+/rtm/+',
  '/+/rtm/+/+',
];
const MORE = [
  'homeassistant/#',
  'homeassistant/+/+/config',
  'homeassistant/+',
  '+/update/#',
  '/+/rtm/+/+/reply',
  '/+/shared/#',
  '/+/shared/+',
  '+/+/+',
  '+/+/+/+',
  '$SYS/#',
  '$SYS/+/+/+',
  '+/+',
];
const SHARED = ['$share/g/#', '$share/g//#', '$queue//#'];

for (const [isEnabled, overWebSocket] of [
  [false, false],
  [true, false],
  [false, true],
] as const)
  describe(`two owners, two devices each: no crossing, ${isEnabled ? 'with' : 'without'} Home Assistant, over ${
    overWebSocket ? 'WebSocket' : 'TCP'
  }`, function () {
    this.timeout(30_000);
    let server: ServerProcess;
    let alice: Account;
    let bob: Account;
    let actors: Actor[] = [];
    let cells: Cell[] = [];
    const udids = { alice: [randomUUID(), randomUUID()], bob: [randomUUID(), randomUUID()] } as const;

    const openAs = (
      actor: Pick<Actor, 'account' | 'udid'>,
      more: Partial<Parameters<typeof MqttPeer.open>[0]> = {},
    ): Promise<MqttPeer> =>
      MqttPeer.open({
        url: overWebSocket ? `ws://127.0.0.1:${server.httpPort}/mqtt` : server.mqttUrl,
        username: actor.udid ?? actor.account.owner,
        password: actor.udid === undefined ? actor.account.ownerKey : actor.account.deviceKey,
        ...more,
      });

    /** Logs everybody in and subscribes them to every topic and every wildcard, granted or not. */
    async function everybody(isExplicit = true): Promise<Actor[]> {
      const people: Omit<Actor, 'peer'>[] = [];
      for (const [name, account] of [
        ['alice', alice],
        ['bob', bob],
      ] as const) {
        people.push({ name, account });
        for (const [index, udid] of udids[name].entries())
          people.push({ name: `${name}-${index}`, account, udid });
      }
      return Promise.all(
        people.map(async (person) => {
          const peer = await openAs(person);
          if (isExplicit)
            for (const filter of [...cells.map(({ topic }) => topic), ...WILDCARDS, ...MORE, ...SHARED])
              await peer.subscribe(filter, 1);
          return { ...person, peer };
        }),
      );
    }

    /** Everything that was published by these actors before has reached whom it may reach. */
    async function fence(): Promise<void> {
      for (const writer of actors) {
        const mark = `fence ${randomUUID()}`;
        await writer.peer.publish(`/${writer.account.owner}/shared/scene`, mark);
        const readers = actors.filter(({ account }) => account === writer.account);
        for (const { peer, name } of readers)
          await peer.inbox.next(`the fence of ${writer.name} for ${name}`, ({ payload }) => payload === mark);
      }
    }

    /** Who got what of whom, as `writer > topic > reader`. */
    const deliveries = (kind: string): string[] => {
      const lines = actors.flatMap(({ name, peer }) =>
        peer.inbox.all
          .filter(({ payload }) => payload.startsWith(`${kind} `))
          .map(({ topic, payload }) => `${payload.slice(kind.length + 1)} > ${topic} > ${name}`),
      );
      return [...new Set(lines)].sort();
    };

    /** Who has to get what of whom. */
    const allowed = (): string[] =>
      actors
        .flatMap((writer) =>
          cells
            .filter((cell) => cell.mayWrite(writer))
            .flatMap((cell) =>
              actors
                .filter((reader) => cell.mayRead(reader, writer))
                .map((reader) => `${writer.name} > ${cell.topic} > ${reader.name}`),
            ),
        )
        .sort();

    before(async () => {
      server = await ServerProcess.start({
        HOME_ASSISTANT_ENABLED: String(isEnabled),
        // The matrix asks for everything, and comes back for each of it.
        LIMITS_CONNECTS_PER_MINUTE_PER_DEVICE: '1000',
        LIMITS_SUBSCRIPTIONS_PER_CLIENT: '1000',
      });
      alice = server.account;
      bob = await server.addOwner('bob');
      cells = [alice, bob].flatMap((account) => ownerCells(account));
      for (const udid of udids.alice) cells.push(...deviceCells(alice, udid));
      for (const udid of udids.bob) cells.push(...deviceCells(bob, udid));
      cells.push(...homeAssistantCells([...udids.alice, ...udids.bob], isEnabled));
      cells.push(...NOBODYS);
    });
    after(() => server?.dispose());
    afterEach(async () => {
      await Promise.all(actors.map(({ peer }) => peer.drop()));
      actors = [];
    });

    it('publish: each message reaches whom section 1 allows, in every cell, and no refused one ends a session', async () => {
      actors = await everybody();
      for (const writer of actors)
        for (const { topic } of cells) await writer.peer.publish(topic, `publish ${writer.name}`, { qos: 1 });
      await fence();
      expect(deliveries('publish')).to.deep.equal(allowed());
      for (const { peer, name } of actors) expect(peer.isConnected, name).to.equal(true);
      for (const { peer } of actors)
        for (const { topic } of peer.inbox.all) expect(topic.startsWith('$')).to.equal(false);
    });

    it('retained: what is kept reaches later sessions as section 1 allows, in every cell', async () => {
      actors = await everybody(false);
      for (const writer of actors) {
        for (const { topic } of cells)
          await writer.peer.publish(topic, `retained ${writer.name}`, { qos: 1, retain: true });
      }
      // The last writer of a topic is what is retained there.
      const last = new Map<string, Actor>();
      for (const writer of actors)
        for (const cell of cells) if (cell.mayWrite(writer) && !cell.isPassing) last.set(cell.topic, writer);
      await Promise.all(actors.map(({ peer }) => peer.drop()));
      actors = await everybody();
      await fence();
      const expected = cells.flatMap((cell) => {
        const writer = last.get(cell.topic);
        // A reply is for the server, and nobody may read it back.
        return writer
          ? actors
              .filter((reader) => cell.mayRead(reader, writer))
              .map((reader) => `${writer.name} > ${cell.topic} > ${reader.name}`)
          : [];
      });
      expect(deliveries('retained')).to.deep.equal(expected.sort());
      for (const { peer } of actors) {
        const deviceTopics = peer.inbox.all.filter(({ topic }) => /^\/[^/]+\/[0-9a-f-]{36}$/.test(topic));
        expect(deviceTopics.filter(({ retain }) => retain)).to.deep.equal([]);
      }
      for (const cell of cells) {
        const writer = last.get(cell.topic);
        const now = actors.find(({ name }) => name === writer?.name);
        await now?.peer.publish(cell.topic, '', { retain: true });
      }
    });

    it('will: only one on the own topics is ever published, and no CONNECT is refused for it', async () => {
      actors = await everybody();
      const dying = randomUUID();
      const willing = { name: 'dying', account: alice, udid: dying };
      const control = `/${alice.owner}/${dying}/status`;
      const [witness] = actors;
      await witness?.peer.subscribe(control);
      const targets = [...cells.map(({ topic }) => topic), `/${alice.owner}/lwt`, '/lwt'];
      for (const topic of targets) {
        const will = { topic, payload: 'will dying', qos: 1 as const, retain: true };
        const peer = await openAs(willing, { will });
        expect(peer.isConnected, topic).to.equal(true);
        await peer.drop();
      }
      const last = await openAs(willing, { will: { topic: control, payload: 'will control', qos: 1 } });
      await last.drop();
      await witness?.peer.inbox.next('the own will', ({ payload }) => payload === 'will control');
      await fence();
      const shared = cells
        .filter((cell) => cell.mayWrite({ ...willing, peer: last }))
        .map(({ topic }) => topic);
      const got = new Set(
        actors.flatMap(({ peer }) =>
          peer.inbox.all.filter(({ payload }) => payload === 'will dying').map(({ topic }) => topic),
        ),
      );
      // A will on /<owner>/shared is not on a topic of the client's own; either reading of the contract keeps owners apart.
      for (const topic of got) expect(shared, `a will on ${topic}`).to.include(topic);
    });

    it('/# is granted to a device, which sees its own through it, kept messages too, and nothing else', async () => {
      const [udid, sibling] = udids.alice;
      actors = await everybody(false);
      const writers = new Map(actors.map((actor) => [actor.name, actor.peer]));
      const kept = `/${alice.owner}/${sibling}/kept`;
      await writers.get('alice')?.publish(kept, 'kept', { retain: true });
      await writers.get('alice')?.publish(`/${alice.owner}/${udid}/kept`, 'kept', { retain: true });
      const narrow = await openAs({ account: alice, udid });
      expect(await narrow.subscribe('/#')).to.be.oneOf([0, 1]);
      const first = await narrow.inbox.next('what was kept for it', ({ payload }) => payload === 'kept');
      expect(first.topic).to.equal(`/${alice.owner}/${udid}/kept`);
      for (const { peer, name } of actors) {
        if (name === 'alice-0') continue;
        for (const { topic } of cells) await peer.publish(topic, `narrow ${name}`);
      }
      await writers.get('alice')?.publish(`/${alice.owner}/shared/end`, 'end');
      await narrow.inbox.next('the end', ({ payload }) => payload === 'end');
      const own = `/${alice.owner}/${udid}`;
      for (const { topic } of narrow.inbox.all)
        expect(
          topic === own || topic.startsWith(`${own}/`) || topic.startsWith(`/${alice.owner}/shared/`),
          topic,
        ).to.equal(true);
      expect(narrow.inbox.all.map(({ topic }) => topic)).to.include(`${own}/light`);
      for (const topic of [kept, `${own}/kept`])
        await writers.get('alice')?.publish(topic, '', { retain: true });
      await narrow.drop();
    });

    it('a kept session that asked for an own and a foreign topic at once gets only its own when it returns', async () => {
      const [udid = ''] = udids.bob;
      const [foreign = ''] = udids.alice;
      const own = `/${bob.owner}/${udid}/light`;
      const session = { clean: false, clientId: 'abcdef012345' };
      const first = await openAs({ account: bob, udid }, session);
      const victim = `/${alice.owner}/${foreign}/light`;
      await new Promise((resolve) => first.client.subscribe([own, victim], { qos: 1 }, resolve));
      await first.drop();
      const writer = await openAs({ account: alice });
      await writer.publish(victim, 'secret');
      const boss = await openAs({ account: bob });
      await boss.publish(own, 'for you');
      const again = await openAs({ account: bob, udid }, session);
      await again.inbox.next('what was kept for it', ({ payload }) => payload === 'for you');
      // Through a topic of its own, behind whatever the kept session still had to give.
      const end = `/${bob.owner}/${udid}/end`;
      await again.subscribe(end, 1);
      await boss.publish(end, 'end');
      await again.inbox.next('the end', ({ payload }) => payload === 'end');
      for (const { topic } of again.inbox.all) expect(topic).to.be.oneOf([own, end]);
      await Promise.all([writer, boss, again].map((peer) => peer.drop()));
    });

    it('a kept session whose filters overlap loses no QoS 1 message that comes just after it returned', async () => {
      const boss = await openAs({ account: alice });
      for (let round = 0; round < 30; round += 1) {
        const udid = randomUUID();
        const own = `/${alice.owner}/${udid}/light`;
        const session = { clean: false, clientId: randomUUID().replaceAll('-', '').slice(0, 12) };
        const first = await openAs({ account: alice, udid }, session);
        for (const filter of [own, '/#']) await first.subscribe(filter, 1);
        await first.drop();
        await boss.publish(own, 'while away');
        const again = await openAs({ account: alice, udid }, session);
        await boss.publish(own, 'just after');
        for (const text of ['while away', 'just after'])
          await again.inbox.next(`${text}, in round ${round},`, ({ payload }) => payload === text, 2000);
        await again.drop();
      }
      await boss.drop();
    });

    it("the server's own messages reach their device and their owner, and nobody else", async () => {
      actors = await everybody();
      const [udid = ''] = udids.alice;
      const body = { registration: { mac: '5CCF7FAAAA01', udid, platform: PLATFORM, version: '1.0.0' } };
      const device = actors.find((actor) => actor.udid === udid);
      await device?.peer.publish(`/${alice.owner}/${udid}/status`, JSON.stringify(body));
      const api = ownerApi(server, alice);
      const mark = Date.now() % 100_000;
      await api.publish(madeUpImage(2000, 'crossing'), { version: `1.1.${mark}`, udid });
      const owner = actors.find(({ name }) => name === 'alice');
      const notice = `/${alice.owner}/rtm/notices/${udid}`;
      await owner?.peer.inbox.next('the notice', ({ topic, payload }) => topic === notice && payload !== '');
      // The other owner's answer counts for nothing, by either way.
      const reply = JSON.stringify({ notification: { nid: udid, response_type: 'bool', response: true } });
      const strangers = actors.filter(({ account, udid: own }) => account === bob || own !== undefined);
      for (const { peer, account } of strangers) {
        await peer.publish(`${notice}/reply`, reply);
        await peer.publish(`/${account.owner}/rtm/notices/${udid}/reply`, account === bob ? reply : 'x');
      }
      await fence();
      expect(at(await api.device(udid), 'update.state')).to.equal('asked');
      await owner?.peer.publish(`${notice}/reply`, reply);
      await device?.peer.inbox.next('the offer', ({ payload }) =>
        payload.startsWith('{"FIRMWARE_UPDATE":true'),
      );
      await fence();
      const devicesOf = new Map<Account, unknown[]>();
      for (const account of [alice, bob]) {
        const { body } = await ownerApi(server, account).call('GET', '/devices?limit=1000');
        devicesOf.set(
          account,
          listAt(body, 'devices').map((item) => at(item, 'udid')),
        );
      }
      for (const { peer, account, udid: own, name } of actors)
        for (const { topic } of peer.inbox.all) {
          if (isEnabled && own === undefined && topic.startsWith('homeassistant/')) {
            expect(devicesOf.get(account), `${name} got ${topic}`).to.include(topic.split('/')[2]);
            continue;
          }
          expect(topic.startsWith(`/${account.owner}/`), `${name} got ${topic}`).to.equal(true);
          if (own !== undefined) expect(topic, name).not.to.contain('/rtm/');
          const [, , second] = topic.split('/');
          if (own !== undefined && second !== 'shared') expect(second, `${name} got ${topic}`).to.equal(own);
          if (own === undefined) expect(topic, name).not.to.match(/^\/[^/]+\/[0-9a-f-]{36}$/);
        }
      await api.clear();
    });

    it('a session as a device of another owner is refused; the device and its session stay', async () => {
      const device = new Device(server, alice);
      await device.start();
      await device.next('ok');
      const intruder = { url: server.mqttUrl, username: device.udid };
      for (const password of [bob.deviceKey, bob.ownerKey, 'ab'.repeat(32), ''])
        expect(await refusal({ ...intruder, password }), password).to.equal(true);
      for (const password of [bob.deviceKey, bob.ownerKey])
        expect(await refusal({ url: server.mqttUrl, username: alice.owner, password })).to.equal(true);
      await device.fence();
      expect(device.peer.isConnected).to.equal(true);
      await device.drop();
      await ownerApi(server, alice).clear();
    });

    it('the owner id with a device key is a device without a UDID: no rtm, no other owner', async () => {
      const [foreign = ''] = udids.bob;
      const own = `/${alice.owner}/${randomUUID()}`;
      const peer = await MqttPeer.open({
        url: server.mqttUrl,
        username: alice.owner,
        password: alice.deviceKey,
        will: { topic: `${own}/status`, payload: 'gone' },
      });
      for (const filter of [
        own,
        `/${alice.owner}/rtm/#`,
        `/${bob.owner}/#`,
        `/${bob.owner}/${foreign}`,
        '/#',
        '#',
      ])
        await peer.subscribe(filter);
      actors = await everybody();
      for (const { peer: reader } of actors) await reader.subscribe(`${own}/light`);
      for (const { topic } of [...cells, { topic: own }, { topic: `${own}/light` }])
        await peer.publish(topic, 'publish nameless');
      for (const { peer: writer, name } of actors)
        for (const { topic } of cells) await writer.publish(topic, `to nameless ${name}`);
      await fence();
      for (const { topic } of peer.inbox.all)
        expect(
          topic.startsWith(`${own}/`) || topic === own || topic.startsWith(`/${alice.owner}/shared/`),
          topic,
        ).to.equal(true);
      const written = actors.flatMap(({ peer: reader }) =>
        reader.inbox.all.filter(({ payload }) => payload === 'publish nameless').map(({ topic }) => topic),
      );
      expect(written).to.include(`${own}/light`);
      for (const topic of written)
        expect(topic.startsWith(`${own}/`) || topic.startsWith(`/${alice.owner}/shared/`), topic).to.equal(
          true,
        );
      await peer.drop();
    });

    describe('over HTTP', () => {
      it("every call with the other's ids finds nothing and changes nothing", async () => {
        const [hers, his] = [ownerApi(server, alice), ownerApi(server, bob)];
        await hers.clear();
        await his.clear();
        const device = new Device(server, alice);
        const own = new Device(server, bob);
        await device.register();
        await own.register();
        const { id } = await hers.publish(madeUpImage(3000, 'hers'), {
          version: '1.1.0',
          platform: PLATFORM,
        });
        const key = await hers.call('POST', '/keys', { alias: 'hers', scope: 'device' });
        const [keyId] = listAt((await hers.call('GET', '/keys')).body, 'keys').map((item) =>
          textAt(item, 'id'),
        );
        expect(key.status).to.equal(201);
        const staged = await hers.publish(madeUpImage(3001, 'staged'), {
          version: '1.2.0',
          platform: PLATFORM,
          rollout: 'none',
        });
        const wish = { firmware: staged.id, approval: 'once' };
        const made = await hers.call('POST', '/rollouts', wish);
        const rollout = textAt(made.body, 'rollout.id');
        const lists = [
          '/devices',
          '/firmware',
          '/notices',
          '/keys',
          '/rollouts',
          '/rollouts/log',
          '/signers',
        ];
        const everything = async (): Promise<unknown> =>
          Promise.all(lists.map((path) => hers.call('GET', path)));
        const before = await everything();
        const calls: [string, string, unknown?][] = [
          ['GET', `/devices/${device.udid}`],
          ['PATCH', `/devices/${device.udid}`, { autoUpdate: true, alias: 'mine', tags: ['x'] }],
          ['DELETE', `/devices/${device.udid}`],
          ['POST', `/devices/${device.udid}/update`, {}],
          ['POST', `/devices/${device.udid}/update`, { firmware: id, forced: true }],
          ['POST', `/devices/${own.udid}/update`, { firmware: id, forced: true }],
          ['GET', `/firmware/${id}`],
          ['DELETE', `/firmware/${id}`],
          ['POST', `/notices/${device.udid}/reply`, { response: true }],
          ['POST', `/keys/${keyId}/rotate`, { overlapSeconds: 0 }],
          ['DELETE', `/keys/${keyId}`],
          ['GET', `/devices/${device.udid}/events`],
          ['POST', '/rollouts', wish],
          ['GET', `/rollouts/${rollout}`],
          ...['pause', 'resume', 'advance', 'abort', 'rollback'].map((verb): [string, string] => [
            'POST',
            `/rollouts/${rollout}/${verb}`,
          ]),
        ];
        for (const [method, path, body] of calls) {
          const answer = await his.call(method, path, body);
          expect(answer.status, `${method} ${path}`).to.equal(404);
          expect(textAt(answer.body, 'error.code'), path).to.match(/^[a-z_]+$/);
        }
        for (const [path, kind] of [
          ['/firmware', 'firmware'],
          ['/notices', 'notices'],
          ['/rollouts', 'rollouts'],
          ['/rollouts/log', 'entries'],
          ['/signers', 'signers'],
        ] as const)
          expect(listAt((await his.call('GET', path)).body, kind), path).to.deep.equal([]);
        const seen = listAt((await his.call('GET', '/devices?limit=1000')).body, 'devices');
        expect(seen.map((item) => at(item, 'udid'))).to.deep.equal([own.udid]);
        const page = await his.call(
          'GET',
          `/devices?after=${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`,
        );
        expect(JSON.stringify(page.body)).not.to.contain(device.udid);
        // Firmware of his for her device's UDID, and for its platform, is nothing to her device.
        const target = await his.upload({
          version: '7.0.0',
          udid: device.udid,
          files: [['f', madeUpImage(99, 'x')]],
        });
        if (target.status === 201) expect(target.body).to.include({ offered: 0, asked: 0 });
        await his.publish(madeUpImage(98, 'y'), { version: '8.0.0', platform: PLATFORM });
        expect(await everything()).to.deep.equal(before);
      });

      it("a check-in with the other's UDID or MAC never touches that record, and hands out nothing of it", async () => {
        const [hers, his] = [ownerApi(server, alice), ownerApi(server, bob)];
        await hers.clear();
        await his.clear();
        const device = new Device(server, alice);
        device.autoUpdate = true;
        await device.register({ alias: 'hers' });
        const image = madeUpImage(4000, 'for alice only');
        await hers.publish(image, { version: '1.1.0', platform: PLATFORM });
        const before = await hers.device(device.udid);
        const { mac, udid } = device;
        for (const identity of [{ mac, udid }, { udid, mac: '5CCF7F999999' }, { mac }]) {
          for (const ownerId of [bob.owner, alice.owner, undefined]) {
            const facts = { ...identity, version: '6.6.6', alias: 'his', platform: PLATFORM };
            const registration = { ...facts, ...(ownerId !== undefined && { owner: ownerId }) };
            const answer = await post(
              server.httpPort,
              '/device/register',
              JSON.stringify({ registration }),
              bob.deviceKey,
            );
            const text = answer.body.toString();
            if (ownerId === alice.owner) expect(answer.status, text).to.equal(403);
            expect(text).not.to.contain('FIRMWARE_UPDATE');
            expect(text).not.to.contain(alice.owner);
          }
          for (const use of [undefined, 'ott']) {
            const fields = { ...identity, owner: bob.owner, forced: true, ...(use !== undefined && { use }) };
            const answer = await post(
              server.httpPort,
              '/device/firmware',
              JSON.stringify(fields),
              bob.deviceKey,
            );
            expect(answer.body.includes(image.subarray(0, 64))).to.equal(false);
            const ott = /"ott":"([^"]+)"/.exec(answer.body.toString())?.[1];
            if (ott === undefined) continue;
            const download = await get(server.httpPort, `/device/firmware?ott=${ott}`);
            expect(download.body.includes(image.subarray(0, 64))).to.equal(false);
          }
        }
        expect(await hers.device(device.udid)).to.deep.equal(before);
        for (const item of listAt((await his.call('GET', '/devices')).body, 'devices'))
          expect(at(item, 'udid')).not.to.equal(device.udid);
      });

      it('a device key, no key and a wrong key open nothing of the API', async () => {
        const paths: [string, string][] = [
          ['GET', '/devices'],
          ['GET', `/devices/${udids.alice[0]}`],
          ['PATCH', `/devices/${udids.alice[0]}`],
          ['DELETE', `/devices/${udids.alice[0]}`],
          ['POST', `/devices/${udids.alice[0]}/update`],
          ['GET', '/firmware'],
          ['POST', '/firmware'],
          ['GET', '/firmware/x'],
          ['DELETE', '/firmware/x'],
          ['GET', '/notices'],
          ['POST', `/notices/${udids.alice[0]}/reply`],
          ['GET', '/keys'],
          ['POST', '/keys'],
          ['DELETE', '/keys/x'],
        ];
        for (const [key, status] of [
          [alice.deviceKey, 403],
          ['', 401],
          ['ab'.repeat(32), 401],
        ] as const)
          for (const [method, path] of paths) {
            const body = method === 'POST' || method === 'PATCH' ? {} : undefined;
            const answer = await new OwnerApi(server, key).call(method, path, body);
            expect(answer.status, `${method} ${path} with ${status}`).to.equal(status);
          }
      });

      it('revoking a key ends the sessions opened with it, and only those', async () => {
        const hers = ownerApi(server, alice);
        const made = await hers.call('POST', '/keys', { alias: 'short', scope: 'device' });
        const secret = /[0-9a-f]{64}/.exec(JSON.stringify(made.body))?.[0] ?? '';
        const keys = listAt((await hers.call('GET', '/keys')).body, 'keys');
        expect(JSON.stringify(keys)).not.to.contain(secret);
        const id = textAt(
          keys.find((key) => at(key, 'alias') === 'short'),
          'id',
        );
        const session = { url: server.mqttUrl, username: randomUUID(), password: secret };
        const ended = await MqttPeer.open(session);
        const other = await openAs({ account: alice, udid: randomUUID() });
        expect((await ownerApi(server, bob).call('DELETE', `/keys/${id}`)).status).to.equal(404);
        expect(ended.isConnected).to.equal(true);
        expect((await hers.call('DELETE', `/keys/${id}`)).status).to.equal(204);
        await ended.closed;
        expect(await refusal(session)).to.equal(true);
        await other.publish(`/${alice.owner}/shared/x`, 'still here');
        expect(other.isConnected).to.equal(true);
        await other.drop();
      });
    });

    describe('over WebSocket', () => {
      const address = (): string => `ws://127.0.0.1:${server.httpPort}/mqtt`;

      it('an owner and a device speak MQTT at /mqtt of the HTTP port, kept apart as elsewhere', async () => {
        const owner = await openAs({ account: alice }, { url: address() });
        await owner.subscribe(`/${alice.owner}/shared/#`);
        const stranger = await openAs({ account: bob }, { url: address() });
        await stranger.subscribe(`/${alice.owner}/shared/#`);
        await stranger.subscribe('/#');
        const device = await openAs({ account: alice, udid: randomUUID() }, { url: address() });
        await device.publish(`/${alice.owner}/shared/ws`, 'hello');
        await owner.inbox.next('hello', ({ payload }) => payload === 'hello');
        await stranger.subscribe(`/${bob.owner}/shared/#`);
        await stranger.publish(`/${bob.owner}/shared/end`, 'end');
        await stranger.inbox.next('the end', ({ payload }) => payload === 'end');
        expect(stranger.inbox.all.map(({ payload }) => payload)).not.to.include('hello');
        await Promise.all([owner, stranger, device].map((peer) => peer.drop()));
      });

      it("a foreign Origin is refused; the server's own and none are not", async () => {
        const statusFor = async (origin: string | undefined, protocol = 'mqtt'): Promise<number> => {
          const socket = new WebSocket(address(), protocol, origin === undefined ? {} : { origin });
          socket.on('error', () => {});
          const status = await Promise.race([
            once(socket, 'open').then(() => 101),
            once(socket, 'unexpected-response').then(([, answer]) => Number(at(answer, 'statusCode'))),
          ]);
          socket.terminate();
          return status;
        };
        for (const origin of [
          'http://evil.example',
          'null',
          `https://127.0.0.1.evil.example:${server.httpPort}`,
        ])
          expect(await statusFor(origin), origin).to.be.within(400, 499);
        expect(await statusFor(`http://127.0.0.1:${server.httpPort}`)).to.equal(101);
        expect(await statusFor(undefined)).to.equal(101);
        expect(await statusFor(undefined, 'chat')).to.be.within(400, 499);
      });

      it('text frames end the connection', async () => {
        const socket = new WebSocket(address(), 'mqtt');
        socket.on('error', () => {});
        await once(socket, 'open');
        const closed = once(socket, 'close');
        socket.send('this is text');
        const [code] = await closed;
        expect(code).to.be.oneOf([1003, 1002, 1008, 1006]);
        const owner = await openAs({ account: alice }, { url: address() });
        await owner.drop();
      });
    });
  });

/** True if the broker refuses the session. */
async function refusal(options: Parameters<typeof MqttPeer.open>[0]): Promise<boolean> {
  try {
    await (await MqttPeer.open(options)).drop();
    return false;
  } catch {
    return true;
  }
}
