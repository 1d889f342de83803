import { FirmwireError } from '../../core/errors.js';
import { type Notice, noticeOf, readAnswer } from '../../core/notice.js';
import type { DeviceStore } from '../../core/ports.js';
import type { Announcer } from '../../core/services/announcer.js';
import type { Consent } from '../../core/services/consent.js';
import type { OwnerFeed } from '../../core/services/owner-feed.js';
import { DeviceAnswer, NidParams, NoticeList, ReplyBody } from './schemas.js';
import type { ApiScope } from './scope.js';

export interface NoticeApiParts {
  readonly devices: DeviceStore;
  readonly consent: Consent;
  readonly announcer: Announcer;
  readonly feed: OwnerFeed;
}

const tags = ['notices'];

/** `/api/v1/notices`. */
export function noticeApi(scope: ApiScope, { devices, consent, announcer, feed }: NoticeApiParts): void {
  scope.get(
    '/notices',
    { schema: { tags, summary: 'Questions that wait for your answer', response: { 200: NoticeList } } },
    async ({ principal }) => {
      const notices: Notice[] = [];
      for await (const device of devices.all(principal.owner)) {
        const notice = noticeOf(device);
        if (notice) notices.push(notice);
      }
      return { notices };
    },
  );

  scope.post(
    '/notices/:nid/reply',
    {
      schema: {
        tags,
        summary: 'Answer a question: true installs this version, false declines it, "later" asks again',
        params: NidParams,
        body: ReplyBody,
        response: { 200: DeviceAnswer },
      },
    },
    async ({ principal, params, body }) => {
      const answer = readAnswer(body.response);
      if (!answer || !(await consent.answer(principal.owner, params.nid, answer))) {
        throw new FirmwireError('notice_not_found');
      }
      await announcer.reconsider(params.nid);
      const device = await devices.get(params.nid);
      if (!device) throw new FirmwireError('no_such_device');
      const view = await feed.view(device);
      return { device: { ...view, tags: [...view.tags] } };
    },
  );
}
