import { expect, it } from 'vitest';
import { readProviders } from './hardware-providers.ts';

function read(...entries: unknown[]) {
  const problems: string[] = [];
  return { providers: readProviders(entries, problems), problems };
}

it('a block says how the instances of a SKU are made; without one the default pool runs it', () => {
  const { providers, problems } = read(
    { sku: 'A', provider: 'static', urls: ['http://127.0.0.1:8188/'] },
    { sku: 'B', provider: 'process', process: { command: ['python'] } },
    { sku: 'C', provider: 'kubernetes', kubernetes: { image: 'comfyui:1' } },
    { sku: 'D', provider: 'docker', docker: { image: 'comfyui:1' } },
    { sku: 'E', provider: 'process' },
    { sku: 'F', provider: 'docker' },
  );
  expect(problems).toEqual([]);
  const found = [...providers].map(([sku, { kind }]) => `${sku} ${kind}`);
  expect(found).toEqual(['A static', 'B process', 'C kubernetes', 'D docker']);
  expect(providers.get('A')).toMatchObject({ urls: ['http://127.0.0.1:8188'] });
});

it('problems name the path, also a block of another provider', () => {
  expect(
    read(
      { sku: 'A', provider: 'static', urls: ['ftp://a'] },
      { sku: 'B', process: { command: ['python'] } },
      { sku: 'C', provider: 'process', process: {} },
      { sku: 'D', provider: 'docker', docker: { image: 'comfyui:1', network: 'host' } },
    ).problems,
  ).toEqual([
    expect.stringMatching(/^hardware\[0\]\.urls: \["ftp:\/\/a"\]: expected a list of URLs/),
    expect.stringMatching(/^hardware\[1\]\.process: is for the provider "process"/),
    expect.stringMatching(/^hardware\[2\]\.process\.command: is missing/),
    expect.stringMatching(/^hardware\[3\]\.docker\.network: "host": expected the name of a network/),
  ]);
});

it('a misspelt provider is left to the catalogue, which names what it may be', () => {
  expect(read({ sku: 'A', provider: 'proces', process: { command: ['python'] } }).problems).toEqual([]);
});

it('the password of a registry is handed to no instance', () => {
  const command = ['python', '{port}'];
  const registry = { username: 'me', password_from: 'REGISTRY_TOKEN' };
  expect(
    read(
      { sku: 'A', provider: 'docker', docker: { image: 'a:1', registry } },
      { sku: 'B', provider: 'docker', docker: { image: 'b:1', env_from: ['REGISTRY_TOKEN', 'HF_TOKEN'] } },
      { sku: 'C', provider: 'process', process: { command, env_from: ['REGISTRY_TOKEN'] } },
    ).problems,
  ).toEqual([
    expect.stringMatching(/^hardware B: .*REGISTRY_TOKEN/),
    expect.stringMatching(/^hardware C: .*REGISTRY_TOKEN/),
  ]);
});

it('an instance is of one SKU', () => {
  const urls = ['http://127.0.0.1:8188'];
  const { problems } = read({ sku: 'A', provider: 'static', urls }, { sku: 'B', provider: 'static', urls });
  expect(problems).toEqual([expect.stringContaining('http://127.0.0.1:8188 is in "urls" twice')]);
});
