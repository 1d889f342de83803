import type { DeviceView, FirmwareView } from './model/nouns.js';
import type { PastEvent } from './model/timeline.js';

export interface KeyView {
  readonly id: string;
  readonly alias: string;
  readonly scope: 'device' | 'owner' | 'publish' | 'read';
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly device: string | null;
}

export type NewKey = KeyView & { readonly secret: string };

export interface DevicePatch {
  readonly alias?: string;
  readonly autoUpdate?: boolean;
  readonly tags?: readonly string[];
}

export interface Publication {
  readonly firmware: FirmwareView;
  readonly offered: number;
  readonly asked: number;
  readonly rollout?: { readonly devices: number; readonly stages: readonly unknown[] };
}

/** A refusal of the server: its stable code, and its sentence for a person. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const UNREACHABLE = new ApiError('unreachable', 'The server cannot be reached. Nothing was changed.');

const failureIn = (body: unknown, status: number): ApiError => {
  const { error } = (body ?? {}) as { error?: { code?: string; message?: string } };
  return new ApiError(error?.code ?? String(status), error?.message ?? `The server answered ${status}.`);
};

/** The owner's API (docs/api.md), for what changes something; all that is watched comes over MQTT. */
export class Api {
  readonly #base: string;
  readonly #key: string;

  constructor(base: string, key: string) {
    this.#base = base;
    this.#key = key;
  }

  patchDevice = (udid: string, patch: DevicePatch): Promise<unknown> =>
    this.#call<{ device: DeviceView }>('PATCH', `/devices/${udid}`, patch);

  forgetDevice = (udid: string): Promise<unknown> => this.#call('DELETE', `/devices/${udid}`);

  sendUpdate = (udid: string, firmware: string, forced: boolean): Promise<unknown> =>
    this.#call('POST', `/devices/${udid}/update`, { firmware, ...(forced && { forced }) });

  history = async (udid: string): Promise<readonly PastEvent[]> =>
    (await this.#call<{ events: PastEvent[] }>('GET', `/devices/${udid}/events`)).events;

  withdraw = (id: string): Promise<unknown> => this.#call('DELETE', `/firmware/${id}`);

  changeRollout = (id: string, verb: string, stage?: number): Promise<unknown> =>
    this.#call('POST', `/rollouts/${id}/${verb}`, stage === undefined ? undefined : { stage });

  keys = async (): Promise<readonly KeyView[]> =>
    (await this.#call<{ keys: KeyView[] }>('GET', '/keys')).keys;

  makeKey = async (wish: { alias: string; scope: string; expiresAt?: string }): Promise<NewKey> =>
    (await this.#call<{ key: NewKey }>('POST', '/keys', wish)).key;

  revokeKey = (id: string): Promise<unknown> => this.#call('DELETE', `/keys/${id}`);

  /**
   * Publishes firmware. `fetch` tells nothing of an upload's progress, so this is an XMLHttpRequest.
   * @param onProgress percent of the bytes that have left
   */
  publish(form: FormData, onProgress: (percent: number) => void): Promise<Publication> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('POST', `${this.#base}/firmware`);
      request.setRequestHeader('authorization', `Bearer ${this.#key}`);
      request.responseType = 'json';
      request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? (loaded / total) * 100 : 0);
      request.onload = () => {
        if (request.status < 300) resolve(request.response as Publication);
        else reject(failureIn(request.response, request.status));
      };
      request.onerror = () => reject(UNREACHABLE);
      request.send(form);
    });
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(this.#base + path, {
      method,
      cache: 'no-store',
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    }).catch(() => {
      throw UNREACHABLE;
    });
    if (answer.status === 204) return undefined as T;
    const read: unknown = await answer.json().catch(() => undefined);
    if (!answer.ok) throw failureIn(read, answer.status);
    return read as T;
  }
}
