import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { readTicket } from '../../../http-fallback/relay/ticket.js';
import { LIMITS } from '../../../scripts/connect/limits.js';
import { runFirmwire } from '../cli/harness.js';

describe('docs/gateway.md', () => {
  let text: string;
  before(async () => {
    text = await readFile(new URL('../../../../docs/gateway.md', import.meta.url), 'utf8');
  });

  it('lists every option of firmwire connect with its default, and no other', async () => {
    const { out } = await runFirmwire(['connect', '--help']);
    const offered = [...out.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, name = '']) => name);
    const rows = [...text.matchAll(/^\| (`--.*?) \| (.*?) \|/gm)];
    const listed = rows.flatMap(([, names = '']) => [...names.matchAll(/--[\w-]+/g)].map(([name]) => name));
    expect(listed.sort()).to.deep.equal(offered.filter((name) => name !== '--help').sort());
    const defaults = [...out.matchAll(/default:\s+"?([\w:]+)"?\)/g)].map(([, value = '']) => value);
    expect(defaults).to.include.members(['::', '7442', '1883', 'gateway', '268435456', 'info']);
    const told = rows.map(([, , value = '']) => value).join();
    for (const value of defaults) expect(told).to.include(value);
  });

  it('says the limits as they are', () => {
    const told = text.replace(/\s+/g, ' ');
    const { requests, mqttConnections, headBytes, bodyBytes, requestMs, answerMs } = LIMITS;
    expect(told).to.include(`${requests} requests at once`);
    expect(told).to.include(`${mqttConnections} MQTT connections`);
    expect(told).to.include(`heads of ${headBytes / 1024} KiB, bodies of ${bodyBytes / 1024} KiB`);
    expect(told).to.include(`${requestMs / 1000} seconds for a request to arrive`);
    expect(told).to.include(`${answerMs / 1000} seconds for the server to begin its answer`);
    expect(told).to.include(`every ${LIMITS.retryMs / 1000} seconds`);
    expect(told).to.include(`requests under way have ${LIMITS.drainMs / 1000} seconds`);
    expect(told).to.include(`last ${LIMITS.devices.toLocaleString('en')} devices`);
    expect(told).to.include(`above ${LIMITS.sharedBytes / 1024 ** 2} MiB`);
    expect(told).to.include(`more than ${LIMITS.flyingBytes / 1024 ** 2} MiB`);
  });

  it('shows a ticket that can be read', () => {
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
    const digest = `"sha256": "${'0'.repeat(64)}"`;
    expect(readTicket(example.replace(/"sha256": "\.\.\."/, digest))?.size).to.equal(300_000);
  });
});
