import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { expect } from 'chai';
import { testAuthority } from './certificates.js';

describe("the tests' own authority", () => {
  it('issues certificates that Node accepts from both sides, and only from this authority', async () => {
    const [ours, theirs] = await Promise.all([testAuthority(), testAuthority()]);
    const [server, client] = await Promise.all([
      ours.server('localhost', '127.0.0.1', '::1'),
      ours.client('abc'),
    ]);
    const listener = createServer(
      { ...server, ca: ours.ca, requestCert: true, rejectUnauthorized: true },
      (socket) => socket.end(String(socket.getPeerCertificate().subject.CN)),
    ).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    const good = connect({ port, host: '127.0.0.1', ca: ours.ca, ...client });
    const [name] = await once(good, 'data');
    expect(String(name)).to.equal('abc');
    const bad = connect({ port, host: '127.0.0.1', ca: theirs.ca, ...client });
    const [error] = await once(bad, 'error');
    expect(error.code).to.match(/SIGNATURE|SELF_SIGNED|UNABLE/);
    listener.close();
  });
});
