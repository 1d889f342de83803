import { nowMs } from '../machine.js';
import MqttFleet from './mqtt-fleet.js';
import { checkInPacket } from './packets.js';
import { Countdown, type Timing, timing } from './timing.js';

/** How a run of check-ins went. */
export interface CheckedIn extends Timing {
  /** What the first device said last. */
  readonly lastRssi: string;
}

const RSSI = '"rssi":"-';
/** Two digits that change from one check-in to the next, so that the registry has something to store. */
const rssiOf = (turn: number): string => String(30 + (turn % 60));

/** A check-in whose signal strength is overwritten in place before it is sent again. */
class CheckInPacket {
  private readonly bytes: Buffer;
  private readonly at: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.at = bytes.indexOf(RSSI) + RSSI.length;
  }

  with(rssi: string): Buffer {
    this.bytes.write(rssi, this.at, 'latin1');
    return this.bytes;
  }
}

/** A connected fleet whose devices check in again and again. */
export default class CheckInFleet extends MqttFleet {
  private turn = 0;

  /**
   * Sends `rate` check-ins a second for so many seconds, one device after the other, whether or not answers come, and
   * waits for all answers. How long one took counts from when it was sent.
   * @param answerBytes the size that every answer must have
   * @throws Error if an answer is missing, surplus or of another size
   */
  async checkIns(rate: number, seconds: number, answerBytes: readonly number[]): Promise<CheckedIn> {
    const packets = this.clients.map((_, index) => new CheckInPacket(checkInPacket(this.fleet, index)));
    const sentAt: number[][] = packets.map(() => []);
    const total = rate * seconds;
    const all = new Countdown(total);
    const spans: number[] = [];
    let wrong = 0;
    this.onPublish = (index, bytes, start, end) => {
      const sent = sentAt[index]?.shift();
      const size = end - start - 2 - bytes.readUInt16BE(start);
      if (sent === undefined || size !== answerBytes[index]) wrong++;
      spans.push(nowMs() - (sent ?? 0));
      all.count();
    };
    const begun = nowMs();
    let next = 0;
    const send = (): void => {
      const now = nowMs();
      const due = Math.min(total, Math.floor(((now - begun) * rate) / 1000));
      for (; next < due; next++) {
        const index = next % packets.length;
        if (index === 0) this.turn++;
        const packet = packets[index]?.with(rssiOf(this.turn));
        if (packet) this.clients[index]?.write(packet);
        sentAt[index]?.push(now);
      }
      if (next < total) setTimeout(send, 1);
    };
    send();
    await all.done('an answer to a check-in');
    if (wrong > 0) throw new Error(`${wrong} answers were not the expected ones.`);
    return { ...timing(begun, spans), lastRssi: `-${rssiOf(this.turn)}` };
  }
}
