import { expect } from 'chai';
import { addressOf } from '../../../scripts/simulator/raw-http.js';
import { download } from '../../../scripts/simulator/updater.js';
import { FakeHttp, firmwareAnswer, httpAnswer, md5 } from './fake-http.js';

const IMAGE = Buffer.concat([Buffer.from([0xe9]), Buffer.alloc(9999, 7)]);
const PATH = '/device/firmware?ott=T';

describe('the simulated updater', () => {
  let http: FakeHttp;
  let url: string;

  beforeEach(async () => {
    http = new FakeHttp();
    url = await http.listen();
  });
  afterEach(() => http.close());

  const take = (answer: Buffer, platform = 'arduino:esp8266', freeSpace = 1_000_000) => {
    http.answer = () => answer;
    const address = addressOf(url);
    return download(PATH, { address, platform, mac: '5CCF7F1A2B3C', freeSpace, sketchSize: 300_000 });
  };
  const complaint = async (...args: Parameters<typeof take>) =>
    take(...args).then(
      (size) => `took ${size} bytes`,
      (error: Error) => `${error.name}: ${error.message}`,
    );

  it('asks as ESP8266HTTPUpdate does', async () => {
    expect(await take(firmwareAnswer(IMAGE))).to.equal(IMAGE.length);
    const [head, ...headers] = (http.requests[0] ?? '').split('\r\n');
    expect(head).to.equal(`GET ${PATH} HTTP/1.0`);
    expect(headers).to.include.members([
      `Host: ${new URL(url).host}`,
      'User-Agent: ESP8266-http-Update',
      'Connection: close',
      'x-ESP8266-STA-MAC: 5C:CF:7F:1A:2B:3C',
      'x-ESP8266-free-space: 1000000',
      'x-ESP8266-sketch-size: 300000',
    ]);
    expect(headers.slice(-2)).to.deep.equal(['', '']);
  });

  it('asks as HTTPUpdate does on an ESP32', async () => {
    await take(firmwareAnswer(IMAGE), 'platformio:esp32');
    expect(http.requests[0]).to.include('User-Agent: ESP32-http-Update').and.include('x-ESP32-free-space');
  });

  it('tells whole per cents up to 100, each once', async () => {
    http.answer = () => firmwareAnswer(IMAGE);
    const told: number[] = [];
    await download(PATH, {
      address: addressOf(url),
      platform: 'arduino:esp8266',
      mac: '5CCF7F1A2B3C',
      freeSpace: 1_000_000,
      sketchSize: 1,
      onProgress: (percent) => told.push(percent),
    });
    expect(told.at(-1)).to.equal(100);
    expect(told).to.deep.equal([...new Set(told)].sort((a, b) => a - b));
  });

  it('takes a gzipped image on an ESP8266 and on nothing else', async () => {
    const gzip = Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(100)]);
    expect(await complaint(firmwareAnswer(gzip))).to.equal('took 102 bytes');
    expect(await complaint(firmwareAnswer(gzip), 'arduino:esp32')).to.match(/Verify Bin Header Failed$/);
  });

  it('takes the JSON of a multi-file platform and nothing else there', async () => {
    const files = { type: 'file', files: [{ name: 'boot.py', data: 'print(1)' }] };
    const json = Buffer.from(JSON.stringify(files));
    expect(await complaint(firmwareAnswer(json), 'micropython')).to.equal(`took ${json.length} bytes`);
    expect(await complaint(firmwareAnswer(IMAGE), 'micropython')).to.match(/UpdaterError: Update error/);
    expect(await complaint(firmwareAnswer(Buffer.from('{"type":"file","files":[]}')), 'nodemcu')).to.match(
      /no files/,
    );
  });

  const cut = firmwareAnswer(IMAGE).subarray(0, -1);
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ['an image of another MD5', httpAnswer(200, IMAGE, { 'x-MD5': md5(Buffer.from('other')) }), 'Wrong MD5'],
    ['an image without MD5', httpAnswer(200, IMAGE), 'Wrong MD5'],
    ['a body that ends early', cut, 'Update error: ERROR[6]: Stream Read Timeout'],
    ['an image with another first byte', firmwareAnswer(Buffer.alloc(100)), 'Verify Bin Header Failed'],
    ['404', httpAnswer(404, '{"success":false}'), 'File Not Found (404)'],
    ['403', httpAnswer(403, ''), 'Forbidden (403)'],
    ['401', httpAnswer(401, ''), 'Unauthorized (401)'],
    ['a redirect', httpAnswer(302, '', { Location: '/elsewhere' }), 'Wrong HTTP Code'],
    ['429', httpAnswer(429, ''), 'Wrong HTTP Code'],
    ['an empty body', httpAnswer(200, ''), 'Server Did Not Report Size'],
    [
      'a body of unknown length',
      Buffer.from('HTTP/1.1 200 OK\r\n\r\n\xe9', 'latin1'),
      'Server Did Not Report Size',
    ],
    ['something that is not HTTP', Buffer.from('SSH-2.0-x\r\n\r\n'), 'HTTP error: no HTTP server'],
    ['nothing at all', Buffer.alloc(0), 'HTTP error: connection lost'],
  ];
  for (const [what, answer, text] of cases)
    it(`gives up on ${what}: ${text}`, async () => {
      expect(await complaint(answer)).to.equal(`UpdaterError: ${text}`);
    });

  it('gives up on an image larger than its free space before it reads it', async () => {
    expect(await complaint(firmwareAnswer(IMAGE), 'arduino:esp8266', 9999)).to.match(/Not Enough space$/);
  });

  it('says that it could not connect', async () => {
    const gone = new FakeHttp();
    const address = addressOf(await gone.listen());
    await gone.close();
    const error: Error = await download(PATH, {
      address,
      platform: 'arduino:esp8266',
      mac: '5CCF7F1A2B3C',
      freeSpace: 1,
      sketchSize: 1,
    }).catch((reason) => reason);
    expect(error.message).to.equal('HTTP error: connection failed');
  });
});
