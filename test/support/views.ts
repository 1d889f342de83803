import type {
  DeviceView,
  FirmwareView,
  FleetEvent,
  Notice,
  ServerView,
  UpdateState,
} from '../../rtm/src/model/nouns.js';
import { NOW, OWNER, UDID } from './builders.js';

/** What the page is told, as the server makes it. */

export const at = (ms: number): string => new Date(ms).toISOString();

export const aDeviceView = (change: Partial<DeviceView> = {}): DeviceView => ({
  udid: UDID,
  alias: 'kitchen',
  mac: '5CCF7F1A2B3C',
  platform: 'arduino:esp8266',
  version: '1.0.0',
  autoUpdate: false,
  online: true,
  lastSeen: at(NOW),
  createdAt: at(NOW - 1000),
  tags: [],
  status: 'Registered',
  rssi: '-61',
  update: null,
  why: { reason: 'no_firmware', sentence: 'No firmware has been published for it.' },
  ...change,
});

type UpdateView = NonNullable<DeviceView['update']>;

export const anUpdateView = (state: UpdateState, change: Partial<UpdateView> = {}): UpdateView => ({
  state,
  version: '1.1.0',
  firmware: 'fw-1.1.0',
  progress: 0,
  error: null,
  attempts: 0,
  since: at(NOW),
  ...change,
});

export const aFirmwareView = (change: Partial<FirmwareView> = {}): FirmwareView => {
  const version = change.version ?? '1.1.0';
  return {
    id: `fw-${version}`,
    version,
    platform: 'arduino:esp8266',
    udid: null,
    tags: [],
    envHash: null,
    notes: null,
    rollout: 'all-at-once',
    size: 300_000,
    sha256: 'c3'.repeat(32),
    md5: 'd4'.repeat(16),
    files: [{ name: 'firmware.bin', size: 300_000, sha256: 'c3'.repeat(32) }],
    signature: null,
    createdAt: at(NOW),
    ...change,
  };
};

export const aNoticeOf = (nid = UDID, version = '1.1.0'): Notice => ({
  nid,
  title: 'Update available',
  body: `Firmware ${version} is ready for kitchen. Install it?`,
  type: 'actionable',
  response_type: 'bool',
  udid: nid,
  version,
  installed: '1.0.0',
});

export const aServerView = (change: Partial<ServerView> = {}): ServerView => ({
  version: '0.1.0',
  mqttPort: 1883,
  maxUploadBytes: 16_000_000,
  postponeHours: 24,
  ...change,
});

/** What arrives over MQTT. */
export interface Told {
  readonly topic: string;
  readonly text: string;
}

const told =
  (kind: string) =>
  (id: string, body: object | string): Told => ({
    topic: `/${OWNER}/rtm/${kind}${id && '/'}${id}`,
    text: typeof body === 'string' ? body : JSON.stringify(body),
  });

export const tell = {
  device: (view: DeviceView): Told => told('devices')(view.udid, view),
  deviceGone: (udid: string): Told => told('devices')(udid, ''),
  firmware: (view: FirmwareView): Told => told('firmware')(view.id, view),
  firmwareGone: (id: string): Told => told('firmware')(id, ''),
  notice: (notice: Notice): Told => told('notices')(notice.nid, { notification: notice }),
  noticeGone: (nid: string): Told => told('notices')(nid, ''),
  event: (event: FleetEvent): Told => told('events')('', event),
  server: (view: ServerView = aServerView()): Told => told('server')('', view),
  raw: (kind: string, id: string, text: string): Told => told(kind)(id, text),
} as const;
