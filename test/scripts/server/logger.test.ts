import { expect } from 'chai';
import { createLog } from '../../../scripts/server/logger.js';

describe('the log', () => {
  const linesOf = (say: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] => {
    const lines: string[] = [];
    say(createLog('debug', { write: (line) => void lines.push(line) }));
    return lines.map((line) => JSON.parse(line));
  };

  it('is JSON, a line for each call, at the level and above', () => {
    const lines: string[] = [];
    const log = createLog('info', { write: (line) => void lines.push(line) });
    log.debug({}, 'nothing');
    log.info({ req: 'a-1' }, 'something');
    expect(lines).to.have.length(1);
    expect(JSON.parse(lines[0] ?? '')).to.include({ level: 30, req: 'a-1', msg: 'something' });
  });

  it('says of an error what it is and where, and nothing of what it carries', () => {
    const cause = Object.assign(new Error('no such host'), { headers: { cookie: 'c00kie' } });
    const err = Object.assign(new Error('WRONGPASS', { cause }), {
      code: 'EAUTH',
      command: { name: 'auth', args: ['user', 'pa55word'] },
      errors: [Object.assign(new Error('inner'), { args: ['pa55word'] })],
    });
    const [line] = linesOf((log) => log.error({ err }, 'the store failed'));
    expect(line?.['err']).to.include({ type: 'Error', code: 'EAUTH', message: 'WRONGPASS: no such host' });
    expect(line?.['err']).to.have.property('stack').that.includes('logger.test');
    expect(JSON.stringify(line)).not.to.include('pa55word').and.not.to.include('c00kie');
  });

  it('says only the kind of what was thrown and is no error', () => {
    const [line] = linesOf((log) => log.error({ err: 'the key is 0123' }, 'odd'));
    expect(line?.['err']).to.deep.equal({ type: 'string' });
  });

  it('does not write what is called like a secret, should somebody log it', () => {
    const [line] = linesOf((log) =>
      log.warn(
        { token: 'T0', ott: 'T1', headers: { authorization: 'Bearer T2', authentication: 'T3' } },
        'x',
      ),
    );
    expect(JSON.stringify(line)).not.to.match(/T\d/).and.not.to.include('Bearer');
    expect(line).to.include({ token: '[secret]', ott: '[secret]' });
  });
});
