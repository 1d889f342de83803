import type { Device } from '../device.js';
import type { HomeAssistantTopics } from './topics.js';

/** What Home Assistant says on the command topic when somebody presses "Install". */
export const PAYLOAD_INSTALL = 'install';

/** The discovery message of one device, with the names of Home Assistant's MQTT `update` platform. */
export interface Discovery {
  readonly name: string;
  readonly unique_id: string;
  readonly device_class: 'firmware';
  readonly entity_category: 'config';
  readonly state_topic: string;
  readonly command_topic: string;
  readonly payload_install: string;
  readonly retain: false;
  readonly qos: 1;
  readonly device: {
    readonly identifiers: readonly string[];
    readonly connections?: readonly (readonly ['mac', string])[];
    readonly name: string;
    readonly model?: string;
    readonly sw_version?: string;
  };
  readonly origin: { readonly name: 'Firmwire'; readonly sw_version: string };
}

/**
 * A MAC as Home Assistant writes it. By it one device is one in Home Assistant, whichever integrations know it. What is
 * longer (some ESP32 send 14 digits) is none there.
 */
const macOf = ({ mac = '' }: Device): string | undefined =>
  /^[0-9A-F]{12}$/.test(mac) ? mac.toLowerCase().replace(/..(?=.)/g, '$&:') : undefined;

/**
 * Describes a device's `update` entity. It has no availability topic: a device that is away can still be sent an update.
 * @param serverVersion the version of Firmwire
 */
export function discoveryOf(device: Device, topics: HomeAssistantTopics, serverVersion: string): Discovery {
  const { udid, alias, platform, version } = device;
  const mac = macOf(device);
  return {
    name: 'Firmware',
    unique_id: `firmwire_${udid}`,
    device_class: 'firmware',
    entity_category: 'config',
    state_topic: topics.state(udid),
    command_topic: topics.command(udid),
    payload_install: PAYLOAD_INSTALL,
    retain: false,
    qos: 1,
    device: {
      identifiers: [`firmwire_${udid}`],
      ...(mac !== undefined && { connections: [['mac', mac] as const] }),
      name: alias.toWellFormed(),
      ...(platform !== undefined && { model: platform.toWellFormed() }),
      ...(version !== undefined && { sw_version: version.toWellFormed() }),
    },
    origin: { name: 'Firmwire', sw_version: serverVersion },
  };
}

/** True if both are described alike. */
export const describedAlike = (a: Device, b: Device): boolean =>
  a.alias === b.alias && a.version === b.version && a.platform === b.platform && a.mac === b.mac;
