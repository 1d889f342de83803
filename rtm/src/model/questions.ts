import type { Notice } from './nouns.js';
import { compareVersions } from './version.js';

/** Open questions about one version. */
export interface Question {
  readonly version: string;
  readonly notices: readonly Notice[];
}

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
    .sort((a, b) => compareVersions(b.version, a.version));
}
