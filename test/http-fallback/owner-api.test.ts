import { expect } from 'chai';
import { NOW, OTHER_UDID, UDID } from '../support/builders.js';
import {
  anImage,
  asOwner,
  checkIn,
  type HttpApp,
  publish,
  publishParts,
  startHttpApp,
} from '../support/http-app.js';

describe("the owner's API", () => {
  let http: HttpApp;

  beforeEach(async () => {
    http = await startHttpApp();
  });
  afterEach(() => http.close());

  type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
  const outcome = async (method: Method, path: string, body?: object): Promise<string> => {
    const answer = await asOwner(http, method, path, body);
    return answer.statusCode < 300
      ? String(answer.statusCode)
      : `${answer.statusCode} ${answer.json().error.code}`;
  };

  const routes: [method: Method, path: string, body?: object][] = [
    ['GET', '/devices'],
    ['GET', `/devices/${UDID}`],
    ['GET', `/devices/${UDID}/events`],
    ['PATCH', `/devices/${UDID}`, { alias: 'x' }],
    ['DELETE', `/devices/${UDID}`],
    ['POST', `/devices/${UDID}/update`, {}],
    ['GET', '/firmware'],
    ['GET', '/firmware/x'],
    ['POST', '/firmware'],
    ['DELETE', '/firmware/x'],
    ['GET', '/notices'],
    ['POST', `/notices/${UDID}/reply`, { response: true }],
    ['GET', '/keys'],
    ['POST', '/keys', { alias: 'x', scope: 'device' }],
    ['POST', '/keys/x/rotate', {}],
    ['DELETE', '/keys/x'],
  ];

  for (const [method, path, body] of routes) {
    it(`${method} ${path.replace(UDID, ':udid')} is for owner keys only`, async () => {
      const { deviceKey } = http.credentials;
      const ask = (headers: Record<string, string>) =>
        http.app.inject({ method, url: `/api/v1${path}`, headers, ...(body ? { payload: body } : {}) });
      const wrong = [{}, { authorization: 'Bearer ' }, { authorization: `Bearer ${'0'.repeat(64)}` }];
      for (const headers of wrong) {
        const answer = await ask(headers);
        expect(`${answer.statusCode} ${answer.json().error.code}`).to.equal('401 unauthorized');
      }
      const answer = await ask({ authorization: `Bearer ${deviceKey}` });
      expect(`${answer.statusCode} ${answer.json().error.code}`).to.equal('403 forbidden');
    });
  }

  it('says in which scheme the key belongs (RFC 9110, 15.5.2)', async () => {
    const answer = await http.app.inject({ method: 'GET', url: '/api/v1/devices' });
    expect(answer.headers['www-authenticate']).to.match(/^Bearer/);
  });

  it('shows nothing of another owner', async () => {
    await checkIn(http, { auto_update: false });
    const id = await publish(http, anImage());
    const { ownerKey } = await http.domain.accounts.createOwner('other');
    const ask = async (method: Method, path: string, payload?: object) => {
      const headers = { authorization: `Bearer ${ownerKey}` };
      const answer = await http.app.inject({
        method,
        url: `/api/v1${path}`,
        headers,
        ...(payload ? { payload } : {}),
      });
      return `${answer.statusCode} ${answer.body}`;
    };
    expect(await ask('GET', '/devices')).to.equal('200 {"devices":[]}');
    expect(await ask('GET', '/firmware')).to.equal('200 {"firmware":[]}');
    expect(await ask('GET', '/notices')).to.equal('200 {"notices":[]}');
    const one: [Method, string, object?][] = [
      ['GET', `/devices/${UDID}`],
      ['GET', `/devices/${UDID}/events`],
      ['PATCH', `/devices/${UDID}`, { alias: 'x' }],
      ['DELETE', `/devices/${UDID}`],
      ['POST', `/devices/${UDID}/update`, { firmware: id }],
      ['GET', `/firmware/${id}`],
      ['DELETE', `/firmware/${id}`],
      ['POST', `/notices/${UDID}/reply`, { response: true }],
    ];
    for (const [method, path, body] of one) expect(await ask(method, path, body)).to.match(/^404 /);
    expect(await outcome('GET', `/devices/${UDID}`)).to.equal('200');
  });

  describe('devices', () => {
    it('tells what has happened to one, the newest first, until it is forgotten', async () => {
      await checkIn(http, { auto_update: false });
      http.clock.time += 30_000;
      await checkIn(http);
      const id = await publish(http, anImage());
      const answer = await asOwner(http, 'GET', `/devices/${UDID}/events`);
      const [first, second] = [NOW, NOW + 30_000].map((ms) => new Date(ms).toISOString());
      expect(answer.json()).to.deep.equal({
        events: [
          { event: 'asked', at: second, version: '1.1.0', firmware: id },
          { event: 'checkin', at: second, since: first, count: 2, version: '1.0.0' },
          { event: 'created', at: first },
        ],
      });
      await asOwner(http, 'DELETE', `/devices/${UDID}`);
      expect(await outcome('GET', `/devices/${UDID}/events`)).to.equal('404 no_such_device');
    });

    it('lists them a page at a time', async () => {
      const udids = ['1', '2', '3', '4', '5'].map((digit) => UDID.replace(/^0/, digit));
      for (const [at, udid] of udids.entries()) await checkIn(http, { udid, mac: `5CCF7F00000${at}` });
      const seen: string[] = [];
      let path: string | undefined = '/devices?limit=2';
      let pages = 0;
      while (path !== undefined) {
        const page: { devices: { udid: string }[]; next?: string } = (
          await asOwner(http, 'GET', path)
        ).json();
        seen.push(...page.devices.map(({ udid }) => udid));
        path = page.next === undefined ? undefined : `/devices?limit=2&after=${page.next}`;
        pages += 1;
      }
      expect(seen).to.deep.equal(udids);
      expect(pages).to.equal(3);
    });

    for (const query of [
      'limit=0',
      'limit=-1',
      'limit=1001',
      'limit=x',
      'limit=1.5',
      `after=${'x'.repeat(65)}`,
    ])
      it(`refuses ?${query.slice(0, 12)}`, async () =>
        expect(await outcome('GET', `/devices?${query}`)).to.equal('400 field_invalid'));

    it('shows one with what it is waiting for', async () => {
      await checkIn(http, { auto_update: false });
      await publish(http, anImage());
      const { device } = (await asOwner(http, 'GET', `/devices/${UDID}`)).json();
      expect(device).to.include({
        udid: UDID,
        mac: '5CCF7F1A2B3C',
        version: '1.0.0',
        autoUpdate: false,
        online: false,
      });
      expect(device.update).to.include({ state: 'asked', version: '1.1.0', progress: 0 });
      expect(device.why.reason).to.equal('needs_approval');
      expect(device.lastSeen).to.equal(new Date(NOW).toISOString());
    });

    it('changes alias, tags and auto update', async () => {
      await checkIn(http);
      const change = { alias: 'kitchen', tags: ['a', 'b'], autoUpdate: false };
      const answer = await asOwner(http, 'PATCH', `/devices/${UDID}`, change);
      expect(answer.json().device).to.deep.include(change);
      expect((await checkIn(http, { alias: 'other' }))['alias']).to.equal('kitchen');
    });

    const bodies: object[] = [
      {},
      [],
      { alias: '' },
      { alias: ' ' },
      { alias: 'x}}' },
      { alias: 'a\nb' },
      { alias: 'ä'.repeat(51) },
      { alias: null },
      { alias: {} },
      { autoUpdate: 'perhaps' },
      { autoUpdate: null },
      { tags: ['a b'] },
      { tags: ['a', 'a'] },
      { tags: Array.from({ length: 33 }, (_, at) => `t${at}`) },
      { owner: 'x' },
      { udid: OTHER_UDID },
    ];
    for (const body of bodies)
      it(`refuses the change ${JSON.stringify(body).slice(0, 40)}`, async () => {
        await checkIn(http);
        expect(await outcome('PATCH', `/devices/${UDID}`, body)).to.equal('400 field_invalid');
      });

    it('forgets one, and ends its session', async () => {
      await checkIn(http);
      expect(await outcome('DELETE', `/devices/${UDID}`)).to.equal('204');
      expect(http.cut).to.deep.equal([UDID]);
      expect(await outcome('GET', `/devices/${UDID}`)).to.equal('404 no_such_device');
      expect(await outcome('DELETE', `/devices/${UDID}`)).to.equal('404 no_such_device');
    });
  });

  describe('orders', () => {
    it('names what is wrong with one', async () => {
      const update = `/devices/${UDID}/update`;
      expect(await outcome('POST', update, {})).to.equal('404 no_such_device');
      await checkIn(http, { version: '2.0.0' });
      expect(await outcome('POST', update, {})).to.equal('404 firmware_not_found');
      const id = await publish(http, anImage());
      expect(await outcome('POST', update, { firmware: 'x' })).to.equal('404 firmware_not_found');
      expect(await outcome('POST', update, { firmware: id })).to.equal('409 not_newer');
      expect(await outcome('POST', update, { colour: 'red' })).to.equal('400 field_invalid');
      const other = await publishParts(http, [
        { name: 'version', value: '9.0.0' },
        { name: 'platform', value: 'micropython' },
        { name: 'file', filename: 'boot.py', data: 'x' },
      ]);
      const { firmware } = other.json<{ firmware: { id: string } }>();
      expect(await outcome('POST', update, { firmware: firmware.id })).to.equal('409 wrong_target');
      expect(await outcome('POST', update, { firmware: id, forced: true })).to.equal('200');
      expect((await checkIn(http))['status']).to.equal('FIRMWARE_UPDATE');
    });

    it('sends the newest firmware if it names none', async () => {
      await checkIn(http, { auto_update: false });
      await publish(http, anImage());
      expect(await outcome('POST', `/devices/${UDID}/update`, {})).to.equal('200');
      expect((await checkIn(http))['status']).to.equal('FIRMWARE_UPDATE');
    });
  });

  describe('notices', () => {
    const reply = (body: object) => outcome('POST', `/notices/${UDID}/reply`, body);
    const updateState = async () =>
      (await asOwner(http, 'GET', `/devices/${UDID}`)).json().device.update.state;

    beforeEach(async () => {
      await checkIn(http, { auto_update: false });
      await publish(http, anImage());
    });

    it('shows the open question', async () => {
      const { notices } = (await asOwner(http, 'GET', '/notices')).json();
      expect(notices).to.have.length(1);
      expect(notices[0]).to.include({ nid: UDID, udid: UDID, version: '1.1.0', installed: '1.0.0' });
    });

    for (const [response, state] of [
      [true, 'approved'],
      ['yes', 'approved'],
      [false, 'declined'],
      ['no', 'declined'],
      ['later', 'asked'],
    ] as const) {
      it(`${JSON.stringify(response)} leaves it ${state}`, async () => {
        expect(await reply({ response })).to.equal('200');
        expect(await updateState()).to.equal(state);
      });
    }

    for (const body of [
      {},
      { response: null },
      { response: 'maybe' },
      { response: 0 },
      { response: 1 },
      { response: '' },
      { response: ['yes'] },
      { response: {} },
      { response: true, udid: 'x' },
    ])
      it(`${JSON.stringify(body)} is no answer, and changes nothing`, async () => {
        expect(await reply(body)).to.equal('400 field_invalid');
        expect(await updateState()).to.equal('asked');
      });

    it('cannot be answered twice', async () => {
      await reply({ response: true });
      expect(await reply({ response: false })).to.equal('404 notice_not_found');
      expect(await outcome('POST', `/notices/${OTHER_UDID}/reply`, { response: true })).to.equal(
        '404 notice_not_found',
      );
    });
  });

  describe('firmware', () => {
    it('is shown and withdrawn', async () => {
      const id = await publish(http, anImage());
      expect((await asOwner(http, 'GET', `/firmware/${id}`)).json().firmware.id).to.equal(id);
      expect(await outcome('DELETE', `/firmware/${id}`)).to.equal('204');
      expect(await outcome('GET', `/firmware/${id}`)).to.equal('404 firmware_not_found');
      expect(await outcome('DELETE', `/firmware/${id}`)).to.equal('404 firmware_not_found');
      expect(await http.storedFiles()).to.deep.equal([]);
    });
  });

  it('JSON that is nested too deeply is refused before it is parsed', async () => {
    const deep = (levels: number) => `{"response":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    const send = (payload: string) =>
      http.app.inject({
        method: 'POST',
        url: `/api/v1/notices/${UDID}/reply`,
        headers: { authorization: `Bearer ${http.credentials.ownerKey}`, 'content-type': 'application/json' },
        payload,
      });
    expect((await send(deep(19))).json().error.code).to.equal('field_invalid');
    const refused = await send(deep(20));
    expect(`${refused.statusCode} ${refused.json().error.code}`).to.equal('400 body_invalid');
    expect(http.telemetry.counts['limit depth']).to.equal(1);
  });

  describe('keys', () => {
    it('are made, listed without their secret, and revoked', async () => {
      const made = (await asOwner(http, 'POST', '/keys', { alias: 'spare', scope: 'device' })).json().key;
      expect(made.secret).to.match(/^[0-9a-f]{64}$/);
      const listed = await asOwner(http, 'GET', '/keys');
      expect(listed.body).to.not.include(made.secret);
      expect(listed.json().keys.map(({ alias }: { alias: string }) => alias)).to.have.members([
        'owner',
        'devices',
        'spare',
      ]);
      expect(await outcome('DELETE', `/keys/${made.id}`)).to.equal('204');
      expect(http.cut).to.deep.equal([made.id]);
      expect(await outcome('DELETE', `/keys/${made.id}`)).to.equal('404 key_not_found');
    });

    it('may end, be bound to one device, and be rotated', async () => {
      const expiresAt = new Date(http.clock.time + 60_000).toISOString();
      const wish = { alias: 'one', scope: 'device', expiresAt, device: UDID };
      const { key } = (await asOwner(http, 'POST', '/keys', wish)).json();
      expect(key).to.deep.include(wish);
      const rotated = await asOwner(http, 'POST', `/keys/${key.id}/rotate`, { overlapSeconds: 10 });
      expect(rotated.statusCode).to.equal(201);
      const { key: next, replaced } = rotated.json();
      expect(next).to.deep.include({ alias: 'one', scope: 'device', device: UDID });
      expect(next.secret)
        .to.match(/^[0-9a-f]{64}$/)
        .and.not.equal(key.secret);
      expect(replaced.expiresAt).to.equal(new Date(http.clock.time + 10_000).toISOString());
      expect(replaced).not.to.have.property('secret');
    });

    it('are rotated within a day where nothing else is said', async () => {
      const { key } = (await asOwner(http, 'POST', '/keys', { alias: 'x', scope: 'publish' })).json();
      const answer = await http.app.inject({
        method: 'POST',
        url: `/api/v1/keys/${key.id}/rotate`,
        headers: { authorization: `Bearer ${http.credentials.ownerKey}` },
      });
      expect(answer.json().replaced.expiresAt).to.equal(new Date(http.clock.time + 86_400_000).toISOString());
      expect(answer.json().key.expiresAt).to.equal(null);
    });

    const may: Readonly<Record<string, RegExp>> = {
      read: /^GET /,
      publish: /^(GET|POST) \/firmware/,
    };
    for (const [scope, allowed] of Object.entries(may))
      it(`of the scope "${scope}" open ${allowed} and nothing else`, async () => {
        const { key } = (await asOwner(http, 'POST', '/keys', { alias: 'x', scope })).json();
        for (const [method, path, body] of routes) {
          const answer = await http.app.inject({
            method,
            url: `/api/v1${path}`,
            headers: { authorization: `Bearer ${key.secret}` },
            ...(body ? { payload: body } : {}),
          });
          expect(answer.statusCode === 403, `${method} ${path}`).to.equal(!allowed.test(`${method} ${path}`));
        }
      });

    it('keep the last that could come back', async () => {
      const { keys } = (await asOwner(http, 'GET', '/keys')).json();
      const { id } = keys.find(({ scope }: { scope: string }) => scope === 'owner');
      expect(await outcome('DELETE', `/keys/${id}`)).to.equal('409 key_in_use');
    });

    for (const body of [
      {},
      { alias: 'x' },
      { alias: 'x', scope: 'root' },
      { alias: '', scope: 'device' },
      { alias: 'x'.repeat(101), scope: 'device' },
      { alias: 'x', scope: 'device', hash: 'y' },
      { alias: 'x', scope: 'device', expiresAt: 'soon' },
      { alias: 'x', scope: 'device', expiresAt: '2001-01-01T00:00:00Z' },
      { alias: 'x', scope: 'device', device: 'kitchen' },
      { alias: 'x', scope: 'owner', device: UDID },
    ])
      it(`are not made of ${JSON.stringify(body).slice(0, 40)}`, async () =>
        expect(await outcome('POST', '/keys', body)).to.equal('400 field_invalid'));
  });
});
