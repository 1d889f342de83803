import type { Browser, CDPSession, Page } from 'playwright-core';
import { type Frames, RECORDER } from './recorder.js';

/** Something that the page shows as a number: a row of the table, a chip, or the bar of a version. */
export type Shown =
  | readonly [what: 'row' | 'all' | 'online' | 'asks', number: number]
  | readonly [what: 'version', number: number, name: string];

/** When the page showed something: on the clock that all processes share, and since the login was sent. */
export interface Seen {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly sinceLogin: number;
}

/** What the page's own thread was busy with, seconds (CDP Performance.getMetrics). */
export interface Busy {
  readonly all: number;
  readonly scripts: number;
  readonly style: number;
  readonly layout: number;
}

const BUSY = {
  all: 'TaskDuration',
  scripts: 'ScriptDuration',
  style: 'RecalcStyleDuration',
  layout: 'LayoutDuration',
} as const;

const PATIENCE_MS = 120_000;

/** The owner's page in a browser, and what it costs there. */
export class OwnersPage {
  private constructor(
    readonly page: Page,
    private readonly devtools: CDPSession,
  ) {}

  static async open(browser: Browser, url: string): Promise<OwnersPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.addInitScript({ content: RECORDER });
    const devtools = await context.newCDPSession(page);
    await devtools.send('Performance.enable');
    await page.goto(`${url}/rtm/`);
    return new OwnersPage(page, devtools);
  }

  async logIn(owner: string, key: string): Promise<void> {
    await this.page.fill('[name=owner]', owner);
    await this.page.fill('[name=key]', key);
    await this.page.click('button[type=submit]');
  }

  /** Resolves with the first frame in which all of it is shown. @throws Error with what is shown if that takes too long */
  async sees(...wanted: readonly Shown[]): Promise<Seen> {
    const asked = JSON.stringify(wanted);
    const late = new AbortController();
    const seen = this.page.evaluate<Seen>(`recorder.seen(${asked})`);
    const timer = setTimeout(() => late.abort(), PATIENCE_MS);
    const lost = new Promise<never>((_resolve, reject) => {
      late.signal.addEventListener('abort', () => {
        const says = this.page.evaluate(`recorder.says(${asked})`);
        says.then((shown) => reject(new Error(`Not ${asked} but ${JSON.stringify(shown)}.`)), reject);
      });
    });
    return Promise.race([seen, lost]).finally(() => clearTimeout(timer));
  }

  /** Does something, and tells how the page's frames were meanwhile. */
  async during<T>(action: () => Promise<T>): Promise<{ readonly result: T; readonly frames: Frames & Busy }> {
    const before = await this.busy();
    await this.page.evaluate('recorder.begin()');
    const result = await action();
    const frames = await this.page.evaluate<Frames>('recorder.read()');
    const after = await this.busy();
    const busy = {
      all: after.all - before.all,
      scripts: after.scripts - before.scripts,
      style: after.style - before.style,
      layout: after.layout - before.layout,
    };
    return { result, frames: { ...frames, ...busy } };
  }

  private async busy(): Promise<Busy> {
    const metric = await this.metrics();
    const { all, scripts, style, layout } = BUSY;
    return { all: metric(all), scripts: metric(scripts), style: metric(style), layout: metric(layout) };
  }

  private async metrics(): Promise<(name: string) => number> {
    const { metrics } = await this.devtools.send('Performance.getMetrics');
    return (wanted) => metrics.find(({ name }) => name === wanted)?.value ?? 0;
  }

  /** Says no to everything that the page asks about. */
  async declineAll(): Promise<void> {
    await this.page.click('.question > header button:has-text("Decline")');
  }

  /** From the top to the bottom of the page with the wheel. */
  async scrollDown(): Promise<void> {
    await this.page.mouse.move(640, 600);
    for (let last = -1, at = 0; at !== last; ) {
      last = at;
      for (let turn = 0; turn < 10; turn++) {
        await this.page.mouse.wheel(0, 1500);
        await this.page.waitForTimeout(16);
      }
      at = await this.page.evaluate<number>('scrollY');
    }
  }

  /** Live JavaScript, bytes, after what nobody holds any more was thrown away. */
  async heapBytes(): Promise<number> {
    await this.devtools.send('HeapProfiler.collectGarbage');
    const metric = await this.metrics();
    return metric('JSHeapUsedSize');
  }

  async startProfile(): Promise<void> {
    await this.devtools.send('Profiler.enable');
    await this.devtools.send('Profiler.start');
  }

  /** The profile since `startProfile`, as Chromium's DevTools open it. */
  async profile(): Promise<object> {
    const { profile } = await this.devtools.send('Profiler.stop');
    return profile;
  }
}
