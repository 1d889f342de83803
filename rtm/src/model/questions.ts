import type { Notice } from './nouns.js';

/** Open questions about one version. */
export interface Question {
  readonly version: string;
  readonly notices: readonly Notice[];
}

const collator = new Intl.Collator('en', { numeric: true });

/** Open questions, newest version first: a release asks the same of every device. */
export function groupQuestions(notices: Iterable<Notice>): readonly Question[] {
  const groups = new Map<string, Notice[]>();
  for (const notice of notices) {
    const group = groups.get(notice.version);
    if (group) group.push(notice);
    else groups.set(notice.version, [notice]);
  }
  return [...groups]
    .map(([version, list]) => ({ version, notices: list }))
    .sort((a, b) => collator.compare(b.version, a.version));
}
