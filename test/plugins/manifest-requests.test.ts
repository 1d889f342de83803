import { expect } from 'chai';
import type { Identity, Session } from '../../broker/plugin.js';
import { Manifests } from '../../core/services/manifests.js';
import { ManifestRequests } from '../../plugins/manifest-requests.js';
import { TopicRights } from '../../plugins/topic-rights.js';
import { anOwner } from '../support/broker-bench.js';
import { OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { anImage, World } from '../support/domain.js';
import { aPair, manifestFor } from '../support/signing.js';

const TOPIC = `/${OWNER}/${UDID}/firmwire/manifest`;
const ASK = `${TOPIC}/get`;
const aDevice = (udid = UDID): Identity => anOwner({ scope: 'device', udid });

describe('requests for a manifest', () => {
  let world: World;
  let plugin: ManifestRequests;
  let said: { topic: string; payload: string; qos: number }[];
  const ann = aPair();
  const manifest = manifestFor(anImage(), ann);

  beforeEach(async () => {
    world = await World.open();
    said = [];
    plugin = new ManifestRequests(world.domain.manifests);
    await world.domain.signers.add(OWNER, 'ann', ann.publicPem);
    await world.device();
  });
  afterEach(() => world.close());

  const session = (identity: Identity, qos: 0 | 1 | 2 | undefined = 0) =>
    ({
      identity,
      grantedQos: (topic: string) => (topic === TOPIC ? qos : undefined),
      send: async (topic: string, payload: string, at: 0 | 1) => void said.push({ topic, payload, qos: at }),
    }) as Session;
  const ask = async (by: Session, topic = ASK): Promise<unknown> =>
    plugin.published(by, { topic, payload: Buffer.from(''), qos: 0, retain: false, pushed: false });

  it('are answered with what the owner signed, at the QoS that was granted, and nobody else is told', async () => {
    await world.publish({ manifest });
    for (const qos of [0, 1, 2] as const) await ask(session(aDevice(), qos));
    expect(said).to.deep.equal([0, 1, 1].map((qos) => ({ topic: TOPIC, payload: manifest, qos })));
  });

  it('are answered with nothing if there is no update, it is not signed, or it must not be handed out', async () => {
    await ask(session(aDevice()));
    await world.publish({ version: '1.0.5' }, anImage(1000, 5));
    await ask(session(aDevice()));
    const { firmware } = await world.publish({ manifest });
    expect((await world.record()).update?.firmware).to.equal(firmware.id);
    await world.stores.signers.remove(OWNER, ann.signer.id);
    world.domain.catalog.forget();
    await ask(session(aDevice()));
    expect(said.map(({ payload }) => payload)).to.deep.equal(['', '', '']);
  });

  it('are for the device itself, on its own topic, and only if it listens', async () => {
    await world.publish({ manifest });
    const nobody = session(aDevice());
    for (const topic of [TOPIC, `${ASK}/x`, `/${OWNER}/${UDID}/get`, `/${OWNER}/${UDID}/status`])
      await ask(nobody, topic);
    await ask(session(aDevice(OTHER_UDID)));
    await ask(session(anOwner({ scope: 'device' })));
    await ask(session(anOwner()));
    await ask({ ...session(aDevice()), grantedQos: () => undefined } as Session);
    expect(said).to.deep.equal([]);
  });

  it('need no rights that a device has not had ever since', () => {
    const rights = new TopicRights(world.domain.registry);
    const message = { topic: TOPIC, payload: Buffer.of(), qos: 0, retain: false, pushed: true } as const;
    const [own, other] = [session(aDevice()), session(aDevice(OTHER_UDID))];
    expect(rights.mayPublish(own, ASK)).to.equal('allow');
    expect(rights.maySubscribe(own, TOPIC)).to.equal('allow');
    expect(rights.mayReceive(own, message)).to.equal('allow');
    expect(rights.mayPublish(other, ASK)).to.equal('deny');
    expect(rights.mayReceive(other, message)).to.equal('deny');
  });

  it("are not answered about another owner's device", async () => {
    const { records, catalog } = world.domain;
    const policy = { requireSignature: false };
    const manifests = new Manifests({ records, catalog, clock: world.clock, policy });
    await world.publish({ manifest });
    expect(await manifests.of(OWNER, UDID)).to.equal(manifest);
    expect(await manifests.of('b2'.repeat(32), UDID)).to.equal(undefined);
  });
});
