import { MARKER, type Scripted } from './script.js';

const FORMAT = 'firmwire';
const VERSION = 1;
/** `replaces:<id>`: the nodes that know the store <id> may go on with this one. */
const REPLACES = 'replaces:';

/** Which store Redis holds. */
export interface Marker {
  readonly id: string;
  /** The ids of lost stores in whose place an operator has put this one. */
  readonly replaces: ReadonlySet<string>;
}

/** Finds the marker, or writes it; of several nodes at once one writes. With it: is there an owner already? */
const CLAIM_LUA = `
if redis.call('EXISTS', KEYS[1]) == 0 then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'format', ARGV[1], 'version', ARGV[2], 'id', ARGV[3], 'createdAt', time[1] .. '000')
end
return redis.call('HGETALL', KEYS[1])`;

/** @throws Error if this is another program's key, or was written by a newer version */
function markerOf(fields: Readonly<Record<string, string>>): Marker | undefined {
  const { format, version, id } = fields;
  if (Object.keys(fields).length === 0) return undefined;
  if (format !== FORMAT || !id) throw new Error(`The key "${MARKER}" in Redis belongs to another program.`);
  if (!(Number(version) <= VERSION))
    throw new Error(`What Redis holds was written by a newer version of Firmwire (format ${version}).`);
  const replaced = Object.keys(fields).filter((name) => name.startsWith(REPLACES));
  return { id, replaces: new Set(replaced.map((name) => name.slice(REPLACES.length))) };
}

/** `WRONGTYPE` is a reply about the type of our key. */
const foreign = (error: unknown): never => {
  if (error instanceof Error && /\bWRONGTYPE\b/.test(error.message)) markerOf({ format: '', id: '' });
  throw error;
};

/** The marker as it stands. @throws Error if it is not ours or too new, or what Redis says */
export async function readMarker(redis: Scripted): Promise<Marker | undefined> {
  return markerOf(await redis.hgetall(MARKER).catch(foreign));
}

/** The marker as it stands, or a new one with this id. @throws as `readMarker` */
export async function claimMarker(redis: Scripted, id: string): Promise<Marker> {
  const claim = redis.eval(CLAIM_LUA, 1, MARKER, FORMAT, String(VERSION), id) as Promise<string[]>;
  const flat = await claim.catch(foreign);
  const fields = Object.fromEntries(flat.flatMap((name, i) => (i % 2 ? [] : [[name, flat[i + 1] ?? '']])));
  const marker = markerOf(fields);
  if (!marker) throw new Error('The marker is gone again.');
  return marker;
}

/** The field of the marker which says that its store takes the place of another. */
export const replacesField = (id: string): string => `${REPLACES}${id}`;
