// How each code of the catalogue shows itself when it is simulated: where, and with which words. Total: a new code does
// not compile until its behaviour is written here. Read by wish.pure.ts and simulator.ts.
import { ApiError, type ErrorCode, type Problem } from '@comfleet/api';

/** `submit`: the answer to the submit. `status`: the answer to polls of its state. `result`: its result. */
export type Place = 'submit' | 'status' | 'result';

/** What the words of an example may name. */
export interface Scene {
  readonly nodeId: string;
  readonly classType: string;
  readonly deploymentId: string;
  readonly instanceId: string;
  /** The methods that the path takes. */
  readonly methods: readonly string[];
}

interface HttpAnswer {
  readonly message: string;
  readonly headers?: Record<string, string>;
  readonly detail?: Problem[];
}

interface ResultEntry {
  readonly details: string;
  readonly debugInfo: string;
}

interface Behaviour {
  /** Where it can be told; the first is the usual one. */
  readonly places: readonly [Place, ...Place[]];
  /** Whether its request gets as far as an instance, so that it is seen in progress. */
  readonly isRun?: true;
  readonly answer?: (scene: Scene) => HttpAnswer;
  readonly entry?: (scene: Scene) => ResultEntry;
}

const RETRY = { 'retry-after': '2' };
const SAID = '(Simulated.)';

const say = (message: string, more: Omit<HttpAnswer, 'message'> = {}) => ({ message: `${message} ${SAID}`, ...more });
const tell = (details: string, debugInfo = '') => ({ details: `${details} ${SAID}`, debugInfo });
const nodeOf = ({ nodeId, classType }: Scene) => `Node ${nodeId} (${classType})`;

export const BEHAVIOURS: Readonly<Record<ErrorCode, Behaviour>> = {
  401001: {
    places: ['submit', 'status'],
    answer: () => say('The token is unknown. Send the header "Authorization: Bearer <token>".'),
  },
  403003: {
    places: ['submit', 'status'],
    answer: ({ deploymentId }) => say(`The token's account does not own deployment ${deploymentId}.`),
  },
  404001: {
    places: ['submit', 'status'],
    answer: ({ deploymentId }) => say(`There is no deployment ${deploymentId}.`),
  },
  405001: {
    places: ['submit', 'status'],
    answer: ({ methods }) =>
      say(`This method is not possible here; the path takes ${methods.join(', ')}.`, {
        headers: { allow: [...methods, 'OPTIONS'].join(', ') },
      }),
  },
  409001: {
    places: ['submit'],
    answer: () => say('This Idempotency-Key was used with another body or deployment within the last 24 hours.'),
  },
  413001: { places: ['submit'], answer: () => say('The body is larger than this server accepts (67108864 bytes).') },
  422001: {
    places: ['submit', 'status'],
    answer({ nodeId }) {
      const msg = `overrides.${nodeId}.inputs.steps must be at least 1; it is 0. ${SAID}`;
      const loc = ['body', 'overrides', nodeId, 'inputs', 'steps'];
      return { message: msg, detail: [{ loc, msg, type: 'value_smaller_than_min', input: 0 }] };
    },
  },
  429001: {
    places: ['submit', 'status'],
    answer: () => say('More than 100 write calls in a second with this token.', { headers: RETRY }),
  },
  500001: {
    places: ['submit', 'status'],
    answer: () => say('Something unexpected went wrong; the log line with this request_id says what.'),
  },
  503001: {
    places: ['submit', 'status'],
    answer: () => say('The database cannot be reached at the moment; nothing was accepted.', { headers: RETRY }),
  },
  10001: {
    places: ['submit', 'result'],
    answer: ({ deploymentId }) =>
      say(
        `The balance is $0.00, so deployment ${deploymentId} is disabled. Add funds, then PATCH it with {"is_enabled": true}.`,
      ),
    entry: () => tell("The account's funds were used up while this request waited. Add funds and submit again."),
  },
  10002: {
    places: ['submit', 'result'],
    answer: ({ deploymentId }) =>
      say(`Deployment ${deploymentId} is disabled; PATCH it with {"is_enabled": true} to enable it.`),
    entry: ({ deploymentId }) => tell(`Deployment ${deploymentId} was disabled while this request was live.`),
  },
  10003: {
    places: ['submit', 'status', 'result'],
    answer: ({ deploymentId }) => say(`Deployment ${deploymentId} was deleted at 2026-01-02T03:04:05.123Z.`),
    entry: ({ deploymentId }) => tell(`Deployment ${deploymentId} was deleted while this request was live.`),
  },
  10013: {
    places: ['submit'],
    answer: () => say('The pinned version has no graph and the body brought none.'),
  },
  10007: {
    places: ['result'],
    answer: ({ instanceId }) => say(`Instance ${instanceId} is starting; try again soon.`, { headers: RETRY }),
    entry: ({ instanceId }) =>
      tell(
        `Not started within the start time-out (900 s). No instance could be reached. ${instanceId} (lost): connect ECONNREFUSED`,
      ),
  },
  10009: {
    places: ['result'],
    entry: (scene) =>
      tell(
        `${nodeOf(scene)}, input image: https://example.org/photo.png could not be fetched: the server answered 404.`,
        'GET https://example.org/photo.png: 404 Not Found',
      ),
  },
  10008: { places: ['result'], entry: refusedPrompt },
  10004: {
    places: ['result'],
    entry: ({ instanceId }) =>
      tell(`The instance ${instanceId} answered the prompt with 503.`, 'POST /prompt: 503 Service Unavailable'),
  },
  10012: {
    places: ['result'],
    isRun: true,
    entry: () => tell('The instance lost the request 3 times; the last time: its process ended with signal SIGKILL.'),
  },
  10005: { places: ['status'], answer: () => say('The state of this request could not be read. Poll again.') },
  10011: { places: ['result'], isRun: true, entry: outOfMemory },
  10006: {
    places: ['result'],
    isRun: true,
    entry: () =>
      tell(
        'The run finished but nothing came of it: perhaps no output node ran, or the graph relies on Use Everywhere virtual links.',
      ),
  },
  200001: {
    places: ['result'],
    isRun: true,
    entry: (scene) =>
      tell(`${nodeOf(scene)} wrote nothing new: an identical run had made its files, and they are no longer stored.`),
  },
  10000: {
    places: ['result', 'submit', 'status'],
    isRun: true,
    answer: () => say('Something went wrong that no other code describes.'),
    entry: () => tell('Something went wrong that no other code describes.'),
  },
};

