import { FirmwireError } from '../../../core/errors.js';
import type { Connection } from './connection.js';
import { type Marker, readMarker } from './marker.js';

/** What a look at Redis has shown. `found`: the id of the store that is there, if there is one. */
export type Sight =
  | { readonly is: 'ours' }
  | { readonly is: 'successor'; readonly id: string }
  | { readonly is: 'other'; readonly found: string | undefined };

/** What this marker is to a node that knows the store `known`. */
export function judge(marker: Marker | undefined, known: string): Sight {
  if (marker?.id === known) return { is: 'ours' };
  if (marker?.replaces.has(known)) return { is: 'successor', id: marker.id };
  return { is: 'other', found: marker?.id };
}

/** A replica takes no writes, and what it shows may be old. @throws FirmwireError `store_unavailable` */
export async function requirePrimary(connection: Connection): Promise<void> {
  const [role] = await connection.send((redis) => redis.role());
  if (role !== 'master')
    throw new FirmwireError('store_unavailable', undefined, { cause: new Error('This Redis is a replica.') });
}

/** Looks which store is there. @throws as `requirePrimary` and `readMarker` */
export async function look(connection: Connection, known: string): Promise<Sight> {
  const [marker] = await Promise.all([
    connection.send((redis) => readMarker(redis)),
    requirePrimary(connection),
  ]);
  return judge(marker, known);
}
