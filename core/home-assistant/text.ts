/** What Home Assistant takes of a summary, characters. */
const LONGEST_SUMMARY = 255;

/**
 * Cuts text to what Home Assistant takes, without breaking a character. Lone halves of a character are replaced: its JSON
 * reader refuses them, and would take the whole message for the name of a version.
 */
export function cut(text: string, longest = LONGEST_SUMMARY): string {
  const whole = text.toWellFormed();
  if (whole.length <= longest) return whole;
  let kept = '';
  for (const character of whole) {
    if (kept.length + character.length >= longest) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}

/** The first web address in a text, if there is one that Home Assistant would take for an address. */
export function linkIn(text: string | undefined): string | undefined {
  // What ends a sentence or closes a bracket does not belong to it.
  const found = /\bhttps?:\/\/[^\s<>"'`]+/i.exec(text ?? '')?.[0].replace(/[.,;:!?)\]}]+$/, '');
  return found !== undefined && URL.canParse(found) ? new URL(found).href : undefined;
}
