import type { Message } from '../message.js';
import { type Login, publishPacket } from './packets.js';
import { openSession } from './session.js';
import { Countdown } from './timing.js';

/** Somebody who publishes what they are told and leaves. */
export default class Publisher {
  /** Publishes all at QoS 1 over one connection; resolves when the broker has acknowledged them. */
  async publish(login: Login, messages: readonly Message[], retain: boolean): Promise<void> {
    const acknowledged = new Countdown(messages.length);
    const client = await openSession(login, { onPuback: () => acknowledged.count() });
    const packets = messages.map(({ topic, payload }, i) =>
      publishPacket(topic, payload, (i % 65_535) + 1, retain),
    );
    client.write(Buffer.concat(packets));
    await acknowledged.done('PUBACK').finally(() => client.destroy());
  }
}
