import { pagesOf } from '../../core/pages.js';
import type { RolloutWish } from '../../core/rollouts/read-plan.js';
import { ApiError } from './errors.js';
import type {
  DeviceChange,
  DevicePage,
  DeviceView,
  FirmwareView,
  HistoryView,
  KeyView,
  LogLine,
  NewKey,
  NewKeyWish,
  NoticeResponse,
  RolloutView,
  SignerView,
  SignerWish,
} from './model.js';
import { fetchTransport, type Transport } from './transport.js';
import { type Publication, prepareUpload, type UploadProgress } from './upload.js';

/** What publishing brought about: how many devices were told at once, and about how many the owner was asked. */
export interface Published {
  readonly firmware: FirmwareView;
  readonly offered: number;
  readonly asked: number;
  /** What was started because it is for many devices. */
  readonly rollout?: RolloutView;
}

/** Which part of the devices to fetch: at most `limit` of them, after the one where the page before ended. */
export interface PageRequest {
  readonly limit?: number;
  readonly after?: string;
}

/** Which update to send to a device; without `firmware` the newest, with `forced` past version order. */
export interface UpdateOrder {
  readonly firmware?: string;
  readonly forced?: boolean;
}

/**
 * The owner API, typed. Every method throws ApiError for a refusal and for a server that does not answer.
 * What the server sends is trusted to have the shape it documents; only the outermost member is checked.
 */
export class Api {
  readonly #call: Transport;

  constructor(transport: Transport) {
    this.#call = transport;
  }

  /** One page of devices. */
  async devicePage(request: PageRequest = {}): Promise<DevicePage> {
    const query = new URLSearchParams();
    if (request.limit !== undefined) query.set('limit', String(request.limit));
    if (request.after !== undefined) query.set('after', request.after);
    const suffix = query.size > 0 ? `?${query}` : '';
    const body = await this.#call({ method: 'GET', path: `/api/v1/devices${suffix}` });
    const devices = member<readonly DeviceView[]>(body, 'devices');
    return typeof body['next'] === 'string' ? { devices, next: body['next'] } : { devices };
  }

  /** All devices, page after page. */
  async *devices(pageSize?: number): AsyncGenerator<DeviceView> {
    let request: PageRequest | undefined = pageSize === undefined ? {} : { limit: pageSize };
    while (request) {
      const page: DevicePage = await this.devicePage(request);
      yield* page.devices;
      request = page.next === undefined ? undefined : { ...request, after: page.next };
    }
  }

