import { at, listAt, textAt } from './json.js';
import { secret, watchForSecrets } from './secrets.js';
import type { Account, ServerProcess } from './server-process.js';

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** What to publish; every field but `files` goes into the form as it is. */
export interface Upload {
  readonly version: string;
  readonly platform?: string;
  readonly udid?: string;
  readonly rollout?: string;
  readonly tags?: string;
  readonly notes?: string;
  readonly manifest?: string;
  readonly files: readonly (readonly [name: string, bytes: Buffer | string])[];
}

/** The owner's HTTP API with one key. */
export class OwnerApi {
  constructor(
    readonly server: ServerProcess,
    readonly key: string,
  ) {}

  async call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const form = body instanceof FormData;
    const answer = await fetch(`${this.server.httpUrl}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body !== undefined && !form && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: form ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) watchForSecrets(`a refusal of ${method} ${path}`, text);
    const parsed: unknown = text === '' ? undefined : JSON.parse(text);
    const made = at(parsed, 'key.secret');
    if (typeof made === 'string') secret(made);
    return { status: answer.status, body: parsed };
  }

  upload(upload: Upload): Promise<ApiAnswer> {
    const form = new FormData();
    const { files, ...fields } = upload;
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    for (const [name, bytes] of files) form.append('file', new Blob([bytes]), name);
    return this.call('POST', '/firmware', form);
  }

  /** Publishes one image, to all devices at once unless it is said otherwise; throws if that is refused. Its id and the counts. */
  async publish(
    bytes: Buffer,
    fields: Omit<Upload, 'files'>,
  ): Promise<{ id: string; offered: number; asked: number; body: unknown }> {
    const { status, body } = await this.upload({
      rollout: 'all-at-once',
      ...fields,
      files: [['firmware.bin', bytes]],
    });
    if (status !== 201) throw new Error(`publish: ${status} ${JSON.stringify(body)}`);
    const counts = body as { offered: number; asked: number };
    return { id: textAt(body, 'firmware.id'), offered: counts.offered, asked: counts.asked, body };
  }

  /** Withdraws every firmware and forgets every device. */
  async clear(): Promise<void> {
    for (const [kind, id, query] of [
      ['firmware', 'id', ''],
      ['devices', 'udid', '?limit=1000'],
    ] as const) {
      const items = listAt((await this.call('GET', `/${kind}${query}`)).body, kind);
      await Promise.all(
        items.map(async (item) => {
          const { status, body } = await this.call('DELETE', `/${kind}/${textAt(item, id)}`);
          if (status !== 204) throw new Error(`DELETE ${kind}: ${status} ${JSON.stringify(body)}`);
        }),
      );
    }
  }

  async device(udid: string): Promise<unknown> {
    const { status, body } = await this.call('GET', `/devices/${udid}`);
    if (status !== 200) throw new Error(`device: ${status} ${JSON.stringify(body)}`);
    return (body as { device: unknown }).device;
  }
}

export const ownerApi = (server: ServerProcess, account: Account = server.account): OwnerApi =>
  new OwnerApi(server, account.ownerKey);
