// The routes of a deployment's instances, and the way through to them.
import { Instance, InstanceList, WarmUp } from '../instances.ts';
import type { Route } from '../route.ts';

const INSTANCE = { instance_id: { description: 'As `instance_id` of a request, or `id` in the list of instances.' } };

export const INSTANCE_ROUTES = [
  {
    id: 'listInstances',
    method: 'GET',
    path: '/deployments/:deployment_id/instances',
    base: 'versioned',
    access: 'token',
    scopes: ['read', 'run'],
    tag: 'instances',
    summary: 'The instances that this deployment can use',
    replies: { 200: { description: 'Those that exist now.', schema: InstanceList } },
    errors: [403003, 404001, 10003],
  },
  {
    id: 'warmUpInstances',
    method: 'POST',
    path: '/deployments/:deployment_id/instances',
    base: 'versioned',
    access: 'token',
    scopes: ['run', 'manage'],
    tag: 'instances',
    summary: 'Have instances ready before they are needed',
    description:
      'Instances at fixed URLs and the embedded back end run all the time: there is nothing to start, and the answer ' +
      'lists what is there.',
    body: WarmUp,
    replies: { 202: { description: 'What exists now; what is missing is being started.', schema: InstanceList } },
    errors: [403003, 404001, 10001, 10002, 10003],
  },
  {
    id: 'getInstance',
    method: 'GET',
    path: '/deployments/:deployment_id/instances/:instance_id',
    base: 'versioned',
    access: 'token',
    scopes: ['read', 'run'],
    tag: 'instances',
    summary: 'One instance, with its life and the end of its log',
    description: 'Also one of those that went lately.',
    params: INSTANCE,
    replies: { 200: { description: 'What it is, or was.', schema: Instance } },
    errors: [403003, 404001, 10003],
  },
  {
    id: 'removeInstance',
    method: 'DELETE',
    path: '/deployments/:deployment_id/instances/:instance_id',
    base: 'versioned',
    access: 'token',
    scopes: ['manage'],
    tag: 'instances',
    summary: 'Drain and remove an instance',
    description: 'One that the service did not start for the deployment (a fixed URL, the embedded back end) stays.',
    params: INSTANCE,
    replies: { 202: { description: 'It is being drained.', schema: InstanceList } },
    errors: [403003, 404001, 409001, 10003],
  },
  {
    id: 'proxyInstance',
    method: 'ANY',
    path: '/deployments/:deployment_id/instances/:instance_id/proxy/*',
    base: 'versioned',
    access: 'token',
    scopes: ['run'],
    tag: 'instances',
    summary: "The instance's own API",
    description:
      "Passes calls on to ComfyUI, with or without `api/` in front of the path, and its replies back as they are; `ws` is a websocket. A policy says which paths are open (COMFLEET_PROXY_ALLOW). What concerns prompts, files and queues shows and takes the account's own only. `prompt` waits for its turn behind what was submitted, and is closed while runs are billed.",
    params: {
      ...INSTANCE,
      path: { description: 'A path of ComfyUI: `object_info`, `prompt`, `history/<id>`, `view`, `upload/image`, …' },
    },
    replies: {
      200: { description: "The instance's answer, whatever its status and type.", contentType: '*/*' },
    },
    errors: [403003, 404001, 405001, 409001, 413001, 422001, 10001, 10002, 10003, 10007],
  },
] as const satisfies readonly Route[];
