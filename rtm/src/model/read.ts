import type { DeviceView, FirmwareView, FleetEvent, Notice, RolloutView, ServerView } from './nouns.js';
import { STATE_NAMES } from './status.js';

/**
 * What comes in is looked at once, so that all that shows it may trust it: a message that is not what it should be must not
 * break the page. What is looked at is what the page could stumble over, and no more.
 */

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);
const isTextOrMissing = (value: unknown): boolean => value === undefined || isText(value);
const areTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isTime = (value: unknown): boolean => isText(value) && !Number.isNaN(Date.parse(value));
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isPercent = (value: unknown): boolean => isNumber(value) && value >= 0 && value <= 100;

const isUpdate = (value: unknown): boolean =>
  value === null ||
  (isRecord(value) &&
    isText(value['state']) &&
    Object.hasOwn(STATE_NAMES, value['state']) &&
    isText(value['version']) &&
    isText(value['firmware']) &&
    isPercent(value['progress']) &&
    isTextOrNull(value['error']) &&
    isNumber(value['attempts']) &&
    isTime(value['since']));

const isDevice = (body: Fields, udid: string): boolean =>
  body['udid'] === udid &&
  isText(body['alias']) &&
  ['mac', 'platform', 'version', 'status', 'rssi'].every((name) => isTextOrNull(body[name])) &&
  typeof body['autoUpdate'] === 'boolean' &&
  typeof body['online'] === 'boolean' &&
  isTime(body['lastSeen']) &&
  isTime(body['createdAt']) &&
  areTexts(body['tags']) &&
  isUpdate(body['update']) &&
  isRecord(body['why']) &&
  isText(body['why']['reason']) &&
  isText(body['why']['sentence']);

/** Null, or missing: it is not signed. */
const isSignature = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  (isRecord(value) &&
    isTextOrNull(value['alias']) &&
    isNumber(value['sequence']) &&
    typeof value['trusted'] === 'boolean');

const isFirmware = (body: Fields, id: string): boolean =>
  body['id'] === id &&
  isText(body['version']) &&
  ['platform', 'udid', 'envHash', 'notes'].every((name) => isTextOrNull(body[name])) &&
  areTexts(body['tags']) &&
  isText(body['rollout']) &&
  isNumber(body['size']) &&
  isText(body['sha256']) &&
  isText(body['md5']) &&
  Array.isArray(body['files']) &&
  body['files'].every((file) => isRecord(file) && isText(file['name']) && isNumber(file['size'])) &&
  isSignature(body['signature']) &&
  isTime(body['createdAt']);

const isStage = (value: unknown): boolean =>
  isRecord(value) &&
  isText(value['state']) &&
  ['devices', 'installed', 'failed', 'pending'].every((name) => isNumber(value[name]));

const isRollout = (body: Fields, id: string): boolean =>
  body['id'] === id &&
  ['firmware', 'version', 'state', 'approval'].every((name) => isText(body[name])) &&
  isTextOrNull(body['reason']) &&
  isNumber(body['devices']) &&
  Array.isArray(body['stages']) &&
  body['stages'].every(isStage) &&
  isTime(body['createdAt']);

const isNotice = (body: Fields, nid: string): boolean =>
  body['nid'] === nid &&
  ['title', 'body', 'udid', 'version', 'installed'].every((name) => isText(body[name]));

const isEvent = (body: Fields): boolean =>
  isText(body['event']) &&
  ['udid', 'alias', 'version', 'firmware', 'error'].every((name) => isTextOrMissing(body[name])) &&
  (body['progress'] === undefined || isPercent(body['progress'])) &&
  // Past that no date can be shown.
  isNumber(body['at']) &&
  !Number.isNaN(new Date(body['at']).getTime());

const isServer = (body: Fields): boolean =>
  isText(body['version']) &&
  (body['mqttPort'] === null || isNumber(body['mqttPort'])) &&
  isNumber(body['maxUploadBytes']) &&
  isNumber(body['postponeHours']);

function fieldsIn(text: string): Fields | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isRecord(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

const checked = <T>(body: unknown, isRight: (body: Fields) => boolean): T | undefined =>
  isRecord(body) && isRight(body) ? (body as T) : undefined;

/** Each reads one kind of message; undefined where it is none. */
export const readDevice = (text: string, udid: string): DeviceView | undefined =>
  checked(fieldsIn(text), (body) => isDevice(body, udid));

export const readFirmware = (text: string, id: string): FirmwareView | undefined =>
  checked(fieldsIn(text), (body) => isFirmware(body, id));

export const readRollout = (text: string, id: string): RolloutView | undefined =>
  checked(fieldsIn(text), (body) => isRollout(body, id));

export const readNotice = (text: string, nid: string): Notice | undefined =>
  checked(fieldsIn(text)?.['notification'], (body) => isNotice(body, nid));

export const readEvent = (text: string): FleetEvent | undefined => checked(fieldsIn(text), isEvent);

export const readServer = (text: string): ServerView | undefined => checked(fieldsIn(text), isServer);
