/** Texts that were looked at before; past this many they are forgotten, as they may be of devices long gone. */
const MOST_KNOWN = 100_000;
const known = new Map<string, string>();

/** Digits with their number before them, so that 9 comes before 10 wherever they stand. */
const counted = (digits: string): string => {
  const bare = digits.replace(/^0+(?=\d)/, '');
  return String.fromCharCode(0x30 + bare.length) + bare;
};

/**
 * A text of which `<` is the order in which a person looks for names: numbers by value, without regard to case and
 * accents. Intl.Collator does the same, and took half the time of a burst of 10,000 changes: it starts anew each time.
 */
export function sortKey(text: string): string {
  const before = known.get(text);
  if (before !== undefined) return before;
  if (known.size >= MOST_KNOWN) known.clear();
  const key = text
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase()
    .replace(/\d+/g, counted);
  known.set(text, key);
  return key;
}
