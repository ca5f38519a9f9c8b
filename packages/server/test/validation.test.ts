// What is refused before acceptance: every problem at once, with its exact place and the nearest names (code 422001).
// routes: submitRequest
import type { JsonValue } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { PHOTO, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, listProblems } from '../testing/expect-error.ts';
import { SAMPLED, SAMPLER_CLASSES } from '../testing/node-classes.ts';

const override = (inputs: JsonValue, nodeId = '3'): JsonValue => ({ overrides: { [nodeId]: { inputs } } });

const app = useTestApp({ extraObjectInfo: SAMPLER_CLASSES });

describe('a submit that is not valid', () => {
  async function refuse(body: JsonValue, graph: JsonValue = SAMPLED, query = '') {
    const deploymentId = await app().createDeployment(graph);
    const reply = await app().call(`/deployments/${deploymentId}/inference${query}`, { method: 'POST', body });
    const { detail, message } = expectError(reply, 422001);
    expect(await countRequests(deploymentId)).toBe(0);
    return { problems: listProblems(detail), detail, message };
  }

  async function countRequests(deploymentId: string): Promise<number> {
    const rows = await app().db.query<{ count: number }>({
      text: 'select count(*)::int as count from requests where deployment_id = $1',
      values: [deploymentId],
    });
    return rows[0]?.count ?? -1;
  }

  it.each<[string, JsonValue, string[]]>([
    ['a value below the least', override({ steps: 0 }), ['body.overrides.3.inputs.steps value_smaller_than_min']],
    ['a value above the most', override({ cfg: 100.5 }), ['body.overrides.3.inputs.cfg value_bigger_than_max']],
    ['text for a number', override({ steps: 'many' }), ['body.overrides.3.inputs.steps invalid_input_type']],
    ['null for a number', override({ seed: null }), ['body.overrides.3.inputs.seed invalid_input_type']],
    [
      'a value not listed',
      override({ sampler_name: 'eular' }),
      ['body.overrides.3.inputs.sampler_name value_not_in_list'],
    ],
    ['an unknown input', override({ stepz: 3 }), ['body.overrides.3.inputs.stepz unknown_input']],
    ['an unknown node', override({ steps: 3 }, '33'), ['body.overrides.33 unknown_node']],
    [
      'an unknown part of a compound id',
      override({ filename_prefix: 'a' }, '38:43'),
      ['body.overrides.38:43 unknown_node'],
    ],
    ['a literal for a link', override({ images: 'x' }, '38:42'), ['body.overrides.38:42.inputs.images linked_input']],
    ['NaN', '{"overrides":{"3":{"inputs":{"cfg":NaN}}}}', ['body.overrides.3.inputs.cfg invalid_input_type']],
    ['NaN in extra_data', '{"extra_data":{"a":[NaN]}}', ['body.extra_data not_finite']],
    ['overrides as text', { overrides: '{}' }, ['body.overrides wrong_type']],
    ['overrides as a list', { overrides: [] }, ['body.overrides wrong_type']],
    ['a node that is no object', { overrides: { '3': 5 } }, ['body.overrides.3 wrong_type']],
    ['a node without inputs', { overrides: { '3': { steps: 5 } } }, ['body.overrides.3.inputs missing']],
    ['inputs that are a list', { overrides: { '3': { inputs: [] } } }, ['body.overrides.3.inputs wrong_type']],
    ['an unknown key alone', { override: {} }, ['body.override unknown_key']],
    ['two unknown keys', { prompt: {}, foo: 1 }, ['body.prompt unknown_key', 'body.foo unknown_key']],
    ['an unknown parameter', { parameters: { nobody: 'x' } }, ['body.parameters.nobody unknown_parameter']],
    ['a priority that is none', { priority: 'urgent' }, ['body.priority value_not_in_list']],
    ['no time to start', { start_within_seconds: 0 }, ['body.start_within_seconds value_smaller_than_min']],
    ['a time in words', { run_within_seconds: 'soon' }, ['body.run_within_seconds wrong_type']],
    ['metadata that is no text', { metadata: { a: 1 } }, ['body.metadata.a wrong_type']],
    ['a bad label', { metadata: { 'a b': '1' } }, ['body.metadata.a b bad_format']],
    ['a long label value', { metadata: { a: 'ä'.repeat(129) } }, ['body.metadata.a too_long']],
    ['a bidi label value', { metadata: { a: '\u202eevil' } }, ['body.metadata.a bad_format']],
    ['a webhook that is no URL', { webhook: 'example.org/hook' }, ['body.webhook bad_format']],
    ['a webhook with a password', { webhook: 'https://u:p@example.org/' }, ['body.webhook bad_format']],
    ['a flag in words', { webhook_intermediate_status: 'perhaps' }, ['body.webhook_intermediate_status wrong_type']],
    ['extra_data as text', { extra_data: 'key' }, ['body.extra_data wrong_type']],
  ])('for %s says where and what', async (_what, body, problems) => {
    expect((await refuse(body)).problems).toEqual(problems);
  });

  it('shows every problem of its shape at once', async () => {
    const { problems, message } = await refuse({
      overrides: { '3': 1, '4': { inputs: 2 } },
      priority: 'x',
      metadata: { a: 1, 'b c': '2' },
      start_within_seconds: -1,
    });
    expect(problems).toEqual([
      'body.overrides.3 wrong_type',
      'body.overrides.4.inputs wrong_type',
      'body.metadata.a wrong_type',
      'body.metadata.b c bad_format',
      'body.priority value_not_in_list',
      'body.start_within_seconds value_smaller_than_min',
    ]);
    expect(message).toContain('5 more problems');
  });

  it('shows every problem of its values at once', async () => {
    const { problems } = await refuse(override({ steps: 0, cfg: 'hot', sampler_name: 'none', seed: -1 }));
    expect(problems.sort()).toEqual([
      'body.overrides.3.inputs.cfg invalid_input_type',
      'body.overrides.3.inputs.sampler_name value_not_in_list',
      'body.overrides.3.inputs.seed value_smaller_than_min',
      'body.overrides.3.inputs.steps value_smaller_than_min',
    ]);
  });

  it.each<[JsonValue, string]>([
    [override({ stepz: 3 }), 'steps'],
    [override({ sampler_name: 'eular' }), 'euler'],
    [override({ filename_prefix: 'x' }, '38:24'), '38:42'],
    [{ overides: {} }, 'overrides'],
    [{ workflow: {} }, 'workflow_api_json'],
    [{ webhook_url: 'https://example.org' }, 'webhook'],
  ])('names what comes nearest', async (body, nearest) => {
    const { detail, message } = await refuse(body);
    expect(detail[0]?.msg).toContain(nearest);
    expect(message).toContain(nearest);
  });

  it('repeats the value that was refused, but never a secret', async () => {
    const { detail } = await refuse(override({ steps: 0 }));
    expect(detail[0]?.input).toBe(0);
    const secret = await refuse({ extra_data: 'sk-very-secret' });
    expect(JSON.stringify(secret.detail)).not.toContain('sk-very-secret');
  });

  it('tells of a query that is wrong beside a body that is wrong', async () => {
    const { problems } = await refuse({ priority: 'x' }, SAMPLED, '?webhook=nowhere&webhook_intermediate_status=7');
    expect(problems).toEqual([
      'query.webhook bad_format',
      'query.webhook_intermediate_status wrong_type',
      'body.priority value_not_in_list',
    ]);
  });

  it.each<[string, JsonValue, string[]]>([
    ['of the editor without nodes', { nodes: [], links: [] }, ['body.workflow_api_json prompt_no_outputs']],
    [
      'with an unknown node type',
      { '1': { class_type: 'SaveImagee', inputs: {} } },
      ['body.workflow_api_json.1.class_type unknown_node_type'],
    ],
    ['without outputs', { '1': PICTURE['1'] ?? null }, ['body.workflow_api_json prompt_no_outputs']],
    ['with a node that is no object', { ...PICTURE, '3': 7 }, ['body.workflow_api_json.3 invalid_prompt']],
    [
      'with a missing input',
      { ...PICTURE, '1': { class_type: 'EmptyImage', inputs: { width: 16, height: 16, color: 1 } } },
      ['body.workflow_api_json.1.inputs.batch_size required_input_missing'],
    ],
    [
      'with a link to a node that is not there',
      { '2': { class_type: 'SaveImage', inputs: { images: ['9', 0], filename_prefix: 'a' } } },
      ['body.workflow_api_json.2.inputs.images exception_during_validation'],
    ],
    [
      'with a link of another type',
      {
        '1': { class_type: 'SolidMask', inputs: { value: 1, width: 8, height: 8 } },
        '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'a' } },
      },
      ['body.workflow_api_json.2.inputs.images return_type_mismatch'],
    ],
  ])('for an inline graph %s says where and what', async (_what, graph, problems) => {
    const found = (await refuse({ workflow_api_json: graph })).detail.map(
      ({ loc, type }) => `${loc.join('.')} ${type}`,
    );
    expect(found).toEqual(problems);
  });

  it('refuses the whole graph where ComfyUI would run the half of it', async () => {
    const half = { ...PICTURE, '3': { class_type: 'SaveImage', inputs: { images: ['1', 0] } } };
    expect((await refuse({ workflow_api_json: half })).problems).toEqual([
      'body.workflow_api_json.3.inputs.filename_prefix required_input_missing',
    ]);
  });

  it.each<[string, string, string]>([
    ['no base64', 'data:image/png;base64,%%%', 'not valid base64'],
    ['no data', 'data:image/png;base64,', 'empty'],
    ['base64 without its head', 'iVBORw0KGgo'.repeat(40), 'put "data:;base64,"'],
    ['no picture', `data:image/png;base64,${Buffer.from('just words, no picture').toString('base64')}`, 'image'],
    ['another scheme', 'ftp://example.org/a.png', 'address'],
    ['a way out of the folder', '../../etc/passwd', '..'],
  ])('for media of %s says so at the input', async (_what, image, hint) => {
    const place = ['1', 'inputs', 'image'];
    const { detail } = await refuse(override({ image }, '1'), PHOTO);
    expect(detail).toMatchObject([{ loc: ['body', 'overrides', ...place] }]);
    expect(detail[0]?.msg).toContain(hint);
    const graph = { ...PHOTO, '1': { class_type: 'LoadImage', inputs: { image } } };
    const inline = await refuse({ workflow_api_json: graph }, PHOTO);
    expect(inline.detail).toMatchObject([{ loc: ['body', 'workflow_api_json', ...place] }]);
  });
});

