import type { Decision, Nothing, Reason } from './decide.js';
import type { Device } from './device.js';
import type { Firmware } from './firmware.js';
import type { Update } from './update.js';

/** Why a device has, or has not, been updated: a stable name, and one sentence for a person. */
export interface Why {
  readonly reason: WhyReason;
  readonly sentence: string;
}

export type WhyReason =
  | Reason
  | 'needs_approval'
  | 'approved'
  | 'offered'
  | 'downloading'
  | 'downloaded'
  | 'waits_for_device'
  | 'withdrawn';

const kib = (bytes: number): string => `${Math.ceil(bytes / 1024)} KiB`;
const freeKib = (bytes: number): string => `${Math.floor(bytes / 1024)} KiB`;
/** `2026-11-23 11:40 UTC`: to the minute, for a person. */
const at = (ms: number | undefined): string =>
  ms === undefined ? 'some time' : `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const lowerThan = (sequence: number | undefined, firmware: Firmware | undefined): string =>
  sequence !== undefined && sequence > (firmware?.seal?.sequence ?? 0)
    ? `it has run ${sequence}`
    : 'a higher one has been released';

type NoneSentence = (device: Device, decision: Nothing) => string;

const lastError = (device: Device): string =>
  device.update?.error ?? `it still reports ${device.version ?? 'no version'}`;

const NONE: Readonly<Record<Reason, NoneSentence>> = {
  no_firmware: () => 'No firmware has been published for it.',
  platform_unknown: ({ platform }) =>
    `Its platform is ${platform ?? 'not known'}; only firmware for its own UDID can reach it.`,
  other_platform: ({ platform }) =>
    `No firmware has been published for its platform, ${platform ?? 'not known'}.`,
  other_tags: () => 'The firmware for its platform asks for tags that it does not have.',
  other_chip: ({ platform }) => `The firmware is built for another chip than ${platform ?? 'its own'}.`,
  not_released: (_, { firmware }) => `Firmware ${firmware?.version} is stored but not released.`,
  already_newest: ({ version }) => `It runs ${version ?? 'the newest'}, already newest.`,
  device_newer: ({ version }, { firmware }) =>
    `It runs ${version}, newer than the newest firmware, ${firmware?.version}.`,
  declined: (_, { firmware }) => `You declined ${firmware?.version}.`,
  postponed: (_, { firmware, until }) =>
    `You wanted to be asked again about ${firmware?.version} at ${at(until)}.`,
  unsigned: (_, { firmware }) =>
    `Firmware ${firmware?.version} is not signed, and this server offers signed firmware only.`,
  signer_untrusted: (_, { firmware }) =>
    `Firmware ${firmware?.version} is signed with the key ${firmware?.seal?.signer ?? 'of somebody'}, which you do not trust.`,
  manifest_expired: (_, { firmware }) =>
    `What you signed about ${firmware?.version} expired at ${at(firmware?.seal?.expiresAt)}; sign it anew.`,
  sequence_lower: ({ sequence }, { firmware }) =>
    `Firmware ${firmware?.version} has the sequence ${firmware?.seal?.sequence}, and ${lowerThan(sequence, firmware)}; sign a rollback to go back.`,
  image_too_large: ({ freeSpace }, { firmware }) =>
    `The image needs ${kib(firmware?.size ?? 0)}, the device has ${freeKib(freeSpace ?? 0)}.`,
  unverified: (_, { firmware }) =>
    `It took ${firmware?.version}, but reports no version, so nobody can tell whether it runs it.`,
  retry_pause: (device, { firmware, until }) =>
    `The attempt to install ${firmware?.version} failed (${lastError(device)}); next try after ${at(until)}.`,
  waiting_for_stage: (_, { firmware }) => {
    const { stage, of, state } = firmware?.staging ?? { stage: 1, of: 1, state: 'running' };
    const version = firmware?.version;
    if (state === 'scheduled') return `Waiting for the rollout of ${version}, which has not begun.`;
    if (state === 'paused')
      return `Waiting for the rollout of ${version}, which is paused at stage ${stage} of ${of}.`;
    return `Waiting for its turn in the rollout of ${version}, which is at stage ${stage} of ${of}.`;
  },
  window_closed: (_, { firmware, until }) =>
    `Firmware ${firmware?.version} waits for the window of its rollout, which opens at ${at(until)}.`,
  rollout_paused: (_, { firmware }) => `The rollout of ${firmware?.version} is paused.`,
  rollout_halted: (_, { firmware }) =>
    `The rollout of ${firmware?.version} was ${firmware?.staging?.state === 'aborted' ? 'aborted' : 'halted'}.`,
  quarantined: ({ quarantine }) =>
    `It is set aside since ${at(quarantine?.at)}: ${quarantine?.reason}; send it an update, or let it back in.`,
  attempts_used_up: (device, { firmware }) =>
    `Failed to install ${firmware?.version} ${device.update?.attempts ?? 0} times (${lastError(device)}); send it again to retry.`,
};

function whileOffering(update: Update | undefined, version: string, online: boolean): Why {
  switch (update?.state) {
    case 'downloading':
      return {
        reason: 'downloading',
        sentence: `It is downloading ${version} since ${at(update.startedAt ?? update.since)}.`,
      };
    case 'downloaded':
      return {
        reason: 'downloaded',
        sentence: `It downloaded ${version} at ${at(update.since)} and has not come back with it yet.`,
      };
    case 'offered':
      return {
        reason: 'offered',
        sentence: `It was offered ${version} at ${at(update.since)} and has not fetched it yet.`,
      };
    default: {
      const reason = update?.state === 'approved' ? 'approved' : 'waits_for_device';
      const wait = online ? 'is being told' : 'will be told when it is next available';
      return { reason, sentence: `It may have ${version} and ${wait}.` };
    }
  }
}

/** Puts a decision about a device into words. */
export function explain(device: Device, decision: Decision, online: boolean): Why {
  const { update } = device;
  if (decision.kind === 'ask') {
    const since = update?.firmware === decision.firmware.id ? update.since : undefined;
    const sentence = `${decision.firmware.version} waits for your approval${since ? ` since ${at(since)}` : ''}.`;
    return { reason: 'needs_approval', sentence };
  }
  if (decision.kind === 'offer') {
    const current = update?.firmware === decision.firmware.id ? update : undefined;
    return whileOffering(current, decision.firmware.version, online);
  }
  // A transfer that ended well holds back the next offer for a while; nothing has failed yet.
  if (decision.reason === 'retry_pause' && update?.state === 'downloaded') {
    return whileOffering(update, update.version, online);
  }
  if (update?.state === 'withdrawn' && decision.reason === 'no_firmware') {
    return { reason: 'withdrawn', sentence: `${update.version} was withdrawn at ${at(update.since)}.` };
  }
  return { reason: decision.reason, sentence: NONE[decision.reason](device, decision) };
}
