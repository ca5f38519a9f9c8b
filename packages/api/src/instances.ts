// What is told of the ComfyUI instances that a deployment can use: the bodies of /deployments/{d}/instances.
import Type, { type Static } from 'typebox';
import { Id, Instant } from './fields.ts';
import { MAX_INSTANCES_MAX } from './limits.ts';

export const INSTANCE_PHASES = ['starting', 'ready', 'busy', 'draining', 'gone'] as const;

export const TIMELINE_PHASES = ['requested', 'starting', 'ready', 'lost', 'busy', 'idle', 'draining', 'gone'] as const;

const TimelineStep = Type.Object({
  phase: Type.Enum(TIMELINE_PHASES, {
    description: '`lost`: it answered once and did not then. Of `busy` and `idle` the present one alone is told.',
  }),
  at: Instant,
  reason: Type.Optional(Type.String()),
});

const seconds = (description: string) => Type.Number({ minimum: 0, description });

const Durations = Type.Object({
  set_up_seconds: seconds('From being asked for until it answered first.'),
  running_seconds: seconds('With requests given to it.'),
  idle_seconds: seconds('Ready, with nothing to do.'),
});

export const Instance = Type.Object({
  id: Id,
  phase: Type.Enum(INSTANCE_PHASES, {
    description: '`starting` also when it answered once and does not now; `reason` says why.',
  }),
  since: Instant,
  provider: Type.String({
    description:
      '`static`: a fixed URL. `process`: the embedded back end, or a command of this machine. `docker`, `kubernetes`.',
  }),
  hardware: Type.String({ description: 'The SKU that the deployment runs on.' }),
  gpus: Type.Optional(
    Type.Array(Type.Object({ name: Type.String(), vram_gib: Type.Number() }), { description: 'As the instance says.' }),
  ),
  loaded_models: Type.Array(Type.String(), {
    description: "The models of the account's last graph there, heaviest first; a guess at what is in memory.",
  }),
  current_request_id: Type.Optional(
    Type.String({ description: "The account's own request that runs there; another account's is never named." }),
  ),
  reason: Type.Optional(Type.String({ description: 'Why it is not ready, or is gone.' })),
  timeline: Type.Optional(
    Type.Array(TimelineStep, { description: "Its life so far. Of instances of the deployment's own." }),
  ),
  durations: Type.Optional(Durations),
  log_tail: Type.Optional(
    Type.Array(Type.String(), {
      description: 'Its last log lines. Of an instance that several accounts share, for administrators only.',
    }),
  ),
});
export type Instance = Static<typeof Instance>;

export const Scaling = Type.Object(
  {
    status: Type.Enum(['standby', 'starting', 'running', 'disabled', 'error'], {
      description: "The deployment's `status`.",
    }),
    reason: Type.Optional(
      Type.String({
        description: 'Why it is not running: what is being waited for, or what failed, why and for how long.',
      }),
    ),
    target: Type.Integer({ description: 'How many instances there are to be.' }),
    reasons: Type.Array(Type.String(), { description: 'Why so many: of the last decision.' }),
    decided_at: Type.Optional(Instant),
    failed_starts: Type.Optional(
      Type.Object(
        {
          count: Type.Integer(),
          since: Instant,
          cause: Type.String({ description: 'Of the last one.' }),
        },
        { description: 'Starts in a row that came to nothing; gone once one succeeds or the deployment is edited.' },
      ),
    ),
    start_seconds: Type.Optional(
      Type.Number({ description: 'How long its instances took lately from being asked for to being ready.' }),
    ),
  },
  { description: 'Present where instances are started and stopped for the deployment.' },
);
export type Scaling = Static<typeof Scaling>;

export const InstanceList = Type.Object({
  data: Type.Array(Instance),
  gone: Type.Optional(
    Type.Array(Instance, {
      description:
        'Of those that were started for the deployment the ones that went last, newest first, without their logs.',
    }),
  ),
  scaling: Type.Optional(Scaling),
});

export const WarmUp = Type.Object({
  count: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_INSTANCES_MAX,
      default: 1,
      description: 'How many instances should be ready.',
    }),
  ),
});
export type WarmUp = Static<typeof WarmUp>;