describe('a saved graph that was forced', () => {
  it('is refused at submit, in a place that is not the body', async () => {
    const graph = { ...PICTURE, '1': { class_type: 'EmptyImagee', inputs: {} } };
    const workflow = await app().call('/workflows', { method: 'POST', body: { name: 'w' } });
    const workflowId = String(workflow.body['id']);
    const path = `/workflows/${workflowId}/versions`;
    const refused = await app().call(path, { method: 'POST', body: { workflow_api_json: graph } });
    const place = ['workflow_api_json', '1', 'class_type'];
    expect(expectError(refused, 422001).detail).toMatchObject([{ loc: ['body', ...place], type: 'unknown_node_type' }]);
    const forced = await app().call(`${path}?force=true`, { method: 'POST', body: { workflow_api_json: graph } });
    expect(forced.body).toMatchObject({ version: 'v1', findings: [{ severity: 'error', loc: ['body', ...place] }] });
    const fields = { name: 'd', workflow_id: workflowId, workflow_version: 'v1' };
    const { body } = await app().call('/deployments', { method: 'POST', body: fields });
    const reply = await app().call(`/deployments/${body['id']}/inference`, { method: 'POST', body: {} });
    expect(expectError(reply, 422001).detail).toMatchObject([{ loc: ['version', ...place] }]);
  });
});

