import { createHash } from 'node:crypto';

/** LMDB's keys hold 1978 bytes, a topic up to 65,535. */
export const HEAD_BYTES = 1900;

/** Ends the head of a long topic. No topic contains it (MQTT 3.1.1, 4.7.3), so a longer head cannot be meant. */
const END_OF_HEAD = Buffer.of(0);
/** Never part of UTF-8: above every topic that begins with what stands before it. */
const ABOVE = Buffer.of(0xff);

/** A half-open range of keys. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** What a topic is stored under: its UTF-8 if that is short enough, else the beginning of it and a digest of all. */
export function topicKey(topic: string): Buffer {
  const bytes = Buffer.from(topic);
  if (bytes.length <= HEAD_BYTES) return bytes;
  const digest = createHash('sha256').update(bytes).digest();
  return Buffer.concat([bytes.subarray(0, HEAD_BYTES), END_OF_HEAD, digest]);
}

/** The keys of all topics that begin with this text, and perhaps of some long ones that do not. */
export function prefixRange(prefix: string): KeyRange {
  const head = Buffer.from(prefix).subarray(0, HEAD_BYTES);
  // An empty key is not allowed in LMDB; no topic is lower than one zero byte.
  return { start: head.length > 0 ? head : END_OF_HEAD, end: Buffer.concat([head, ABOVE]) };
}

/** The keys of all long topics with the same head as this one; undefined if it is the key of a short topic. */
export function sameHead(key: Buffer): KeyRange | undefined {
  if (key.length <= HEAD_BYTES) return undefined;
  const head = key.subarray(0, HEAD_BYTES);
  // The next byte of a topic is never lower than 1.
  return { start: Buffer.concat([head, END_OF_HEAD]), end: Buffer.concat([head, Buffer.of(1)]) };
}
