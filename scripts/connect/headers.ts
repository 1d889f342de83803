/** Headers that concern one connection only (RFC 9110, 7.6.1), and `Expect`, which Node has answered. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

/** Names and values in turn, as they came: their case and order may matter to a device. */
export type RawHeaders = readonly string[];

/** The pairs of a list of headers. */
export function pairsOf(raw: RawHeaders): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}

/**
 * What is to be passed on: all but the headers of this connection, and those that `Connection` names.
 * @param more names in lower case that stay here, too
 */
export function endToEnd(raw: RawHeaders, ...more: readonly string[]): string[] {
  const pairs = pairsOf(raw);
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()));
  const stays = new Set([...HOP_BY_HOP, ...named, ...more]);
  return pairs.filter(([name]) => !stays.has(name.toLowerCase())).flat();
}
