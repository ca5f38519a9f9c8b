import { expect, it } from 'vitest';
import { concealKeys } from './conceal-keys.pure.ts';

const failure = { code: 10011, details: 'bad key sk-12345678', debugInfo: 'sk-12345678\nsk-12345678 no' };

it.each([
  [
    'a key of extra_data',
    '{"api_key_comfy_org":"sk-12345678","n":1}',
    { details: 'bad key [redacted]', debugInfo: '[redacted]\n[redacted] no' },
  ],
  ['a text that is no key', '{"note":"sk-12345678"}', {}],
  ['a key too short to tell from a word', '{"api_key":"bad"}', {}],
  ['no extra_data', undefined, {}],
  ['extra_data that is a list', '["sk-12345678"]', {}],
])('%s', (_what, extraData, changed) => {
  expect(concealKeys(failure, extraData)).toEqual({ ...failure, ...changed });
});
