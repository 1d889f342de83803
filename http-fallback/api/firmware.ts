import { FirmwireError } from '../../core/errors.js';
import type { Firmware } from '../../core/firmware.js';
import { viewFirmware } from '../../core/firmware-view.js';
import type { Log } from '../../core/ports.js';
import type { Catalog } from '../../core/services/catalog.js';
import type { Publisher } from '../../core/services/publisher.js';
import { requestFacts } from '../request-facts.js';
import { showRollout } from './rollouts.js';
import { FirmwareAnswer, FirmwareList, IdParams, PublishAnswer, PublishUpload } from './schemas.js';
import type { ApiScope } from './scope.js';
import { receiveUpload } from './upload.js';

export interface FirmwareApiParts {
  readonly catalog: Catalog;
  readonly publisher: Publisher;
  readonly log: Log;
  /** Bytes that all files of an upload may have together. */
  readonly maxUploadBytes: number;
}

const tags = ['firmware'];

/** The view for the serializer, whose types know no read-only arrays. */
const show = (firmware: Firmware) => {
  const view = viewFirmware(firmware);
  return { ...view, tags: [...view.tags], files: [...view.files] };
};

/** `/api/v1/firmware`. */
export function firmwareApi(scope: ApiScope, parts: FirmwareApiParts): void {
  const { catalog, publisher, maxUploadBytes, log } = parts;
  scope.get(
    '/firmware',
    { schema: { tags, summary: 'Your firmware, oldest first', response: { 200: FirmwareList } } },
    async ({ principal }) => ({ firmware: (await catalog.list(principal.owner)).map(show) }),
  );

  scope.get(
    '/firmware/:id',
    { schema: { tags, summary: 'One firmware', params: IdParams, response: { 200: FirmwareAnswer } } },
    async ({ principal, params }) => {
      const firmware = await catalog.get(principal.owner, params.id);
      if (!firmware) throw new FirmwireError('firmware_not_found');
      return { firmware: show(firmware) };
    },
  );

  scope.post(
    '/firmware',
    {
      config: { form: PublishUpload },
      schema: {
        tags,
        summary: 'Publish firmware and tell every device it concerns',
        description:
          'Fields before files: version, platform and/or udid, notes, envHash, tags (comma separated), ' +
          'rollout (all-at-once or none; absent: at once to a few devices, in stages to many), then one or more "file". ' +
          'Answers once the bytes are safe on disk; ' +
          '201 if it is new, 200 if exactly this had been published before.',
        consumes: ['multipart/form-data'],
        response: { 200: PublishAnswer, 201: PublishAnswer },
      },
    },
    async (request, reply) => {
      const { fields, files } = await receiveUpload(request, publisher, maxUploadBytes);
      const published = await publisher.publish(
        request.principal.owner,
        fields,
        files,
        request.principal.keyId,
      );
      const { firmware, created, offered, asked, rollout } = published;
      const { id, version, size } = firmware;
      log.info(
        {
          ...requestFacts(request),
          firmware: id,
          version,
          size,
          created,
          offered,
          asked,
          rollout: rollout?.id,
        },
        'firmware published',
      );
      return reply.code(created ? 201 : 200).send({
        firmware: show(firmware),
        offered,
        asked,
        ...(rollout && { rollout: showRollout(rollout) }),
      });
    },
  );

  scope.delete(
    '/firmware/:id',
    {
      schema: {
        tags,
        summary: 'Withdraw firmware: its offers and questions vanish, its tokens die',
        params: IdParams,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await publisher.withdraw(request.principal.owner, id);
      log.info({ ...requestFacts(request), firmware: id }, 'firmware withdrawn');
      return reply.code(204).send();
    },
  );
}
