import { expect } from 'chai';
import fc from 'fast-check';
import { noticeOf, noticePayload, readAnswer, readReply } from '../../core/notice.js';
import { approved, asked, declined, offered, postponed } from '../../core/update.js';
import { aDevice, aFirmware, HOUR, NOW, OTHER_UDID, UDID } from '../support/builders.js';

const question = asked(undefined, aFirmware(), '1.0.0', NOW);
const reply = (body: unknown) => readReply(Buffer.from(JSON.stringify(body)), UDID);

describe('the owner message (wire.md 5)', () => {
  it('asks about one device and one version', () => {
    const { title, body, ...rest } = noticeOf(aDevice({ update: question })) ?? {};
    expect(title).to.equal('Update available');
    expect(body).to.include('1.1.0').and.include('1.0.0').and.include('kitchen');
    expect(rest).to.deep.equal({
      nid: UDID,
      type: 'actionable',
      response_type: 'bool',
      udid: UDID,
      version: '1.1.0',
      installed: '1.0.0',
    });
  });

  it('begins exactly {"notification", whatever the alias', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (alias) => {
        const notice = noticeOf(aDevice({ alias, update: question }));
        const payload = notice ? noticePayload(notice) : '';
        expect(payload.startsWith('{"notification":{"nid":')).to.equal(true);
        expect(JSON.parse(payload)).to.deep.equal({ notification: notice });
      }),
    );
  });

  it('is plain text: it escapes nothing for a page', () => {
    expect(noticeOf(aDevice({ alias: '<b>&', update: question }))?.body).to.include('<b>&');
  });

  it('tells of a device that told no version', () => {
    const notice = noticeOf(aDevice({ version: undefined, update: question }));
    expect(notice?.installed).to.equal('');
    expect(notice?.body).to.not.match(/undefined|null/);
  });

  for (const [name, update] of [
    ['nothing is owed', undefined],
    ['the owner said yes', approved(question, 'approved', NOW)],
    ['the owner said no', declined(question, NOW)],
    ['the owner said later', postponed(question, NOW + 24 * HOUR)],
    ['the device has been told', offered(undefined, aFirmware(), '1.0.0', 'auto', 'hash', NOW)],
  ] as const) {
    it(`is not shown when ${name}`, () => expect(noticeOf(aDevice({ update }))).to.equal(undefined));
  }
});

describe("the owner's answer (wire.md 5)", () => {
  for (const [response, answer] of [
    [true, 'approve'],
    ['yes', 'approve'],
    [false, 'decline'],
    ['no', 'decline'],
    ['later', 'later'],
    ['', undefined],
    ['maybe', undefined],
    [null, undefined],
    [undefined, undefined],
    [1, undefined],
    [0, undefined],
    [{}, undefined],
    [['yes'], undefined],
  ] as const) {
    it(`${JSON.stringify(response)} means ${answer ?? 'nothing'}`, () => {
      expect(readAnswer(response)).to.equal(answer);
      expect(reply({ notification: { nid: UDID, response_type: 'bool', response } })).to.equal(answer);
    });
  }

  for (const [name, body] of [
    ['names another question', { notification: { nid: OTHER_UDID, response: true } }],
    ['names no question', { notification: { response: true } }],
    ['is not wrapped', { nid: UDID, response: true }],
    ['is no object', [true]],
    ['is null', null],
  ] as const) {
    it(`is ignored when it ${name}`, () => expect(reply(body)).to.equal(undefined));
  }

  it('is ignored, without throwing, when it is any other bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(readReply(bytes, UDID)).to.equal(undefined);
        },
      ),
    );
  });
});