describe('what is not refused', () => {
  it('runs when only the back end can judge a value: ComfyUI took choices in the new notation unchecked', async () => {
    const graph = {
      '1': { class_type: 'TestChooser', inputs: { choice: 'left' } },
      '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'a' } },
    };
    const deploymentId = await app().createDeployment(graph);
    const result = await app().run(deploymentId, override({ choice: 'middle' }, '1'));
    expect(result).toMatchObject({ status: 'succeeded' });
  });

  it.each<[string, JsonValue]>([
    ['an empty object', {}],
    ['null for every field', { overrides: null, metadata: null, priority: null, webhook: null, extra_data: null }],
    ['unknown keys beside known ones', { overrides: {}, client: 'x', version: 3 }],
    ['deadlines beyond any calendar', '{"start_within_seconds":1e300,"run_within_seconds":99999999999999999999999}'],
    ['numbers as text, as ComfyUI takes them', override({ steps: '7', cfg: '3.5' })],
    ['a link in place of a literal', override({ seed: ['9', 0] })],
    [
      'every option',
      {
        overrides: { '3': { inputs: { text: 'dog' } } },
        metadata: { customer: '4711' },
        priority: 'high',
        start_within_seconds: 100,
        run_within_seconds: 100.5,
        webhook: 'https://example.org/hook?key=1',
        webhook_intermediate_status: true,
        extra_data: { api_key_comfy_org: 'k' },
        parameters: {},
      },
    ],
  ])('runs: %s', async (_what, body) => {
    const graph = { ...SAMPLED, '9': { class_type: 'PrimitiveInt', inputs: { value: 5 } } };
    const result = await app().run(await app().createDeployment(graph), body);
    expect(result).toMatchObject({ status: 'succeeded' });
  });
});
