import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import type { Device } from './device.js';
import { at, listAt, parsed, textAt } from './json.js';
import { expectNoConnect, expectRefusals } from './outage-probe.js';
import type { OwnerPeer } from './owner-peer.js';
import { isWhole } from './raw-http.js';
import { admitting, answering, cpuMs, KEEPING, LONG_MS, logLines, RedisFleet } from './redis-fleet.js';
import { RedisServer } from './redis-server.js';

/** How Redis is away: its process is gone, or it lives and does nothing. */
export type Away = 'stopped' | 'hanging';

const CHECK_IN_EVERY_MS = 1000;
/** What nodes may log while Redis is away, whatever happens: some lines, not one for each request. */
const MOST_LINES = 30;
/** Of one core, while the store is away and devices go on checking in. */
const MOST_CPU = 0.2;
const IMAGE = madeUpImage(200_000, 'outage');

/** Two nodes with devices and owners in every state that an outage could harm, and the outage. */
export class Outage {
  readonly #crowd: Device[] = [];
  #url = '';
  #before: unknown;
  #slowestMs = 0;
  /** How much the page on node 1 had heard when it began. */
  #heard = 0;
  /** How many lines the logs of the nodes had when it began. */
  #lines: number[] = [];

  private constructor(
    readonly fleet: RedisFleet,
    readonly away: Away,
    readonly seconds: number,
    /** On node 0; its owner answers while Redis is away. */
    readonly asked: Device,
    /** Told of an update on node 1 before the outage. */
    readonly told: Device,
    /** Subscribes right before the outage, and is owed an offer. */
    readonly late: Device,
    /** Publishes what is to be retained. */
    readonly teller: Device,
    readonly prober: Device,
    /** On node 0 and 1. */
    readonly owners: [OwnerPeer, OwnerPeer],
  ) {}

  /** What an outage is to happen to. */
  static async fleet(): Promise<RedisFleet> {
    return RedisFleet.on(await RedisServer.start(KEEPING), 2, {
      OFFERS_SETTLE_SECONDS: '1.5',
      THROTTLE_SUBJECT_FAILURES_PER_MINUTE: '1000',
    });
  }

  /** @param devices how many check in every second */
  static async prepare(fleet: RedisFleet, away: Away, seconds: number, devices: number): Promise<Outage> {
    const outage = new Outage(
      fleet,
      away,
      seconds,
      fleet.device(0, false),
      fleet.device(1, true),
      fleet.device(1, true),
      fleet.device(0, false),
      fleet.device(0, true),
      [await fleet.owner(0), await fleet.owner(1)],
    );
    await outage.#settle(devices);
    return outage;
  }

  async #settle(devices: number): Promise<void> {
    const { fleet, asked, told, late, teller, prober } = this;
    for (let index = 0; index < devices; index++) this.#crowd.push(fleet.device(index % 2, false));
    for (const device of [asked, told, teller, ...this.#crowd]) {
      await device.start();
      await device.next('ok');
    }
    // Known to want its updates by itself, before there is one.
    await Promise.all([prober.register(), late.register()]);
    for (const { udid } of [asked, told, late])
      await fleet.api(0).publish(IMAGE, { version: '1.1.0', udid, platform: 'arduino:esp8266' });
    this.#url = (await told.nextOffer()).url;
    await this.owners[0].notice(asked.udid);
    await this.owners[1].notice(asked.udid);
    await teller.peer.publish(`${teller.topic}/kept`, 'before', { retain: true });
    await fleet.api(1).call('POST', '/keys', { alias: 'kept', scope: 'device' });
    // The owed one enters last: it is in the moment in which its check-in is waited for when Redis goes.
    await late.subscribe();
    this.#before = await this.#acknowledged();
  }

