import { acknowledge, CONNACK, MqttClient, PUBACK, PUBLISH } from './mqtt-client.js';
import { type Login, loginPacket } from './packets.js';
import { Countdown } from './timing.js';

/** What a session does with what it gets. */
export interface SessionHandlers {
  readonly onPublish?: (bytes: Buffer, start: number, end: number) => void;
  readonly onPuback?: () => void;
}

/** Logs in and resolves with the connection; every message of QoS 1 is acknowledged. @throws Error if it is refused */
export async function openSession(
  login: Login,
  { onPublish, onPuback }: SessionHandlers,
): Promise<MqttClient> {
  const ready = new Countdown(1);
  let code = -1;
  const client = new MqttClient(
    0,
    login.port,
    (from, first, bytes, start, end) => {
      switch (first >> 4) {
        case PUBLISH:
          acknowledge(from, first, bytes, start);
          onPublish?.(bytes, start, end);
          break;
        case PUBACK:
          onPuback?.();
          break;
        case CONNACK:
          code = bytes[start + 1] ?? 255;
          ready.count();
          break;
      }
    },
    () => {},
  );
  client.write(loginPacket(login));
  await ready.done('CONNACK');
  if (code !== 0) throw new Error(`${login.username} was refused with code ${code}.`);
  return client;
}
