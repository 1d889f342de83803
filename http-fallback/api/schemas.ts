/** What the owner API takes and gives: one schema for validation, types and the page at /api/docs. */
import { Type } from 'typebox';
import { VERSION_PATTERN } from '../../core/version.js';

const UDID_PATTERN = '^[0-9a-fA-F-]{36}$';

const Nullable = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Number>>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const DeviceSchema = Type.Object({
  udid: Type.String(),
  alias: Type.String(),
  mac: Nullable(Type.String()),
  platform: Nullable(Type.String()),
  version: Nullable(Type.String()),
  autoUpdate: Type.Boolean(),
  online: Type.Boolean({ description: 'Connected over MQTT now' }),
  lastSeen: Type.String({ format: 'date-time' }),
  createdAt: Type.String({ format: 'date-time' }),
  tags: Type.Array(Type.String()),
  status: Nullable(Type.String()),
  rssi: Nullable(Type.String()),
  update: Type.Union([
    Type.Object({
      state: Type.String({
        description:
          'offered, asked, approved, declined, downloading, downloaded, installed, failed or withdrawn',
      }),
      version: Type.String(),
      firmware: Type.String(),
      progress: Type.Number({ description: 'Percent of the body that has left for the device' }),
      error: Nullable(Type.String({ description: "The updater's own text" })),
      attempts: Type.Number(),
      since: Type.String({ format: 'date-time' }),
    }),
    Type.Null(),
  ]),
  why: Type.Object({
    reason: Type.String({ description: 'A stable name; see docs/reasons.md' }),
    sentence: Type.String({ description: 'The same for a person' }),
  }),
});

export const EventList = Type.Object({
  events: Type.Array(
    Type.Object({
      event: Type.String({
        description:
          'created, checkin, checkout, asked, approved, declined, postponed, offered, downloading, downloaded, installed, ' +
          'failed, refused or withdrawn',
      }),
      at: Type.String({ format: 'date-time', description: 'Of several: when the last one happened' }),
      since: Type.Optional(Type.String({ format: 'date-time', description: 'When the first one happened' })),
      count: Type.Optional(Type.Number({ description: 'How often it happened; absent: once' })),
      version: Type.Optional(Type.String()),
      firmware: Type.Optional(Type.String()),
      progress: Type.Optional(
        Type.Number({ description: 'Percent that had left when a download ended before its time' }),
      ),
      error: Type.Optional(Type.String({ description: "The updater's own text" })),
    }),
  ),
});

export const DeviceAnswer = Type.Object({ device: DeviceSchema });

export const DeviceList = Type.Object({
  devices: Type.Array(DeviceSchema),
  next: Type.Optional(Type.String({ description: 'Give as "after" for the next page' })),
});

export const PageQuery = Type.Object({
  limit: Type.Optional(
    Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: '1 to 1000; 100 if absent' }),
  ),
  after: Type.Optional(Type.String({ maxLength: 64 })),
});

export const UdidParams = Type.Object({ udid: Type.String() });
export const IdParams = Type.Object({ id: Type.String() });
export const NidParams = Type.Object({ nid: Type.String() });

/** What a tag may be. */
export const TAG_PATTERN = '^[A-Za-z0-9_.:-]{1,64}$';
const Tag = Type.String({ pattern: TAG_PATTERN });

export const DevicePatchBody = Type.Object(
  {
    alias: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    autoUpdate: Type.Optional(Type.Boolean()),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 32, uniqueItems: true })),
  },
  { additionalProperties: false, minProperties: 1 },
);