  /** One device. */
  async device(udid: string): Promise<DeviceView> {
    return member(await this.#call({ method: 'GET', path: devicePath(udid) }), 'device');
  }

  /** What has happened to a device, the newest first. */
  async history(udid: string): Promise<readonly HistoryView[]> {
    return member(await this.#call({ method: 'GET', path: `${devicePath(udid)}/events` }), 'events');
  }

  /** Changes a device and returns it as it is now. */
  async changeDevice(udid: string, change: DeviceChange): Promise<DeviceView> {
    return member(await this.#call({ method: 'PATCH', path: devicePath(udid), json: change }), 'device');
  }

  /** Forgets a device. */
  async deleteDevice(udid: string): Promise<void> {
    await this.#call({ method: 'DELETE', path: devicePath(udid) });
  }

  /** Sends one device an update now; the call itself is the consent. Returns the device as it is now. */
  async updateDevice(udid: string, order: UpdateOrder = {}): Promise<DeviceView> {
    const path = `${devicePath(udid)}/update`;
    return member(await this.#call({ method: 'POST', path, json: order }), 'device');
  }

  /** All published firmware. */
  async firmware(): Promise<readonly FirmwareView[]> {
    return member(await this.#call({ method: 'GET', path: '/api/v1/firmware' }), 'firmware');
  }

  /** Publishes firmware, streamed from disk. Also throws ClientError if a file cannot be read. */
  async publish(
    publication: Publication,
    onProgress?: UploadProgress,
    signal?: AbortSignal,
  ): Promise<Published> {
    const stream = await prepareUpload(publication, onProgress);
    const body = await this.#call({
      method: 'POST',
      path: '/api/v1/firmware',
      stream,
      ...(signal && { signal }),
    });
    return {
      firmware: member(body, 'firmware'),
      offered: member(body, 'offered'),
      asked: member(body, 'asked'),
      ...(body['rollout'] !== undefined && { rollout: member<RolloutView>(body, 'rollout') }),
    };
  }

  /** All rollouts, oldest first. */
  async rollouts(): Promise<readonly RolloutView[]> {
    return member(await this.#call({ method: 'GET', path: '/api/v1/rollouts' }), 'rollouts');
  }

  /** One rollout. */
  async rollout(id: string): Promise<RolloutView> {
    return member(await this.#call({ method: 'GET', path: rolloutPath(id) }), 'rollout');
  }

  /** Rolls out firmware that was published with rollout=none. */
  async startRollout(wish: RolloutWish): Promise<RolloutView> {
    return member(await this.#call({ method: 'POST', path: '/api/v1/rollouts', json: wish }), 'rollout');
  }

  /** Does something to a rollout and returns it as it is now. */
  async changeRollout(
    id: string,
    verb: 'pause' | 'resume' | 'advance' | 'abort',
    json?: object,
  ): Promise<RolloutView> {
    const path = `${rolloutPath(id)}/${verb}`;
    return member(await this.#call({ method: 'POST', path, ...(json && { json }) }), 'rollout');
  }

  /** Sends the devices that took its firmware what they ran before. */
  async rollBack(id: string): Promise<{ ordered: number; unknown: number }> {
    const body = await this.#call({ method: 'POST', path: `${rolloutPath(id)}/rollback` });
    return { ordered: member(body, 'ordered'), unknown: member(body, 'unknown') };
  }

  /** Every decision about rollouts, page after page. */
  async *rolloutLog(): AsyncGenerator<LogLine> {
    const pages = pagesOf(async (after) => {
      const suffix = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
      const body = await this.#call({ method: 'GET', path: `/api/v1/rollouts/log${suffix}` });
      const next = typeof body['next'] === 'string' ? body['next'] : undefined;
      return { items: member<readonly LogLine[]>(body, 'entries'), next };
    });
    for await (const lines of pages) yield* lines;
  }

  /** Withdraws firmware: its offers and questions vanish, its tokens die. */
  async withdraw(id: string): Promise<void> {
    await this.#call({ method: 'DELETE', path: `/api/v1/firmware/${encodeURIComponent(id)}` });
  }

  /** Answers the open question `nid`, which is the device's UDID. */
  async reply(nid: string, response: NoticeResponse): Promise<void> {
    const path = `/api/v1/notices/${encodeURIComponent(nid)}/reply`;
    await this.#call({ method: 'POST', path, json: { response } });
  }

  /** All keys, without their secrets. */
  async keys(): Promise<readonly KeyView[]> {
    return member(await this.#call({ method: 'GET', path: '/api/v1/keys' }), 'keys');
  }

  /** Makes a key; its secret is in this answer and nowhere else. */
  async addKey(wish: NewKeyWish): Promise<NewKey> {
    return member(await this.#call({ method: 'POST', path: '/api/v1/keys', json: wish }), 'key');
  }

  /** Makes the key that follows this one, which ends after so many seconds. */
  async rotateKey(id: string, overlapSeconds: number): Promise<{ key: NewKey; replaced: KeyView }> {
    const path = `/api/v1/keys/${encodeURIComponent(id)}/rotate`;
    const body = await this.#call({ method: 'POST', path, json: { overlapSeconds } });
    return { key: member(body, 'key'), replaced: member(body, 'replaced') };
  }

  /** The keys that are trusted to sign firmware. */
  async signers(): Promise<readonly SignerView[]> {
    return member(await this.#call({ method: 'GET', path: '/api/v1/signers' }), 'signers');
  }

  /** Trusts a key to sign firmware. */
  async addSigner(wish: SignerWish): Promise<SignerView> {
    return member(await this.#call({ method: 'POST', path: '/api/v1/signers', json: wish }), 'signer');
  }

  /** Trusts a key no longer. */
  async removeSigner(id: string): Promise<void> {
    await this.#call({ method: 'DELETE', path: `/api/v1/signers/${encodeURIComponent(id)}` });
  }

  /** Revokes a key and ends the sessions opened with it. */
  async revokeKey(id: string): Promise<void> {
    await this.#call({ method: 'DELETE', path: `/api/v1/keys/${encodeURIComponent(id)}` });
  }
}

/** The API of a server, spoken to with an owner key. `httpUrl` has no path. */
export const createApi = (httpUrl: string, ownerKey: string): Api =>
  new Api(fetchTransport(httpUrl, ownerKey));

const devicePath = (udid: string): string => `/api/v1/devices/${encodeURIComponent(udid)}`;
const rolloutPath = (id: string): string => `/api/v1/rollouts/${encodeURIComponent(id)}`;

function member<T>(body: Record<string, unknown>, name: string): T {
  const value = body[name];
  if (value === undefined) throw new ApiError(200, 'bad_answer', `The answer has no "${name}".`);
  return value as T;
}
