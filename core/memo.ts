/** Texts that are remembered; past this the oldest half is forgotten. */
const MOST = 1000;

/**
 * Remembers what a pure function made of a text: a fleet tells the same few versions and platforms again and again.
 * What comes from outside cannot make it grow.
 */
export function remembered<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined || known.has(text)) return found as T;
    const made = make(text);
    if (known.size >= MOST) {
      let surplus = MOST / 2;
      for (const oldest of known.keys()) {
        if (surplus-- === 0) break;
        known.delete(oldest);
      }
    }
    known.set(text, made);
    return made;
  };
}