/** The error that a call is answered with. */
export function makeAnswer(code: ErrorCode, scene: Scene): ApiError {
  const { answer } = BEHAVIOURS[code];
  if (answer === undefined) return new ApiError(code);
  const { message, headers, detail } = answer(scene);
  return new ApiError(code, message, {
    ...(headers === undefined ? {} : { headers }),
    ...(detail === undefined ? {} : { detail }),
  });
}

function refusedPrompt(scene: Scene): ResultEntry {
  const { nodeId, classType } = scene;
  const message = 'Value not in list';
  const details = "ckpt_name: 'a-model.safetensors' not in []";
  const error = { type: 'prompt_outputs_failed_validation', message: 'Prompt outputs failed validation', details: '' };
  const errors = [{ type: 'value_not_in_list', message, details, extra_info: { input_name: 'ckpt_name' } }];
  const node_errors = { [nodeId]: { errors, dependent_outputs: [nodeId], class_type: classType } };
  return tell(
    `ComfyUI refused the prompt: ${error.message}\nnode ${nodeId} (${classType}): ${message}: ${details}`,
    JSON.stringify({ error, node_errors }),
  );
}

function outOfMemory(scene: Scene): ResultEntry {
  const exception =
    'torch.OutOfMemoryError: Allocation on device 0 would exceed allowed memory. (out of memory)\nCurrently allocated: 22.10 GiB\nDevice limit: 23.68 GiB';
  return tell(
    `${nodeOf(scene)} ran out of memory: ${exception}`,
    `${exception}\n  File "execution.py", line 525, in execute\n    output_data = await get_output_data(prompt_id, unique_id, obj, input_data_all)`,
  );
}
