import { randomUUID } from 'node:crypto';
import { at, parsed } from './json.js';
import { MqttPeer, type Received } from './mqtt-peer.js';
import type { Account, ServerProcess } from './server-process.js';

/** An owner over MQTT who watches everything under `rtm`. */
export class OwnerPeer {
  private constructor(
    readonly peer: MqttPeer,
    readonly account: Account,
  ) {}

  static async open(server: ServerProcess, account: Account = server.account): Promise<OwnerPeer> {
    const peer = await MqttPeer.open({
      url: server.mqttUrl,
      ca: server.ca,
      username: account.owner,
      password: account.ownerKey,
    });
    const owner = new OwnerPeer(peer, account);
    await peer.subscribe(`/${account.owner}/rtm/#`, 1);
    return owner;
  }

  noticeTopic(nid: string): string {
    return `/${this.account.owner}/rtm/notices/${nid}`;
  }

  /** The next event of a kind about a device. */
  async event(name: string, udid: string): Promise<unknown> {
    const message = await this.peer.inbox.next(
      `event ${name}`,
      (item) => isEvent(item, this.account, name) && at(parsed(item.payload), 'udid') === udid,
    );
    return parsed(message.payload);
  }

  /** The names of all events about a device so far. */
  events(udid: string): unknown[] {
    return this.peer.inbox.all
      .filter((item) => item.topic === `/${this.account.owner}/rtm/events`)
      .map((item) => parsed(item.payload))
      .filter((event) => at(event, 'udid') === udid)
      .map((event) => at(event, 'event'));
  }

  /** The next notice about a device; an empty payload clears it. */
  notice(nid: string, patienceMs?: number): Promise<Received> {
    return this.peer.inbox.next(
      'the notice',
      ({ topic, payload }) => topic === this.noticeTopic(nid) && payload !== '',
      patienceMs,
    );
  }

  /** The next state of a device, said just now or kept. */
  state(udid: string, kept: boolean): Promise<Received> {
    const wanted = `/${this.account.owner}/rtm/devices/${udid}`;
    return this.peer.inbox.next('the state', ({ topic, retain }) => topic === wanted && retain === kept);
  }

  /** The next word about a firmware, said just now or kept; an empty payload: it is no more. */
  firmware(id: string, kept: boolean): Promise<Received> {
    const wanted = `/${this.account.owner}/rtm/firmware/${id}`;
    return this.peer.inbox.next('the firmware', ({ topic, retain }) => topic === wanted && retain === kept);
  }

  cleared(nid: string): Promise<Received> {
    return this.peer.inbox.next(
      'the end of the notice',
      ({ topic, payload }) => topic === this.noticeTopic(nid) && payload === '',
    );
  }

  reply(nid: string, response: unknown, type = 'bool'): Promise<void> {
    const answer = { notification: { nid, response_type: type, response } };
    return this.peer.publish(`${this.noticeTopic(nid)}/reply`, JSON.stringify(answer));
  }

  /** Resolves once everything published before has arrived. */
  async fence(): Promise<void> {
    const topic = `/${this.account.owner}/shared/fence`;
    await this.peer.subscribe(topic);
    const mark = randomUUID();
    await this.peer.publish(topic, mark);
    await this.peer.inbox.next('the fence', ({ payload }) => payload === mark);
  }
}

const isEvent = (item: Received, account: Account, name: string): boolean =>
  item.topic === `/${account.owner}/rtm/events` && at(parsed(item.payload), 'event') === name;
