import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { openChromium } from '../../scripts/dev/chromium.js';
import { logIn, Visit } from './browser.js';
import { Device } from './device.js';
import { type OwnerApi, ownerApi } from './owner-api.js';
import { OwnerPeer } from './owner-peer.js';
import { type Account, type Overrides, ServerProcess } from './server-process.js';

/** What a test of the page works with. */
export interface Scene {
  readonly visit: Visit;
  readonly page: Page;
  /** Logs the same owner in elsewhere. Not in another tab: browsers slow down a tab that is behind another. */
  readonly elsewhere: (options?: { readonly allow: readonly RegExp[] }) => Promise<Page>;
}

/** How a device of a test differs from an ESP8266 that asks its owner. */
export interface Traits {
  readonly alias?: string;
  readonly version?: string;
  readonly platform?: string;
  readonly autoUpdate?: boolean;
}

/** A real server, a browser and simulated devices, for the tests of one file. */
export class PageRig {
  #browser: Browser | undefined;
  #server: ServerProcess | undefined;
  #owner: OwnerPeer | undefined;
  #devices: Device[] = [];

  constructor(readonly overrides: Overrides) {}

  get server(): ServerProcess {
    if (!this.#server) throw new Error('the server has not been started');
    return this.#server;
  }

  get account(): Account {
    return this.server.account;
  }

  get api(): OwnerApi {
    return ownerApi(this.server);
  }

  /** Another listener on what the page hears, which tells when something has happened at the server. */
  get owner(): OwnerPeer {
    if (!this.#owner) throw new Error('nobody listens');
    return this.#owner;
  }

  async open(): Promise<void> {
    [this.#server, this.#browser] = await Promise.all([ServerProcess.start(this.overrides), openChromium()]);
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    await this.#server?.dispose();
  }

  async begin(): Promise<void> {
    this.#owner = await OwnerPeer.open(this.server);
  }

  /** Leaves the server as empty as it was. */
  async end(): Promise<void> {
    await Promise.all([this.#owner?.peer.drop(), ...this.#devices.map((device) => device.drop())]);
    this.#devices = [];
    await this.api.clear();
  }

  /** kill -9, and the same server again: its data, its ports. */
  async killServer(): Promise<() => Promise<void>> {
    const { httpPort, mqttPort, data } = this.server;
    await this.server.kill();
    return async () => {
      const ports = { HTTP_PORT: String(httpPort), MQTT_PORT: String(mqttPort) };
      this.#server = await ServerProcess.start({ ...this.overrides, ...ports }, data);
    };
  }

  /** A device that the server knows and has answered. */
  async device({ alias = 'unnamed', autoUpdate = false, ...rest }: Traits = {}): Promise<Device> {
    const device = new Device(this.server, this.account);
    Object.assign(device, rest);
    device.autoUpdate = autoUpdate;
    this.#devices.push(device);
    await device.subscribe();
    await device.checkIn({ alias });
    await device.next('ok');
    return device;
  }

  visit(options?: BrowserContextOptions, origin = this.server.httpUrl): Promise<Visit> {
    if (!this.#browser) throw new Error('the browser has not been started');
    return Visit.start(this.#browser, origin, options);
  }
}

export const SETTINGS: Overrides = {
  OFFERS_RETRY_SECONDS: '0.2',
  THROTTLE_SUBJECT_FAILURES_PER_MINUTE: '1000',
  THROTTLE_LOGIN_FAILURES_PER_MINUTE: '1000',
  HOUSEKEEPING_SWEEP_SECONDS: '1',
};

/** Makes the enclosing `describe` one about the page. */
export function aboutThePage(overrides: Overrides = {}): PageRig {
  const rig = new PageRig({ ...SETTINGS, ...overrides });
  before(() => rig.open());
  after(() => rig.close());
  beforeEach(() => rig.begin());
  afterEach(() => rig.end());
  return rig;
}

/** A test with a visitor of its own, who has noticed nothing wrong at its end. */
export const visiting =
  (rig: PageRig, body: (scene: Scene) => Promise<void>, options?: BrowserContextOptions) =>
  async (): Promise<void> => {
    const visit = await rig.visit(options);
    const visits = [visit];
    const elsewhere: Scene['elsewhere'] = async ({ allow } = { allow: [] }) => {
      const other = await rig.visit(options);
      other.allow(...allow);
      visits.push(other);
      await logIn(other.page, rig.account);
      return other.page;
    };
    try {
      await body({ visit, page: visit.page, elsewhere });
      for (const each of visits) each.check();
    } catch (error) {
      const reports = await Promise.all(visits.map((each) => each.report()));
      throw new Error(`what the visitor saw:\n${reports.join('\n===\n')}`, { cause: error });
    } finally {
      await Promise.all(visits.map(({ context }) => context.close()));
    }
  };

/** The same, logged in. */
export const loggedIn = (
  rig: PageRig,
  body: (scene: Scene) => Promise<void>,
  options?: BrowserContextOptions,
): (() => Promise<void>) =>
  visiting(
    rig,
    async (scene) => {
      await logIn(scene.page, rig.account);
      await body(scene);
    },
    options,
  );

/** The row of the table that begins with an alias. */
export const rowOf = (page: Page, alias: string): Locator =>
  page
    .getByRole('table', { name: 'Devices' })
    .getByRole('row')
    .filter({ has: page.getByRole('link', { name: alias, exact: true }) });

/** Waits until the table says this of a device, word for word: the state of its update, or why it is so. */
export const says = (page: Page, alias: string, text: string): Promise<void> =>
  rowOf(page, alias).getByText(text, { exact: true }).waitFor();

/** The dialog that is open, once it can be used. */
export async function dialogOf(page: Page, title: string | RegExp): Promise<Locator> {
  const dialog = page.getByRole('dialog', { name: title });
  await dialog.waitFor();
  return dialog;
}

/** A part of the page by its heading. */
export const section = (page: Page, name: string | RegExp): Locator => page.getByRole('region', { name });