export const OrderBody = Type.Object(
  { firmware: Type.Optional(Type.String()), forced: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
);

export const FirmwareSchema = Type.Object({
  id: Type.String(),
  version: Type.String(),
  platform: Nullable(Type.String()),
  udid: Nullable(Type.String()),
  tags: Type.Array(Type.String()),
  envHash: Nullable(Type.String()),
  notes: Nullable(Type.String()),
  rollout: Type.String(),
  size: Type.Number({ description: 'Bytes a device receives' }),
  sha256: Type.String(),
  md5: Type.String(),
  files: Type.Array(Type.Object({ name: Type.String(), size: Type.Number(), sha256: Type.String() })),
  signature: Type.Union([
    Type.Object({
      signer: Type.String({ description: 'The id of the key' }),
      alias: Nullable(Type.String({ description: 'What you call that key; null: you do not trust it' })),
      sequence: Type.Number(),
      expiresAt: Type.String({ format: 'date-time' }),
      rollback: Type.Boolean(),
      trusted: Type.Boolean({ description: 'You trust the key now, and the signature is its' }),
    }),
    Type.Null({ description: 'It is not signed' }),
  ]),
  createdAt: Type.String({ format: 'date-time' }),
});

export const FirmwareAnswer = Type.Object({ firmware: FirmwareSchema });
export const FirmwareList = Type.Object({ firmware: Type.Array(FirmwareSchema) });

export const PublishAnswer = Type.Object({
  firmware: FirmwareSchema,
  offered: Type.Number({ description: 'Devices that were told at once' }),
  asked: Type.Number({ description: 'Devices about which the owner has been asked' }),
});

const VersionText = Type.String({ pattern: VERSION_PATTERN });
const PlatformText = Type.String({ pattern: '^[A-Za-z0-9_.-]{1,32}(:[A-Za-z0-9_.-]{1,32})?$' });

/** The text fields of an upload; `tags` comma separated. */
export const PublishForm = Type.Object(
  {
    version: VersionText,
    platform: Type.Optional(PlatformText),
    udid: Type.Optional(Type.String({ pattern: UDID_PATTERN })),
    notes: Type.Optional(Type.String({ maxLength: 4096 })),
    envHash: Type.Optional(Type.String({ maxLength: 128 })),
    tags: Type.Optional(Type.String({ maxLength: 1024, description: 'Comma separated' })),
    rollout: Type.Optional(Type.Union([Type.Literal('all-at-once'), Type.Literal('none')])),
  },
  { additionalProperties: false },
);

/** The same with its files, for the description. */
export const PublishUpload = Type.Object({
  ...PublishForm.properties,
  manifest: Type.Optional(
    Type.String({ description: 'What "firmwire sign" wrote, as a field or a file; also after the files' }),
  ),
  file: Type.Array(Type.String({ format: 'binary' }), { description: 'One or more files, after the fields' }),
});

export const ReplyBody = Type.Object(
  {
    response: Type.Union([Type.Boolean(), Type.Literal('later'), Type.Literal('yes'), Type.Literal('no')]),
  },
  { additionalProperties: false },
);

export const NoticeList = Type.Object({
  notices: Type.Array(
    Type.Object({
      nid: Type.String(),
      title: Type.String(),
      body: Type.String(),
      udid: Type.String(),
      version: Type.String(),
      installed: Type.String(),
    }),
  ),
});

export const SignerBody = Type.Object(
  {
    alias: Type.String({ minLength: 1, maxLength: 100 }),
    publicKey: Type.String({
      maxLength: 1024,
      description: 'Ed25519, in PEM, as "firmwire keygen" writes it',
    }),
  },
  { additionalProperties: false },
);

const SignerSchema = Type.Object({
  id: Type.String(),
  alias: Type.String(),
  publicKey: Type.String({ description: 'Its 32 bytes in hex, as devices have them built in' }),
  createdAt: Type.String({ format: 'date-time' }),
});

export const SignerAnswer = Type.Object({ signer: SignerSchema });
export const SignerList = Type.Object({ signers: Type.Array(SignerSchema) });

const Scope = Type.Union([
  Type.Literal('device'),
  Type.Literal('owner'),
  Type.Literal('publish'),
  Type.Literal('read'),
]);

export const KeyBody = Type.Object(
  {
    alias: Type.String({ minLength: 1, maxLength: 100 }),
    scope: Scope,
    expiresAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When it ends, and what was opened with it' }),
    ),
    device: Type.Optional(
      Type.String({ pattern: UDID_PATTERN, description: 'The only device it is good for; scope "device"' }),
    ),
  },
  { additionalProperties: false },
);

/** Nothing needs to be said. */
export const RotateBody = Type.Union([
  Type.Null(),
  Type.Object(
    {
      overlapSeconds: Type.Optional(
        Type.Number({
          minimum: 0,
          maximum: 31_536_000,
          description: 'How long the old key stays good; a day if absent',
        }),
      ),
    },
    { additionalProperties: false },
  ),
]);

export const KeySchema = Type.Object({
  id: Type.String(),
  alias: Type.String(),
  scope: Scope,
  createdAt: Type.String({ format: 'date-time' }),
  expiresAt: Nullable(Type.String({ format: 'date-time' })),
  device: Nullable(Type.String()),
});

export const KeyList = Type.Object({ keys: Type.Array(KeySchema) });

const NewKey = Type.Intersect([
  KeySchema,
  Type.Object({ secret: Type.String({ description: 'Shown once' }) }),
]);

export const NewKeyAnswer = Type.Object({ key: NewKey });
export const RotatedAnswer = Type.Object({ key: NewKey, replaced: KeySchema });
