import type { FuzzCase } from '../case.js';
import type { Chance } from '../chance.js';
import { cut, mutated } from '../mutate.js';
import { ODD_TEXTS, oddJson } from './odd-json.js';
import { type Headers, jsonRequest, type Request, request } from './requests.js';

/** What may stand in a head and does not belong to what is asked. */
function oddHeader(chance: Chance): Headers {
  if (!chance.oneIn(4)) return {};
  const text = chance.pick(ODD_TEXTS);
  return chance.pick<Headers>([
    { Connection: chance.pick(['keep-alive', 'close', 'Upgrade', text]) },
    { 'Transfer-Encoding': chance.pick(['chunked', 'chunked, chunked', 'gzip', 'identity', ' chunked']) },
    { 'Content-Length': chance.pick(['0', '-1', '1', '99999999999', '1e3', '0x10', text]) },
    { 'content-length': '3' },
    { Expect: chance.pick(['100-continue', text]) },
    {
      'Content-Type': chance.pick([
        'text/plain',
        'application/xml',
        'multipart/form-data',
        'application/json;',
        text,
      ]),
    },
    { 'Accept-Encoding': text, Accept: text, Cookie: text },
    { 'X-Forwarded-For': text, Host: text },
    { Authorization: chance.pick(['Bearer', 'Bearer  ', 'Basic eDp5', text]) },
    { 'X-Big': 'x'.repeat(chance.pick([1000, 8000, 17_000])) },
    { Range: `bytes=${'0-1,'.repeat(1000)}` },
    { Upgrade: chance.pick(['websocket', 'h2c', text]) },
  ]);
}

const NOTHING = Buffer.alloc(0);

/** As bytes, one for each character: a lone half of a pair has no other. */
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The bytes of a request. What its head says of the length is true unless `more` says something else. */
function written(asked: Request, body: Buffer, more: Headers, chance: Chance): Buffer {
  const headers: Headers = {
    Host: '127.0.0.1',
    ...(asked.json !== undefined && { 'Content-Type': 'application/json' }),
    ...(body.length > 0 && asked.path !== '/mqtt' && { 'Content-Length': String(body.length) }),
    ...asked.headers,
    ...more,
  };
  const version = chance.oneIn(20) ? chance.pick(['0.9', '2.0', '1.x']) : chance.pick(['1.0', '1.1']);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const head = [`${asked.method} ${asked.path} HTTP/${version}`, ...lines, '', ''].join('\r\n');
  return Buffer.concat([bytesOf(head), body]);
}

const leave = (chance: Chance): FuzzCase['leave'] =>
  chance.oneIn(8) ? chance.pick(['end', 'reset']) : 'wait';

/** One HTTP connection: a request, sometimes several, with anything wrong in its head or body. */
export function httpCase(chance: Chance): FuzzCase {
  const one = (): Buffer => {
    const asked = request(chance);
    const text =
      asked.json === undefined ? bytesOf(asked.body ?? '') : Buffer.from(JSON.stringify(asked.json));
    return mutated(written(asked, mutated(text, 4, chance), oddHeader(chance), chance), 6, chance);
  };
  const writes = [one(), ...(chance.oneIn(5) ? chance.some(3, one) : [])].flatMap((bytes) =>
    cut(bytes, chance),
  );
  return { door: 'http', writes, leave: leave(chance), isPatient: chance.oneIn(4) };
}

/** One HTTP request with odd JSON in its body. */
export function jsonOverHttp(chance: Chance): FuzzCase {
  const asked = jsonRequest(chance);
  const body = asked.json === undefined ? NOTHING : Buffer.from(oddJson(asked.json, chance));
  return {
    door: 'http',
    writes: cut(written(asked, body, {}, chance), chance),
    leave: 'wait',
    isPatient: false,
  };
}