  /** What owners have been told is so, without what goes on by itself. */
  async #acknowledged(): Promise<unknown> {
    const api = this.fleet.api(0);
    const list = async (kind: string) => listAt((await api.call('GET', `/${kind}`)).body, kind);
    const devices = (await list('devices')).map((device) => ({
      udid: at(device, 'udid'),
      alias: at(device, 'alias'),
      mac: at(device, 'mac'),
      version: at(device, 'version'),
      createdAt: at(device, 'createdAt'),
      update: at(device, 'udid') === this.late.udid ? undefined : at(device, 'update.state'),
    }));
    return {
      devices,
      firmware: await list('firmware'),
      keys: await list('keys'),
      notices: await list('notices'),
    };
  }

  /** Redis is away for as long as was said, and everybody goes on asking. */
  async happen(): Promise<void> {
    const { fleet, away } = this;
    const cpuAt = () => Promise.all(fleet.nodes.map(({ pid }) => cpuMs(pid)));
    this.#heard = this.owners[1].peer.inbox.all.length;
    this.#lines = fleet.nodes.map((node) => logLines(node).length);
    if (away === 'hanging') fleet.redis.pause();
    else await fleet.redis.stop();
    const begun = performance.now();
    const left = () => this.seconds * 1000 - (performance.now() - begun);

    await Promise.all([this.#probe(), this.#expectNothingAcknowledged()]);
    const [cpu, from] = [await cpuAt(), performance.now()];
    while (left() > 2 * CHECK_IN_EVERY_MS) {
      await Promise.all(this.#crowd.map((device) => device.checkIn()));
      await delay(CHECK_IN_EVERY_MS);
    }
    const lasted = performance.now() - from;
    for (const [index, used] of (await cpuAt()).entries())
      if (lasted > 5 * CHECK_IN_EVERY_MS)
        expect((used - (cpu[index] ?? 0)) / lasted, `share of a core of node ${index}`).to.be.below(MOST_CPU);
    for (const device of this.#crowd) await device.checkIn();
    await this.#probe();
    await delay(Math.max(0, left()));
    this.#expectConnected();
    this.#expectSaid('Redis is away');
  }

  async #probe(): Promise<void> {
    const { fleet, prober } = this;
    for (const node of fleet.nodes) {
      const [ms] = await Promise.all([
        expectRefusals(node, prober, this.#url),
        expectNoConnect(node, prober),
      ]);
      this.#slowestMs = Math.max(this.#slowestMs, ms);
    }
  }

  /** Whoever waits for a PUBACK is cut instead, and knows that it has to be said again. */
  async #expectNothingAcknowledged(): Promise<void> {
    const { owners, asked, teller } = this;
    const outcomes = await Promise.allSettled([
      owners[0].reply(asked.udid, true),
      teller.peer.publish(`${teller.topic}/kept`, 'meanwhile', { retain: true }),
    ]);
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    await Promise.all([owners[0].peer.closed, teller.peer.closed]);
  }

  /** Each node has told its log once, and has not filled it. */
  #expectSaid(message: string): void {
    for (const [index, node] of this.fleet.nodes.entries()) {
      const lines = logLines(node).slice(this.#lines[index]);
      expect(lines.length, `lines of log:\n${node.err}`).to.be.below(MOST_LINES);
      expect(
        lines.filter((line) => line.includes(`"msg":"${message}"`)),
        node.err,
      ).to.have.length(1);
    }
  }

  #expectConnected(): void {
    const { asked, told, late, owners } = this;
    for (const { peer } of [asked, told, late, owners[1], ...this.#crowd])
      expect(peer.isConnected, 'a session that stood').to.equal(true);
    for (const node of this.fleet.nodes) expect(() => process.kill(node.pid, 0)).not.to.throw();
  }

  /** Redis comes back, and everything goes on by itself. @returns a line about it */
  async end(): Promise<string> {
    const { fleet, asked, late } = this;
    const there = [asked, this.told, late, ...this.#crowd];
    if (this.away === 'hanging') fleet.redis.resume();
    else await fleet.redis.start();
    const backMs = await answering(fleet, 200);
    await admitting(fleet);
    expect(await this.#acknowledged()).to.deep.equal(this.#before);

    await Promise.all(this.#crowd.map((device) => device.next('ok', LONG_MS)));
    const offer = await late.nextOffer();
    expect(isWhole(await late.download(offer.url)), 'what was owed').to.equal(true);
    await this.#expectTokenOnce();
    const early = asked.peer.inbox.all.filter(({ payload }) => payload.includes('FIRMWARE_UPDATE'));
    expect(early, 'told without consent').to.deep.equal([]);
    this.owners[0] = await fleet.owner(0);
    await this.owners[0].notice(asked.udid);
    await this.owners[0].reply(asked.udid, true);
    await asked.next('ok');
    expect(isWhole(await asked.download((await asked.nextOffer()).url)), 'what was approved').to.equal(true);
    await this.#expectTold();
    await this.#expectRetained();
    await this.#expectPresence();
    await this.#expectHeard();
    this.#expectConnected();
    this.#expectSaid('Redis is there');
    await Promise.all([...there, ...this.owners].map(({ peer }) => peer.end()));
    const [ms, slowest] = [backMs, this.#slowestMs].map(Math.round);
    return `${this.away} for ${this.seconds} s: back after ${ms} ms, the slowest refusal took ${slowest} ms`;
  }

  /** The token that was refused is good again, for one body. */
  async #expectTokenOnce(): Promise<void> {
    const first = await this.told.download(this.#url);
    expect(first.body.equals(IMAGE), `the token from before: ${first.statusLine}`).to.equal(true);
    expect((await this.told.download(this.#url)).status).to.equal(404);
  }

  async #expectRetained(): Promise<void> {
    const { teller } = this;
    const kept = async () => {
      const topic = `${teller.topic}/kept`;
      await this.owners[0].peer.subscribe(topic, 1);
      return (
        await this.owners[0].peer.inbox.next('what is kept', (item) => item.topic === topic && item.retain)
      ).payload;
    };
    // What was sent to a Redis that hangs may still be carried out; it was not acknowledged, so both are right.
    const allowed = this.away === 'hanging' ? ['before', 'meanwhile'] : ['before'];
    expect(await kept()).to.be.oneOf(allowed);
    await teller.subscribe();
    await teller.peer.publish(`${teller.topic}/kept`, 'after', { retain: true });
    expect(await kept()).to.equal('after');
    await teller.drop();
  }

  /** Who is connected is shown as online on both nodes, and nobody else. */
  async #expectPresence(): Promise<void> {
    const there = [this.asked, this.told, this.late, ...this.#crowd].map(({ udid }) => udid).sort();
    for (const index of this.fleet.nodes.keys())
      for (const end = performance.now() + LONG_MS; ; await delay(50)) {
        const { body } = await this.fleet.api(index).call('GET', '/devices?limit=1000');
        const online = listAt(body, 'devices').filter((device) => at(device, 'online'));
        const shown = online.map((device) => textAt(device, 'udid')).sort();
        if (JSON.stringify(shown) === JSON.stringify(there)) break;
        if (performance.now() > end) expect(shown, `online on node ${index}`).to.deep.equal(there);
      }
  }

  /** The page that stood all the time, on the other node, has heard that a device went while it could not be said. */
  async #expectTold(): Promise<void> {
    const { udid } = this.teller;
    const says = ({ topic, payload }: { topic: string; payload: string }): boolean =>
      topic.endsWith(`/rtm/devices/${udid}`) && at(parsed(payload), 'online') === false;
    const { all } = this.owners[1].peer.inbox;
    for (const end = performance.now() + LONG_MS; !all.slice(this.#heard).some(says); await delay(50))
      if (performance.now() > end) throw new Error('the page shows a device as online that is gone');
  }

  /** What happens on one node is heard by the owners' pages on both, also by one that stood all the time. */
  async #expectHeard(): Promise<void> {
    for (const index of this.fleet.nodes.keys()) {
      const alias = `heard-${index}`;
      await this.fleet.api(index).call('PATCH', `/devices/${this.told.udid}`, { alias });
      for (const { peer } of this.owners)
        await peer.inbox.next(alias, ({ payload }) => at(parsed(payload), 'alias') === alias, LONG_MS);
    }
  }
}
