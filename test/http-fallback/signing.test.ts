import { expect } from 'chai';
import { sha256 } from '../../core/account.js';
import { signManifest } from '../../core/signing/sign.js';
import { UDID } from '../support/builders.js';
import {
  anImage,
  asOwner,
  checkIn,
  type HttpApp,
  type HttpAppOptions,
  post,
  publishParts,
  startHttpApp,
} from '../support/http-app.js';
import { listAt } from '../support/json.js';
import { exchange, rawGet } from '../support/raw-tcp.js';
import { aPair, manifestFor, type Pair, someClaims } from '../support/signing.js';

const image = anImage(4000);
const version = { name: 'version', value: '1.1.0' };
const platform = { name: 'platform', value: 'arduino:esp8266' };
const file = { name: 'file', filename: 'firmware.bin', data: image };

describe('signed firmware over HTTP', () => {
  let http: HttpApp;
  let ann: Pair;
  let manifest: string;

  const start = async (options?: HttpAppOptions): Promise<void> => {
    http = await startHttpApp(options);
    ann = aPair();
    const { owner } = http.credentials;
    await http.domain.signers.add(owner, 'ann', ann.publicPem);
    manifest = manifestFor(image, ann, { owner });
  };
  afterEach(() => http.close());
  const codeOf = (answer: { statusCode: number; json: () => { error?: { code: string } } }) =>
    `${answer.statusCode} ${answer.json().error?.code}`;

  describe('POST /api/v1/firmware', () => {
    beforeEach(() => start());
    const asFile = () => ({ name: 'manifest', filename: 'm', data: manifest });
    const asField = () => ({ name: 'manifest', value: manifest });

    it('takes the manifest as a file or a field, before the files or after them', async () => {
      const forms = [
        [version, platform, asFile(), file],
        [version, platform, file, asFile()],
        [asFile(), version, platform, file],
        [version, platform, asField(), file],
        [version, platform, file, asField()],
        [version, platform, { name: 'manifest', value: manifest.replaceAll('\n', '\r\n') }, file],
      ];
      for (const [n, parts] of forms.entries()) {
        const answer = await publishParts(http, parts);
        expect(answer.statusCode, answer.body).to.equal(n === 0 ? 201 : 200);
        expect(answer.json().firmware.signature).to.include({ alias: 'ann', sequence: 1, trusted: true });
      }
    });

    it('says what is wrong with it, and keeps nothing', async () => {
      const rows: [parts: Parameters<typeof publishParts>[1], code: string][] = [
        [[version, platform, asField(), asFile(), file], '400 upload_invalid'],
        [[version, platform, { name: 'manifest', value: 'x' }, file], '400 manifest_malformed'],
        [[version, platform, { name: 'manifest', filename: 'm', data: '' }, file], '400 manifest_malformed'],
        [
          [version, platform, { name: 'manifest', filename: 'm', data: Buffer.of(0xff, 0xfe) }, file],
          '400 manifest_malformed',
        ],
        [
          [version, platform, file, { name: 'manifest', filename: 'm', data: Buffer.alloc(9000, 'x') }],
          '400 manifest_malformed',
        ],
        [[version, platform, { name: 'manifest', value: 'x'.repeat(9000) }, file], '400 field_invalid'],
        [[{ ...version, value: '1.1.1' }, platform, asFile(), file], '422 manifest_mismatch'],
        [
          [version, platform, { name: 'manifest', value: manifest.replace('1.1.0', '1.1.1') }, file],
          '422 signature_invalid',
        ],
        [
          [version, platform, { name: 'manifest', value: manifestFor(image, aPair()) }, file],
          '422 signer_unknown',
        ],
        [[version, platform, asFile(), { ...file, name: 'other' }], '400 upload_invalid'],
      ];
      for (const [parts, code] of rows) expect(codeOf(await publishParts(http, parts)), code).to.equal(code);
      expect(await http.storedFiles()).to.deep.equal([]);
      expect((await asOwner(http, 'GET', '/firmware')).json().firmware).to.deep.equal([]);
    });

    it('takes an empty field of a form that nobody filled in for none', async () => {
      for (const empty of [
        { name: 'manifest', value: '' },
        { name: 'manifest', filename: '', data: '' },
      ]) {
        const answer = await publishParts(http, [version, platform, empty, file]);
        expect(answer.json().firmware.signature, answer.body).to.equal(null);
      }
    });

    it('refuses a sequence that is not above all before with 409, and says what the next one is', async () => {
      await publishParts(http, [version, platform, asFile(), file]);
      const other = anImage(4000);
      const again = manifestFor(other, ann, { owner: http.credentials.owner, version: '1.2.0', sequence: 1 });
      const answer = await publishParts(http, [
        { ...version, value: '1.2.0' },
        platform,
        { name: 'manifest', value: again },
        { ...file, data: other },
      ]);
      expect(codeOf(answer)).to.equal('409 sequence_too_low');
      expect(answer.json().error.message).to.include('the next is 2');
      expect(await http.storedFiles()).to.have.length(1);
    });
  });

  it('unsigned uploads are refused where firmware.requireSignature is set', async () => {
    await start({ settings: { firmware: { requireSignature: true } } });
    expect(codeOf(await publishParts(http, [version, platform, file]))).to.equal('422 signature_required');
    expect(await http.storedFiles()).to.deep.equal([]);
  });

  describe('/api/v1/signers', () => {
    beforeEach(() => start());

    it('trusts, lists and forgets keys', async () => {
      const { signer, publicPem } = aPair();
      const made = await asOwner(http, 'POST', '/signers', { alias: 'bob', publicKey: publicPem });
      expect(made.statusCode).to.equal(201);
      const { createdAt, ...rest } = made.json().signer;
      expect(rest).to.deep.equal({ id: signer.id, alias: 'bob', publicKey: signer.publicKey });
      expect(createdAt).to.equal(new Date(http.clock.time).toISOString());
      const aliases = async () =>
        (await asOwner(http, 'GET', '/signers')).json().signers.map(({ alias }: { alias: string }) => alias);
      expect(await aliases()).to.deep.equal(['ann', 'bob']);
      expect((await asOwner(http, 'DELETE', `/signers/${signer.id}`)).statusCode).to.equal(204);
      expect(await aliases()).to.deep.equal(['ann']);
    });

    it('says what is wrong', async () => {
      const twice = await asOwner(http, 'POST', '/signers', { alias: 'x', publicKey: ann.publicPem });
      expect(codeOf(twice)).to.equal('409 signer_exists');
      const pem = ann.privateKey.export({ format: 'pem', type: 'pkcs8' });
      const secret = await asOwner(http, 'POST', '/signers', { alias: 'x', publicKey: pem });
      expect(codeOf(secret)).to.equal('400 field_invalid');
      expect(http.logs.join(), 'it is written nowhere').not.to.include('PRIVATE KEY');
      for (const body of [
        { alias: 'x' },
        { publicKey: ann.publicPem },
        { alias: '', publicKey: ann.publicPem },
      ])
        expect(codeOf(await asOwner(http, 'POST', '/signers', body))).to.equal('400 field_invalid');
      expect(codeOf(await asOwner(http, 'DELETE', '/signers/none'))).to.equal('404 signer_not_found');
    });

    it('is not for a key that may only publish: whoever builds firmware does not say whose signature counts', async () => {
      const { owner } = http.credentials;
      const { secret } = await http.domain.accounts.addKey(owner, { alias: 'ci', scope: 'publish' });
      const call = (method: 'GET' | 'POST' | 'DELETE', url: string) =>
        http.app.inject({ method, url: `/api/v1${url}`, headers: { authorization: `Bearer ${secret}` } });
      for (const [method, url] of [
        ['GET', '/signers'],
        ['POST', '/signers'],
        ['DELETE', `/signers/${ann.signer.id}`],
      ] as const)
        expect(codeOf(await call(method, url))).to.equal('403 forbidden');
      expect(await http.domain.signers.list(owner)).to.have.length(1);
    });
  });

  describe('the header Firmwire-Manifest', () => {
    beforeEach(() => start());
    const download = async (token: unknown, range?: string) => {
      const port = http.app.server.listening
        ? (http.app.server.address() as { port: number }).port
        : await http.listen();
      return exchange(
        port,
        rawGet(`/device/firmware?ott=${token}`, range === undefined ? {} : { Range: range }),
      );
    };

    it('comes with the bytes, whole or in part, and is what was signed', async () => {
      await publishParts(http, [version, platform, { name: 'manifest', value: manifest }, file]);
      const { ott } = await checkIn(http);
      for (const range of ['bytes=0-9', undefined]) {
        const [header = '', ...more] = (await download(ott, range)).header('Firmwire-Manifest');
        expect(more).to.deep.equal([]);
        expect(Buffer.from(header, 'base64url').toString()).to.equal(manifest);
        expect(header, 'a device looks for `}}`').to.match(/^[A-Za-z0-9_-]+$/);
      }
    });

    it('comes with a simple transfer and with several files, too', async () => {
      const files = [
        { name: 'boot.py', size: 8, sha256: sha256('print(1)') },
        { name: 'main.py', size: 8, sha256: sha256('print(2)') },
      ];
      const claims = someClaims({ owner: http.credentials.owner, platform: 'micropython', files });
      const signed = signManifest(claims, ann.privateKey);
      const answer = await publishParts(http, [
        version,
        { ...platform, value: 'micropython' },
        { name: 'file', filename: 'main.py', data: 'print(2)' },
        { name: 'file', filename: 'boot.py', data: 'print(1)' },
        { name: 'manifest', filename: 'm', data: signed },
      ]);
      expect(answer.statusCode, answer.body).to.equal(201);
      await checkIn(http, { platform: 'micropython' });
      await http.listen();
      const { port } = http.app.server.address() as { port: number };
      const { mac, udid } = { mac: '5CCF7F1A2B3C', udid: UDID };
      const body = await fetch(`http://127.0.0.1:${port}/device/firmware`, {
        method: 'POST',
        headers: { authentication: http.credentials.deviceKey },
        body: JSON.stringify({ mac, udid }),
      });
      const header = body.headers.get('firmwire-manifest') ?? '';
      expect(Buffer.from(header, 'base64url').toString()).to.equal(signed);
      expect(listAt(await body.json(), 'files')).to.have.length(2);
    });

    it('is not there without a signature: devices get what they always got', async () => {
      await publishParts(http, [version, platform, file]);
      const { ott } = await checkIn(http);
      const { headerLines, status } = await download(ott);
      expect(status).to.equal(200);
      expect(headerLines.map((line) => line.split(':')[0]?.toLowerCase())).to.deep.equal([
        'content-type',
        'content-disposition',
        'content-length',
        'x-md5',
        'etag',
        'accept-ranges',
        'connection',
      ]);
      expect((await post(http, '/device/register', {})).headers['firmwire-manifest']).to.equal(undefined);
    });
  });
});
