import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { type FuzzCase, named, PLACEHOLDERS, restored, stored } from '../../scripts/fuzz/case.js';
import { play, wrongAnswer } from '../../scripts/fuzz/play.js';
import { caseOf, KINDS, type Kind } from '../../scripts/fuzz/run.js';
import { shrunk, smallest } from '../../scripts/fuzz/shrink.js';
import { isWrong, Target } from '../../scripts/fuzz/target.js';
import { range } from '../contracts/harness.js';

const NAMES = {
  owner: 'a'.repeat(64),
  ownerKey: 'b'.repeat(64),
  deviceKey: 'c'.repeat(64),
  token: 'd'.repeat(43),
  firmware: 'e'.repeat(36),
};
const TRIES = 1000;

const kinds = Object.keys(KINDS) as Kind[];

const aCase = (writes: readonly string[]): FuzzCase => ({
  door: 'http',
  writes: writes.map((text) => Buffer.from(text)),
  leave: 'wait',
  isPatient: false,
});

describe('the fuzzers', () => {
  for (const kind of kinds) {
    it(`${kind}: a seed says what is sent`, () => {
      const sent = (seed: string) => range(50).map((n) => stored(caseOf(kind, seed, n)));
      expect(sent('one')).to.deep.equal(sent('one'));
      expect(sent('one')).to.not.deep.equal(sent('two'));
    });

    it(`${kind}: a case is the same after it was written down`, () => {
      for (const n of range(50)) {
        const made = caseOf(kind, 'written', n);
        expect(restored(JSON.parse(JSON.stringify(stored(made))))).to.deep.equal(made);
      }
    });
  }

  it('puts the names of a server into the place of what stands for them, and changes no length', () => {
    const text = Buffer.from(`\xff/${PLACEHOLDERS.owner}/${PLACEHOLDERS.token}`, 'latin1');
    const result = named(text, NAMES);
    expect(result.toString('latin1')).to.equal(`\xff/${NAMES.owner}/${NAMES.token}`);
    for (const name of ['owner', 'ownerKey', 'deviceKey', 'token', 'firmware'] as const)
      expect(PLACEHOLDERS[name]).to.have.length(NAMES[name].length);
  });

  describe('the smallest case', () => {
    it('is what is needed of many, in its order', async () => {
      const needed = [3, 40, 77];
      const fails = async (some: readonly number[]) => needed.every((each) => some.includes(each));
      expect(await shrunk(range(100), fails, TRIES)).to.deep.equal(needed);
    });

    it('has no write that is not needed', async () => {
      const fails = async (cases: readonly FuzzCase[]) =>
        cases.some(({ writes }) => writes.join('').includes('bad'));
      const found = await smallest([aCase(['x', 'y']), aCase(['a', 'bad', 'c']), aCase(['z'])], fails, TRIES);
      expect(found).to.deep.equal([aCase(['bad'])]);
    });

    it('ends after so many tries with what it has', async () => {
      let tries = 0;
      const fails = async (some: readonly number[]) => {
        tries += 1;
        return some.includes(5);
      };
      expect(await shrunk(range(1000), fails, 3)).to.include(5);
      expect(tries).to.equal(3);
    });
  });

  describe('on a server', () => {
    let server: Server;
    const heard: string[] = [];
    let answer: (socket: Socket) => void;
    beforeEach(async () => {
      heard.length = 0;
      server = createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (bytes) => {
          heard.push(bytes.toString());
          answer(socket);
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    afterEach(() => server.close());
    const doors = () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      return { mqttPort: port, httpPort: port, names: NAMES };
    };

    it('a patient case waits for an answer before it goes on', async () => {
      answer = (socket) => socket.write('!');
      const got = await play({ ...aCase(['a', 'b', 'c']), isPatient: true }, doors());
      expect(heard).to.deep.equal(['a', 'b', 'c']);
      expect(got.toString()).to.equal('!!!');
    });

    it('a status of 500 and more is wrong, and none below', async () => {
      for (const [status, isWrong] of [
        ['500 Internal Server Error', true],
        ['507 x', true],
        ['404 Not Found', false],
        ['429 x', false],
      ] as const) {
        answer = (socket) => socket.end(`HTTP/1.1 ${status}\r\n\r\n`);
        const wrong = wrongAnswer('http', await play(aCase(['x']), doors()));
        expect(wrong, status).to.equal(isWrong ? `HTTP/1.1 ${status}` : undefined);
      }
    });
  });

  it('notices that the server has ended, or says what it must not say', async () => {
    const target = await Target.start();
    try {
      expect(await target.memory()).to.be.above(2 ** 20);
      expect(target.wrong).to.deep.equal([]);
      await target.crash();
      expect(target.wrong).to.deep.equal(['the server ended: SIGKILL']);
    } finally {
      await target.stop();
    }
    expect(isWrong('{"level":50,"msg":"a request failed"}')).to.equal(true);
    expect(isWrong('(node:1) MaxListenersExceededWarning: Possible leak')).to.equal(true);
    expect(isWrong('{"level":40,"msg":"connection cut"}')).to.equal(false);
  });
});
