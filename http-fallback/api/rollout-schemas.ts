/** What the owner API takes and gives of rollouts. */
import { Type } from 'typebox';
import { PLATFORM_PATTERN, RolloutSchema, TAG_PATTERN, UDID_PATTERN } from './schemas.js';

const Minutes = (description: string) =>
  Type.Optional(Type.Number({ minimum: 0, maximum: 525_600, description }));
const Share = (description: string) => Type.Optional(Type.Number({ minimum: 0, maximum: 1, description }));
const Time = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'HH:MM' });

const Weekday = Type.Union(
  (['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const).map((day) => Type.Literal(day)),
);

const StageGoal = Type.Union([
  Type.Object(
    { devices: Type.Integer({ minimum: 1, maximum: 10_000_000 }) },
    { additionalProperties: false },
  ),
  Type.Object(
    { percent: Type.Number({ exclusiveMinimum: 0, maximum: 100 }) },
    { additionalProperties: false },
  ),
]);

export const RolloutBody = Type.Object(
  {
    firmware: Type.String({ description: 'The id of firmware that was published with rollout=none' }),
    filter: Type.Optional(
      Type.Object(
        {
          platform: Type.Optional(Type.String({ pattern: PLATFORM_PATTERN })),
          tags: Type.Optional(Type.Array(Type.String({ pattern: TAG_PATTERN }), { maxItems: 32 })),
          versions: Type.Optional(
            Type.String({ maxLength: 128, description: 'A semver range of installed versions' }),
          ),
          udids: Type.Optional(Type.Array(Type.String({ pattern: UDID_PATTERN }), { maxItems: 10_000 })),
        },
        { additionalProperties: false },
      ),
    ),
    stages: Type.Optional(
      Type.Array(StageGoal, {
        minItems: 1,
        maxItems: 50,
        description: 'How many devices have it at the end of each stage, counted from the beginning',
      }),
    ),
    ratePerMinute: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 })),
    window: Type.Optional(
      Type.Object(
        {
          days: Type.Optional(Type.Array(Weekday, { maxItems: 7, uniqueItems: true })),
          from: Time,
          to: Time,
          timeZone: Type.Optional(Type.String({ maxLength: 64, description: 'UTC if absent' })),
        },
        { additionalProperties: false },
      ),
    ),
    deadlineMinutes: Minutes('A device that was told and is silent for so long has failed'),
    probationMinutes: Minutes('How long a device is watched after it came back'),
    retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
    successThreshold: Share('A stage is done once this share of its devices has passed'),
    failureThreshold: Share('More failures than this halt it'),
    approval: Type.Optional(
      Type.Union((['none', 'once', 'stage', 'device'] as const).map((who) => Type.Literal(who))),
    ),
  },
  { additionalProperties: false },
);

export const RolloutAnswer = Type.Object({ rollout: RolloutSchema });
export const RolloutList = Type.Object({ rollouts: Type.Array(RolloutSchema) });

/** What the person saw. */
export const StageBody = Type.Union([
  Type.Null(),
  Type.Object(
    {
      stage: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 1000,
          description: 'If it is at another stage by now, nothing is done',
        }),
      ),
    },
    { additionalProperties: false },
  ),
]);

/** Nothing needs to be said. */
export const AbortBody = Type.Union([
  Type.Null(),
  Type.Object(
    { downloads: Type.Optional(Type.Union([Type.Literal('cut'), Type.Literal('finish')])) },
    { additionalProperties: false },
  ),
]);

export const RollbackAnswer = Type.Object({
  ordered: Type.Number({ description: 'Devices that were sent the firmware they ran before' }),
  unknown: Type.Number({ description: 'Devices whose earlier firmware is not here any more' }),
});

export const LogQuery = Type.Object({
  limit: Type.Optional(
    Type.String({ pattern: '^([1-9][0-9]{0,3}|10000)$', description: '1 to 10000; 1000 if absent' }),
  ),
  after: Type.Optional(Type.String({ maxLength: 64 })),
});

export const RolloutLog = Type.Object({
  entries: Type.Array(
    Type.Object({
      at: Type.String({ format: 'date-time' }),
      rollout: Type.String(),
      version: Type.String(),
      who: Type.String({ description: 'server, or the id of a key' }),
      what: Type.String(),
      stage: Type.Optional(Type.Number()),
      udid: Type.Optional(Type.String()),
      rule: Type.Optional(Type.String()),
      evidence: Type.Optional(Type.String()),
    }),
  ),
  next: Type.Optional(Type.String({ description: 'Give as "after" for the next page' })),
});
