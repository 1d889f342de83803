/** What an event was, in a few words. */
const TEXTS: Readonly<Record<string, (version: string) => string>> = {
  created: () => 'appeared for the first time',
  checkin: () => 'checked in',
  checkout: () => 'disconnected',
  asked: (version) => `waits for your decision about ${version}`,
  approved: (version) => `was approved for ${version}`,
  declined: (version) => `${version} was declined`,
  postponed: (version) => `${version} was put off`,
  offered: (version) => `was offered ${version}`,
  downloading: (version) => `began to download ${version}`,
  downloaded: (version) => `has downloaded ${version}`,
  installed: (version) => `came back with ${version}`,
  failed: (version) => `failed to install ${version}`,
  refused: () => 'was refused a download',
  withdrawn: (version) => `${version} was withdrawn`,
  published: (version) => `${version} was published`,
  removed: () => 'was forgotten',
};

export const eventText = (event: string, version = 'an update'): string =>
  ((Object.hasOwn(TEXTS, event) && TEXTS[event]) || (() => event))(version).trim();
