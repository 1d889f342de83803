import { expect } from 'chai';
import {
  anImage,
  checkIn,
  checkInBody,
  type HttpApp,
  offeredToken,
  post,
  startHttpApp,
} from '../support/http-app.js';
import { exchange, rawGet } from '../support/raw-tcp.js';

const PER_SUBJECT = 3;
const PER_ADDRESS = 12;

describe('failures over HTTP are throttled', () => {
  let http: HttpApp;

  beforeEach(async () => {
    http = await startHttpApp({
      settings: {
        throttle: { subjectFailuresPerMinute: PER_SUBJECT, addressFailuresPerMinute: PER_ADDRESS },
      },
    });
  });
  afterEach(() => http.close());

  const get = (query: string) => http.app.inject({ method: 'GET', url: `/device/firmware${query}` });
  const statuses = async (count: number, ask: () => Promise<{ statusCode: number }>): Promise<number[]> => {
    const seen: number[] = [];
    for (let turn = 0; turn < count; turn++) seen.push((await ask()).statusCode);
    return seen;
  };

  it('by token: 429 with Retry-After, and nobody else at this address notices', async () => {
    expect(await statuses(4, () => get('?ott=bad'))).to.deep.equal([404, 404, 404, 429]);
    const answer = await get('?ott=bad');
    expect(answer.body).to.equal('{"success":false,"response":"throttled"}');
    expect(Number(answer.headers['retry-after'])).to.be.within(1, 60);
    expect((await get('?ott=other')).statusCode).to.equal(404);
    expect((await checkIn(http))['status']).to.equal('OK');
  });

  it('by token, even if the token is named twice', async () => {
    expect(await statuses(4, () => get('?ott=bad&ott=x'))).to.deep.equal([404, 404, 404, 429]);
  });

  it('by token in the body of a POST', async () => {
    const ask = () => post(http, '/device/firmware', { ott: 'bad' }, {});
    expect(await statuses(4, ask)).to.deep.equal([404, 404, 404, 429]);
  });

  it('by device, whatever key it tries', async () => {
    let turn = 0;
    const ask = () => post(http, '/device/register', checkInBody(http), { authentication: `key-${turn++}` });
    expect(await statuses(4, ask)).to.deep.equal([403, 403, 403, 429]);
  });

  it('by a key that nobody knows, whatever device it names', async () => {
    let turn = 0;
    const ask = () =>
      post(http, '/device/register', checkInBody(http, { udid: '', mac: `5CCF7F00000${turn++}` }), {
        authentication: 'wrong-key',
      });
    expect(await statuses(4, ask)).to.deep.equal([403, 403, 403, 429]);
  });

  it('but not one device of a fleet for what another does with the key that they share', async () => {
    const ask = (mac: string) =>
      post(http, '/device/firmware', { mac }, { authentication: http.credentials.deviceKey });
    expect(await statuses(4, () => ask('5CCF7F000001'))).to.deep.equal([404, 404, 404, 429]);
    expect((await ask('5CCF7F000002')).statusCode).to.equal(404);
  });

  it('by address, whatever is named', async () => {
    let turn = 0;
    const seen = await statuses(PER_ADDRESS + 2, () => get(`?ott=t${turn++}`));
    expect(seen.filter((code) => code === 404)).to.have.length(PER_ADDRESS);
    expect(seen.slice(PER_ADDRESS)).to.deep.equal([429, 429]);
  });

  it('never holds back what succeeds, whatever failed before', async () => {
    const token = await offeredToken(http, anImage());
    await statuses(PER_ADDRESS + 1, () => post(http, '/device/firmware', { use: 'ott' }));
    expect((await checkIn(http, { udid: '', mac: '5CCF7F000009' }))['status']).to.equal('FIRMWARE_UPDATE');
    const answer = await exchange(await http.listen(), rawGet(`/device/firmware?ott=${token}`));
    expect(answer.status).to.equal(200);
  });

  it('does not count the server shutting down as a failure of the device', async () => {
    http.state = 'draining';
    expect(await statuses(5, () => get('?ott=bad'))).to.deep.equal([503, 503, 503, 503, 503]);
  });
});
