import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { UDID } from '../support/builders.js';
import { anImage, asOwner, checkIn, type HttpApp, publishParts, startHttpApp } from '../support/http-app.js';
import { BOUNDARY, type Part, upload } from '../support/multipart.js';
import { exchange, RawClient, readAnswer } from '../support/raw-tcp.js';

const MAX = 100_000;

const version = (value = '1.0.0'): Part => ({ name: 'version', value });
const platform = (value = 'arduino:esp8266'): Part => ({ name: 'platform', value });
const field = (name: string, value: string): Part => ({ name, value });
const file = (data: string | Buffer = anImage(), filename = 'firmware.bin', name = 'file'): Part => ({
  name,
  filename,
  data,
});
/** An ESP32 image whose header names this chip. */
const esp32 = (chip: number): Buffer => {
  const image = anImage(1000);
  image.writeUInt16LE(chip, 12);
  return image;
};

describe('POST /api/v1/firmware', () => {
  let http: HttpApp;

  beforeEach(async () => {
    http = await startHttpApp({ settings: { http: { maxUploadBytes: MAX } } });
  });
  afterEach(() => http.close());

  const publish = (...parts: Part[]) => publishParts(http, parts);
  const raw = (payload: string | Buffer, type: string) =>
    http.app.inject({
      method: 'POST',
      url: '/api/v1/firmware',
      headers: { authorization: `Bearer ${http.credentials.ownerKey}`, 'content-type': type },
      payload,
    });
  const form = (...parts: Part[]) => upload(parts).payload;
  const FORM = `multipart/form-data; boundary=${BOUNDARY}`;

  it('answers 201 with what was published', async () => {
    const image = anImage(5000);
    const answer = await publish(
      version('1.2.0'),
      platform(),
      field('notes', 'first'),
      field('envHash', 'abc'),
      field('tags', 'a, b,,a'),
      file(image, 'app.bin'),
    );
    const sha256 = createHash('sha256').update(image).digest('hex');
    expect(answer.statusCode, answer.body).to.equal(201);
    const { firmware, ...counts } = answer.json();
    const { id, createdAt, ...rest } = firmware;
    expect(counts).to.deep.equal({ offered: 0, asked: 0 });
    expect(id).to.match(/^[0-9a-f-]{36}$/);
    expect(createdAt).to.equal(new Date(http.clock.time).toISOString());
    expect(rest).to.deep.equal({
      version: '1.2.0',
      platform: 'arduino:esp8266',
      udid: null,
      tags: ['a', 'b'],
      envHash: 'abc',
      notes: 'first',
      rollout: 'all-at-once',
      size: 5000,
      sha256,
      md5: createHash('md5').update(image).digest('hex'),
      files: [{ name: 'app.bin', size: 5000, sha256 }],
      signature: null,
    });
    const stored = await http.storedFiles();
    expect(stored).to.have.length(1);
    expect((await readFile(String(stored[0]))).equals(image)).to.equal(true);
  });

  const accepted: [what: string, parts: () => Part[]][] = [
    ['gzip of an ESP8266 image', () => [platform(), file(gzipSync(anImage()))]],
    ['an ESP32-S3 image', () => [platform('arduino:esp32-s3'), file(esp32(9))]],
    ['anything for a platform without a known updater', () => [platform('custom'), file('text')]],
    ['firmware for one device', () => [field('udid', UDID), file()]],
    ['an image of exactly the limit', () => [platform(), file(anImage(MAX))]],
    [
      'a set of files with nested names',
      () => [platform('micropython'), file('a', 'boot.py'), file('b', 'lib/x/y.py')],
    ],
    [
      'a set of many files',
      () => [platform('nodejs'), ...Array.from({ length: 64 }, (_, i) => file('x', `f${i}.js`))],
    ],
  ];
  for (const [what, parts] of accepted) {
    it(`takes ${what}`, async () => {
      const answer = await publish(version(), ...parts());
      expect(answer.statusCode, answer.body).to.equal(201);
      expect((await asOwner(http, 'GET', '/firmware')).json().firmware).to.have.length(1);
    });
  }

  const refused: [what: string, expected: string, parts: () => Part[]][] = [
    ['no parts', '400 field_invalid', () => []],
    ['no version', '400 field_invalid', () => [platform(), file()]],
    ['an empty version', '400 field_invalid', () => [version(''), platform(), file()]],
    ['a version without a number', '400 field_invalid', () => [version('latest'), platform(), file()]],
    ['a version with a brace', '400 field_invalid', () => [version('1.0}}'), platform(), file()]],
    ['a version that is too long', '400 field_invalid', () => [version('1'.repeat(65)), platform(), file()]],
    ['neither platform nor udid', '400 field_invalid', () => [version(), file()]],
    ['a udid that is none', '400 field_invalid', () => [version(), field('udid', 'x'), file()]],
    [
      'a rollout that is none',
      '400 field_invalid',
      () => [version(), platform(), field('rollout', 'some'), file()],
    ],
    ['an unknown field', '400 field_invalid', () => [version(), platform(), field('colour', 'red'), file()]],
    ['a tag with a blank', '400 field_invalid', () => [version(), platform(), field('tags', 'a b'), file()]],
    [
      'a tag that is too long',
      '400 field_invalid',
      () => [version(), platform(), field('tags', 'a'.repeat(65)), file()],
    ],
    [
      'notes that are too long',
      '400 field_invalid',
      () => [version(), platform(), field('notes', 'x'.repeat(9000)), file()],
    ],
    ['no file', '400 field_invalid', () => [version(), platform()]],
    ['a file that is a field', '400 field_invalid', () => [version(), platform(), field('file', 'x')]],
    ['a needed field after the file', '400 field_invalid', () => [version(), file(), platform()]],
    [
      'a field after a valid file',
      '400 upload_invalid',
      () => [version(), platform(), file(), field('notes', 'x')],
    ],
    [
      'a file by another name',
      '400 upload_invalid',
      () => [version(), platform(), file(anImage(), 'a.bin', 'image')],
    ],
    [
      'a field named __proto__',
      '400 upload_invalid',
      () => [version(), platform(), field('__proto__', 'x'), file()],
    ],
    [
      'a file named __proto__',
      '400 upload_invalid',
      () => [version(), platform(), file(anImage(), 'a', '__proto__')],
    ],
    [
      'too many fields',
      '400 upload_invalid',
      () => [platform(), ...Array.from({ length: 40 }, () => version()), file()],
    ],
    [
      'too many files',
      '400 upload_invalid',
      () => [version(), platform('nodejs'), ...Array.from({ length: 65 }, (_, i) => file('x', `${i}.js`))],
    ],
    ['an empty file', '400 image_empty', () => [version(), platform(), file('')]],
    [
      'an empty one among several',
      '400 image_empty',
      () => [version(), platform('nodejs'), file('a', 'a.js'), file('', 'b.js')],
    ],
    ['a file past the limit', '413 image_too_large', () => [version(), platform(), file(anImage(MAX + 1))]],
    [
      'a file far past the limit',
      '413 image_too_large',
      () => [version(), platform(), file(anImage(10 * MAX))],
    ],
    [
      'files past the limit together',
      '413 image_too_large',
      () => [version(), platform('nodejs'), file(anImage(60_000), 'a'), file(anImage(60_000), 'b')],
    ],
    ['two images', '400 field_invalid', () => [version(), platform(), file(), file()]],
    [
      'a name that climbs',
      '400 field_invalid',
      () => [version(), platform('micropython'), file('x', '../../evil.py')],
    ],
    [
      'an absolute name',
      '400 field_invalid',
      () => [version(), platform('micropython'), file('x', '/etc/passwd')],
    ],
    [
      'a name with a backslash',
      '400 field_invalid',
      () => [version(), platform('micropython'), file('x', 'a\\\\b.py')],
    ],
    [
      'a name twice',
      '400 field_invalid',
      () => [version(), platform('micropython'), file('x', 'a.py'), file('y', 'a.py')],
    ],
    [
      'an image that climbs',
      '400 field_invalid',
      () => [version(), platform(), file(anImage(), '../../evil.bin')],
    ],
    [
      'an image with a very long name',
      '400 field_invalid',
      () => [version(), platform(), file(anImage(), 'x'.repeat(5000))],
    ],
    ['text for an ESP8266', '422 image_refused', () => [version(), platform(), file('hello')]],
    [
      'a boot loader image',
      '422 image_refused',
      () => [version(), platform('platformio:esp8266'), file(Buffer.from([0xea, 4, 0, 0]))],
    ],
    ['gzip of something else', '422 image_refused', () => [version(), platform(), file(gzipSync('hello'))]],
    [
      'broken gzip',
      '422 image_refused',
      () => [version(), platform(), file(Buffer.from([0x1f, 0x8b, 1, 2, 3]))],
    ],
    [
      'an image of another chip',
      '422 image_refused',
      () => [version(), platform('arduino:esp32'), file(esp32(9))],
    ],
    [
      'half an ESP32 header',
      '422 image_refused',
      () => [version(), platform('arduino:esp32'), file(Buffer.from([0xe9, 1]))],
    ],
  ];
  for (const [what, expected, parts] of refused) {
    it(`refuses ${what}: ${expected}, and nothing is left behind`, async () => {
      const answer = await publish(...parts());
      const { code, message } = answer.json().error;
      expect(`${answer.statusCode} ${code}`).to.equal(expected);
      expect(message).to.be.a('string').that.is.not.equal('');
      expect(await http.storedFiles()).to.deep.equal([]);
      expect((await asOwner(http, 'GET', '/firmware')).json().firmware).to.deep.equal([]);
      expect(http.logs.filter((line) => !line.includes('"level":"debug"'))).to.deep.equal([]);
    });
  }

  it('says why it refuses an image', async () => {
    const { message } = (await publish(version(), platform(), file(Buffer.from([0xea, 1])))).json().error;
    expect(message).to.include('0xEA').and.include('Verify Bin Header Failed');
  });

  const malformed: [what: string, type: string, payload: () => string | Buffer][] = [
    ['no multipart', 'application/json', () => '{"version":"1.0.0"}'],
    ['text', 'text/plain', () => 'x'],
    ['no boundary', 'multipart/form-data', () => form(version(), platform(), file())],
    ['another boundary', 'multipart/form-data; boundary=other', () => form(version(), platform(), file())],
    ['no end', FORM, () => form(version(), platform(), file()).subarray(0, -BOUNDARY.length - 8)],
    ['an end within the file', FORM, () => form(version(), platform(), file()).subarray(0, 2000)],
    ['an end within the head of a part', FORM, () => form(version(), platform(), file()).subarray(0, 150)],
    ['a part without a head', FORM, () => `--${BOUNDARY}\r\n\r\nx\r\n--${BOUNDARY}--\r\n`],
    ['no body', FORM, () => ''],
  ];
  for (const [what, type, payload] of malformed) {
    it(`answers 400 to a form with ${what}, and nothing is left behind`, async () => {
      const answer = await raw(payload(), type);
      expect(answer.statusCode, answer.body).to.equal(400);
      expect(answer.json().error.code).to.be.oneOf(['upload_invalid', 'field_invalid', 'body_invalid']);
      expect(await http.storedFiles()).to.deep.equal([]);
      expect(http.logs.filter((line) => !line.includes('"level":"debug"'))).to.deep.equal([]);
    });
  }

  it('answers 200 to exactly the same again, and 409 to other bytes', async () => {
    const image = anImage();
    const first = await publish(version('1.0'), platform(), file(image));
    const again = await publish(version('v1.0.0'), platform('Arduino:ESP8266'), file(image, 'renamed.bin'));
    expect(again.statusCode).to.equal(200);
    expect(again.json().firmware.id).to.equal(first.json().firmware.id);
    const other = await publish(version('1.0.0'), platform(), file());
    expect(`${other.statusCode} ${other.json().error.code}`).to.equal('409 version_exists');
    expect(await http.storedFiles()).to.have.length(1);
  });

  it('of two at once with one version exactly one is published', async () => {
    const both = await Promise.all([0, 1].map(() => publish(version(), platform(), file())));
    expect(both.map(({ statusCode }) => statusCode).sort()).to.deep.equal([201, 409]);
    expect(await http.storedFiles()).to.have.length(1);
  });

  it('counts who is asked; rollout none asks nobody', async () => {
    await checkIn(http, { auto_update: false });
    const silent = await publish(version('1.1.0'), platform(), field('rollout', 'none'), file());
    expect(silent.json()).to.include({ offered: 0, asked: 0 });
    const loud = await publish(version('1.2.0'), platform(), file());
    expect(loud.json()).to.include({ offered: 0, asked: 1 });
  });

  it('receives nothing from somebody without an owner key', async () => {
    const { headers, payload } = upload([version(), platform(), file()]);
    const url = '/api/v1/firmware';
    const ask = (authorization: string) =>
      http.app.inject({ method: 'POST', url, headers: { ...headers, authorization }, payload });
    expect((await ask('')).statusCode).to.equal(401);
    expect((await ask(`Bearer ${http.credentials.deviceKey}`)).statusCode).to.equal(403);
    expect(await http.storedFiles()).to.deep.equal([]);
  });

  it('a client over TCP gets its 413 while it is still sending', async () => {
    const { headers, payload } = upload([version(), platform(), file(anImage(40 * MAX))]);
    const head = [
      'POST /api/v1/firmware HTTP/1.1',
      'Host: x',
      'Connection: close',
      `Authorization: Bearer ${http.credentials.ownerKey}`,
      `Content-Type: ${headers['content-type']}`,
      `Content-Length: ${payload.length}`,
      '',
      '',
    ].join('\r\n');
    const answer = await exchange(await http.listen(), Buffer.concat([Buffer.from(head), payload]));
    expect(answer.status).to.equal(413);
    expect(await http.storedFiles()).to.deep.equal([]);
  });

  for (const [what, ...parts] of [
    ['after all of it was read', version(), platform(), file(), field('notes', 'late')],
    ['with most of it unread', field('nobody', 'knows it'), file(anImage(8_000_000))],
  ] as const)
    it(`a refused upload does not spoil the next request of its connection, ${what}`, async () => {
      const { headers, payload } = upload(parts);
      const lines = (method: string, more: string[]) =>
        [
          `${method} /api/v1/firmware HTTP/1.1`,
          'Host: x',
          `Authorization: Bearer ${http.credentials.ownerKey}`,
          ...more,
          '',
          '',
        ].join('\r\n');
      const client = await RawClient.connect(await http.listen());
      client.send(
        lines('POST', [`Content-Type: ${headers['content-type']}`, `Content-Length: ${payload.length}`]),
      );
      client.send(payload);
      await client.received(1);
      const first = readAnswer(client.bytes);
      expect(first.status).to.equal(400);
      await client.received(
        client.bytes.length - first.body.length + Number(first.header('Content-Length')[0]),
      );
      const before = client.bytes.length;
      client.send(lines('GET', ['Connection: close']));
      await client.closed;
      expect(readAnswer(client.bytes.subarray(before)).status).to.equal(200);
    });
});
