import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { at, listAt } from './json.js';
import type { Account } from './server-process.js';

/** Below the tests' own limit, so that what fails says what it waited for. */
const PATIENCE_MS = 20_000;

/** Violations of the page's policy that the console would not tell, such as those of a report-only one. */
const TELL_VIOLATIONS = `addEventListener('securitypolicyviolation', (event) =>
  console.error('policy violated: ' + event.violatedDirective + ' ' + event.blockedURI));`;

export interface Asked {
  readonly method: string;
  readonly url: string;
}

/** One visitor with storage of their own: everything their pages ask for and complain about is written down. */
export class Visit {
  readonly asked: Asked[] = [];
  /** Complaints that the test provokes, such as a refused upload. */
  readonly #allowed: RegExp[] = [];
  readonly #complaints: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly origin: string,
  ) {}

  static async start(browser: Browser, origin: string, options: BrowserContextOptions = {}): Promise<Visit> {
    const context = await browser.newContext({ baseURL: origin, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(TELL_VIOLATIONS);
    const visit = new Visit(context, await context.newPage(), origin);
    visit.#listen();
    return visit;
  }

  /** The console may say this. */
  allow(...complaints: RegExp[]): void {
    this.#allowed.push(...complaints);
  }

  /** What was asked of the API, as `GET /api/v1/keys`. */
  get apiCalls(): string[] {
    return this.asked
      .map(({ method, url }) => `${method} ${new URL(url).pathname}`)
      .filter((call) => call.includes(' /api/'));
  }

  /** Nothing went wrong unnoticed, and nobody else was asked for anything. */
  check(): void {
    const complaints = this.#complaints.filter(
      (text) => !this.#allowed.some((allowed) => allowed.test(text)),
    );
    expect(complaints, 'complaints of the browser').to.deep.equal([]);
    const { host } = new URL(this.origin);
    const elsewhere = this.asked.filter(({ url }) => new URL(url).host !== host && !url.startsWith('data:'));
    expect(elsewhere, 'requests to other hosts').to.deep.equal([]);
  }

  /** What the visitor sees and what the console said, for the message of a failed test. */
  async report(): Promise<string> {
    const texts = this.context.pages().map(async (page) => `${page.url()}\n${await page.innerText('body')}`);
    const shown = await Promise.all(texts).catch((error) => [`the page cannot be read: ${error}`]);
    return [...shown, ...this.#complaints].join('\n---\n').slice(0, 4000);
  }

  #listen(): void {
    this.context.on('console', (message) => {
      if (message.type() === 'error') this.#complaints.push(message.text());
    });
    this.context.on('weberror', (error) => this.#complaints.push(`thrown: ${error.error().stack}`));
    this.context.on('request', (request) =>
      this.asked.push({ method: request.method(), url: request.url() }),
    );
    const sockets = (page: Page): unknown =>
      page.on('websocket', (socket) =>
        this.asked.push({ method: 'WEBSOCKET', url: socket.url().replace(/^ws/, 'http') }),
      );
    this.context.on('page', sockets);
    sockets(this.page);
  }
}

/** Fills in the form; what comes of it is for the test to see. */
export async function fillIn(page: Page, owner: string, key: string): Promise<void> {
  await page.getByLabel('Owner id').fill(owner);
  await page.getByLabel('Owner key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** Logs in by the form, and waits until the page is live. */
export async function logIn(page: Page, account: Account): Promise<void> {
  await page.goto('/rtm/');
  await fillIn(page, account.owner, account.ownerKey);
  await isLive(page);
}

export const isLive = (page: Page): Promise<void> => page.getByText('Live', { exact: true }).waitFor();

/**
 * Waits until an expression is true in the page. Playwright's `waitForFunction` cannot: it evaluates inside the page,
 * where the page's policy forbids that.
 */
export const until = (page: Page, expression: string): Promise<void> =>
  page.evaluate<void>(`new Promise((resolve, reject) => {
    const end = performance.now() + ${PATIENCE_MS};
    const look = () => {
      if (${expression}) resolve();
      else if (performance.now() > end) reject(new Error(${JSON.stringify(`never true: ${expression}`)}));
      else requestAnimationFrame(look);
    };
    look();
  })`);

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const SERIOUS: ReadonlySet<unknown> = new Set(['serious', 'critical']);

/**
 * The automated accessibility check has no serious finding. The script comes through the debugger, as the page's policy
 * lets no other in.
 */
export async function axe(page: Page, what: string): Promise<void> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const result: unknown = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
  const findings = listAt(result, 'violations')
    .filter((violation) => SERIOUS.has(at(violation, 'impact')))
    .map((violation) => ({
      rule: at(violation, 'id'),
      nodes: listAt(violation, 'nodes').map((node) => [at(node, 'html'), at(node, 'failureSummary')]),
    }));
  expect(findings, `${what}: ${JSON.stringify(findings, undefined, 1)}`).to.deep.equal([]);
}
