import { FirmwireError } from '../../core/errors.js';
import type { HistoryEntry } from '../../core/history.js';
import type { DeviceStore } from '../../core/ports.js';
import type { Announcer } from '../../core/services/announcer.js';
import type { History } from '../../core/services/history.js';
import type { Orders } from '../../core/services/orders.js';
import type { OwnerFeed } from '../../core/services/owner-feed.js';
import type { Records } from '../../core/services/records.js';
import type { Registry } from '../../core/services/registry.js';
import { type DeviceView, iso } from '../../core/view.js';
import {
  DeviceAnswer,
  DeviceList,
  DevicePatchBody,
  EventList,
  OrderBody,
  PageQuery,
  UdidParams,
} from './schemas.js';
import type { ApiScope } from './scope.js';

export interface DeviceApiParts {
  readonly devices: DeviceStore;
  readonly records: Records;
  readonly registry: Registry;
  readonly orders: Orders;
  readonly announcer: Announcer;
  readonly feed: OwnerFeed;
  readonly history: Pick<History, 'list'>;
  /** Ends the connection of a device that is no more. */
  readonly cutDevice: (udid: string) => void;
}

const tags = ['devices'];

/** `/api/v1/devices`. */
export function deviceApi(scope: ApiScope, parts: DeviceApiParts): void {
  const { devices, registry, orders, announcer, feed } = parts;

  const view = async (owner: string, udid: string): Promise<DeviceView> => {
    const device = await parts.records.ofOwner(owner, udid);
    if (!device) throw new FirmwireError('no_such_device');
    return feed.view(device);
  };

  scope.get(
    '/devices',
    {
      schema: {
        tags,
        summary: 'Your devices, a page at a time',
        querystring: PageQuery,
        response: { 200: DeviceList },
      },
    },
    async ({ principal, query }) => {
      const page = await devices.list(principal.owner, Number(query.limit ?? 100), query.after);
      const views = await Promise.all(page.items.map((device) => feed.view(device)));
      return { devices: views.map(mutable), ...(page.next === undefined ? {} : { next: page.next }) };
    },
  );

  scope.get(
    '/devices/:udid',
    { schema: { tags, summary: 'One device', params: UdidParams, response: { 200: DeviceAnswer } } },
    async ({ principal, params }) => ({ device: mutable(await view(principal.owner, params.udid)) }),
  );

  scope.get(
    '/devices/:udid/events',
    {
      schema: {
        tags,
        summary: 'What has happened to a device, the newest first',
        description:
          'The last 100 entries. Between two pieces of news all check-ins with one version are one entry, and so are ' +
          'check-outs, and attempts to download one firmware: "count" times from "since" to "at".',
        params: UdidParams,
        response: { 200: EventList },
      },
    },
    async ({ principal, params }) => {
      if (!(await parts.records.ofOwner(principal.owner, params.udid)))
        throw new FirmwireError('no_such_device');
      return { events: (await parts.history.list(params.udid)).map(shown) };
    },
  );

  scope.patch(
    '/devices/:udid',
    {
      schema: {
        tags,
        summary: 'Rename a device, tag it, switch its auto update',
        params: UdidParams,
        body: DevicePatchBody,
        response: { 200: DeviceAnswer },
      },
    },
    async ({ principal, params, body }) => {
      await registry.patch(principal.owner, params.udid, body);
      await announcer.reconsider(params.udid);
      return { device: mutable(await view(principal.owner, params.udid)) };
    },
  );

  scope.delete(
    '/devices/:udid',
    { schema: { tags, summary: 'Forget a device', params: UdidParams } },
    async ({ principal, params }, reply) => {
      await registry.remove(principal.owner, params.udid);
      parts.cutDevice(params.udid);
      return reply.code(204).send();
    },
  );

  scope.post(
    '/devices/:udid/update',
    {
      schema: {
        tags,
        summary: 'Send this device an update now; your call is the consent',
        description: 'Without "firmware": the newest one. "forced": also past version order.',
        params: UdidParams,
        body: OrderBody,
        response: { 200: DeviceAnswer },
      },
    },
    async ({ principal, params, body }) => {
      await orders.order(principal.owner, params.udid, body.firmware, body.forced === true);
      await announcer.reconsider(params.udid);
      return { device: mutable(await view(principal.owner, params.udid)) };
    },
  );
}

/** An entry as it is shown. */
const shown = ({ at, since, ...entry }: HistoryEntry) => ({
  ...entry,
  at: iso(at),
  ...(since !== undefined && { since: iso(since) }),
});

/** The same view for the serializer, whose types know no read-only arrays. */
const mutable = (view: DeviceView) => ({ ...view, tags: [...view.tags] });
