import { isRecord } from './checkin.js';
import type { Device } from './device.js';
import { isOpenQuestion } from './update.js';

/** The owner message of wire.md section 5, as plain text: whoever shows it escapes it. */
export interface Notice {
  readonly nid: string;
  readonly title: string;
  readonly body: string;
  readonly type: 'actionable';
  readonly response_type: 'bool';
  readonly udid: string;
  readonly version: string;
  readonly installed: string;
}

/** The open question about a device, if there is one. It follows from the device's record alone. */
export function noticeOf(device: Device): Notice | undefined {
  if (!isOpenQuestion(device.update)) return undefined;
  const { version } = device.update;
  const installed = device.version ?? '';
  return {
    nid: device.udid,
    title: 'Update available',
    body: `Firmware ${version} is ready for ${device.alias}${installed ? `, which runs ${installed}` : ''}. Install it?`,
    type: 'actionable',
    response_type: 'bool',
    udid: device.udid,
    version,
    installed,
  };
}

/** The retained payload; begins exactly `{"notification"`. */
export const noticePayload = (notice: Notice): string => JSON.stringify({ notification: notice });

/** What an owner can answer. */
export type Answer = 'approve' | 'decline' | 'later';

/** Reads `true`, `"yes"`, `false`, `"no"` and `"later"`; anything else is undefined. */
export function readAnswer(response: unknown): Answer | undefined {
  if (response === true || response === 'yes' || response === 'true') return 'approve';
  if (response === false || response === 'no' || response === 'false') return 'decline';
  return response === 'later' ? 'later' : undefined;
}

/** Reads an owner's answer off the reply topic; undefined if it is none, or names another question than its topic. */
export function readReply(payload: Uint8Array, nid: string): Answer | undefined {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    return undefined;
  }
  const reply = isRecord(body) ? body['notification'] : undefined;
  return isRecord(reply) && reply['nid'] === nid ? readAnswer(reply['response']) : undefined;
}
