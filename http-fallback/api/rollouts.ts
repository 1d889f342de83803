import { abort, advance, pause, resume } from '../../core/rollouts/engine.js';
import type { Rollout, RolloutEntry } from '../../core/rollouts/rollout.js';
import { viewRollout } from '../../core/rollouts/view.js';
import type { Rollback } from '../../core/services/rollback.js';
import type { Action } from '../../core/services/rollout-changes.js';
import type { Rollouts } from '../../core/services/rollouts.js';
import { iso } from '../../core/view.js';
import {
  AbortBody,
  LogQuery,
  RollbackAnswer,
  RolloutAnswer,
  RolloutBody,
  RolloutList,
  RolloutLog,
  StageBody,
} from './rollout-schemas.js';
import { IdParams } from './schemas.js';
import type { ApiScope } from './scope.js';

export interface RolloutApiParts {
  readonly rollouts: Rollouts;
  readonly rollback: Rollback;
}

const tags = ['rollouts'];

const showEntry = ({ owner: _owner, at, ...entry }: RolloutEntry) => ({ at: iso(at), ...entry });

const ACTIONS: readonly { name: string; what: string; summary: string; action: Action }[] = [
  {
    name: 'pause',
    what: 'paused',
    summary: 'Let no more devices in; what was offered stays offered',
    action: pause,
  },
  { name: 'resume', what: 'resumed', summary: 'Go on after a pause', action: resume },
  {
    name: 'advance',
    what: 'advanced',
    summary: 'Approve the stage that waits for it, or let the open one pass as it is',
    action: advance,
  },
];

/** `/api/v1/rollouts`. */
export function rolloutApi(scope: ApiScope, { rollouts, rollback }: RolloutApiParts): void {
  scope.get(
    '/rollouts',
    { schema: { tags, summary: 'Your rollouts, oldest first', response: { 200: RolloutList } } },
    async ({ principal }) => ({
      rollouts: (await rollouts.list(principal.owner)).map(showRollout),
    }),
  );

  scope.get(
    '/rollouts/:id',
    { schema: { tags, summary: 'One rollout', params: IdParams, response: { 200: RolloutAnswer } } },
    async ({ principal, params }) => ({
      rollout: showRollout(await rollouts.get(principal.owner, params.id)),
    }),
  );

  scope.get(
    '/rollouts/log',
    {
      schema: {
        tags,
        summary: 'What was decided about your rollouts, by whom and why, oldest first; it only grows',
        querystring: LogQuery,
        response: { 200: RolloutLog },
      },
    },
    async ({ principal, query }) => {
      const page = await rollouts.log(principal.owner, Number(query.limit ?? 1000), query.after);
      return { entries: page.items.map(showEntry), ...(page.next !== undefined && { next: page.next }) };
    },
  );

  scope.post(
    '/rollouts',
    {
      schema: {
        tags,
        summary: 'Roll firmware out in stages; it was published with rollout=none',
        body: RolloutBody,
        response: { 201: RolloutAnswer },
      },
    },
    async ({ principal, body }, reply) => {
      const rollout = await rollouts.create(principal.owner, body, principal.keyId);
      void rollouts.tick();
      return reply.code(201).send({ rollout: showRollout(rollout) });
    },
  );

  for (const { name, what, summary, action } of ACTIONS)
    scope.post(
      `/rollouts/:id/${name}`,
      {
        schema: { tags, summary, params: IdParams, body: StageBody, response: { 200: RolloutAnswer } },
      },
      async ({ principal, params, body }) => {
        const deed = { who: principal.keyId, what, stage: body?.stage };
        const rollout = await rollouts.act(principal.owner, params.id, action, deed);
        void rollouts.tick();
        return { rollout: showRollout(rollout) };
      },
    );

  scope.post(
    '/rollouts/:id/abort',
    {
      schema: {
        tags,
        summary:
          'End it: offers are taken back, tokens die; downloads under way are cut, or finish if you say so',
        params: IdParams,
        body: AbortBody,
        response: { 200: RolloutAnswer },
      },
    },
    async ({ principal, params, body }) => {
      const { keyId: who } = principal;
      const downloads = body?.downloads ?? 'cut';
      const how = { who, what: 'aborted', downloads };
      return { rollout: showRollout(await rollouts.act(principal.owner, params.id, abort, how)) };
    },
  );

  scope.post(
    '/rollouts/:id/rollback',
    {
      schema: {
        tags,
        summary: 'Send the firmware they ran before to the devices that took this one and still talk',
        params: IdParams,
        response: { 200: RollbackAnswer },
      },
    },
    async ({ principal, params }) => ({
      ...(await rollback.rollBack(principal.owner, params.id, principal.keyId)),
    }),
  );
}

/** A rollout as it is answered. */
export const showRollout = (rollout: Rollout) => mutable(viewRollout(rollout));

/** The schema's arrays may be written to, ours may not. */
const mutable = <T extends { readonly stages: readonly unknown[] }>(view: T) => ({
  ...view,
  stages: [...view.stages] as { -readonly [K in keyof T['stages'][number]]: T['stages'][number][K] }[],
});
