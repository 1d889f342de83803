import { randomUUID } from 'node:crypto';
import { discoveryFaults, stateFaults } from './home-assistant.js';
import { at, parsed, textAt } from './json.js';
import { MqttPeer, type PeerOptions, type Received } from './mqtt-peer.js';
import type { Account, ServerProcess } from './server-process.js';

/** Home Assistant's MQTT session: it logs in as an owner, and everything it is told has to fit its schema. */
export class HomeAssistantPeer {
  private constructor(
    readonly peer: MqttPeer,
    readonly account: Account,
  ) {}

  static async open(
    server: ServerProcess,
    account: Account = server.account,
    options: Partial<PeerOptions> = {},
  ): Promise<HomeAssistantPeer> {
    const peer = await MqttPeer.open({
      url: server.mqttUrl,
      username: account.owner,
      password: account.ownerKey,
      will: { topic: 'homeassistant/status', payload: 'offline' },
      ...options,
    });
    return new HomeAssistantPeer(peer, account);
  }

  /** What it subscribes to when it starts, as far as updates are concerned. */
  async start(): Promise<void> {
    for (const filter of ['homeassistant/update/+/config', 'homeassistant/update/+/+/config'])
      await this.peer.subscribe(filter, 0);
  }

  command(udid: string): string {
    return `homeassistant/update/${udid}/install`;
  }

  /** Subscribes to a device's state, as it does when it has discovered the device. */
  async follow(udid: string): Promise<void> {
    await this.peer.subscribe(`homeassistant/update/${udid}/state`, 1);
  }

  /** The next discovery message about a device. */
  config(udid: string, wants: (message: Received) => boolean = () => true): Promise<Received> {
    const wanted = `homeassistant/update/${udid}/config`;
    return this.peer.inbox.next('discovery', (message) => message.topic === wanted && wants(message));
  }

  /** The next state of a device that is as wanted. */
  async state(udid: string, wants: (state: unknown) => boolean): Promise<unknown> {
    const wanted = `homeassistant/update/${udid}/state`;
    const message = await this.peer.inbox.next(
      'a state',
      ({ topic, payload }) => topic === wanted && wants(parsed(payload)),
    );
    return parsed(message.payload);
  }

  /** All states of a device so far. */
  states(udid: string): unknown[] {
    const wanted = `homeassistant/update/${udid}/state`;
    return this.peer.inbox.all.filter(({ topic }) => topic === wanted).map(({ payload }) => parsed(payload));
  }

  /** Presses "Install", with the words of the discovery message. */
  async install(udid: string): Promise<void> {
    const reader = `homeassistant/update/${udid}/config`;
    await this.peer.subscribe(reader, 1);
    const found = this.peer.inbox.all.find(({ topic, payload }) => topic === reader && payload !== '');
    const discovery = parsed((found ?? (await this.config(udid))).payload);
    const retain = at(discovery, 'retain') === true;
    await this.peer.publish(textAt(discovery, 'command_topic'), textAt(discovery, 'payload_install'), {
      retain,
    });
  }

  /** Resolves once everything that was said to it before has arrived. */
  async fence(): Promise<void> {
    const topic = `/${this.account.owner}/shared/fence`;
    const mark = randomUUID();
    await this.peer.subscribe(topic, 1);
    await this.peer.publish(topic, mark);
    await this.peer.inbox.next('the fence', ({ payload }) => payload === mark);
  }

  /** What Home Assistant would not have taken. */
  get faults(): string[] {
    return this.peer.inbox.all.flatMap(({ topic, payload }) => {
      const faultsOf = topic.endsWith('/config') && payload !== '' ? discoveryFaults : undefined;
      const faults = topic.endsWith('/state') ? stateFaults(payload) : (faultsOf?.(payload) ?? []);
      return faults.map((fault) => `${topic}: ${fault} in ${payload}`);
    });
  }
}
