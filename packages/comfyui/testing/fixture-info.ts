// The recorded classes and graphs that the graph tests share.

import { readFileSync } from 'node:fs';
import type { Graph } from '../src/graph/parse.ts';
import { parseJson } from '../src/json.ts';
import type { ObjectInfo } from '../src/object-info.ts';

export function readFixtureText(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
}

/** Some forty classes of a ComfyUI 0.3.64, as its /object_info shows them. */
export function readFixtureInfo(): ObjectInfo {
  return parseJson(readFixtureText('object-info.json')) as unknown as ObjectInfo;
}

/** A graph that ComfyUI accepts: two colours blended, scaled and saved; `9` is needed by no output. */
export function makeImageGraph(): Graph {
  const size = { width: 16, height: 16, batch_size: 1 };
  return {
    '1': { class_type: 'EmptyImage', inputs: { ...size, color: 0 }, _meta: { title: 'Black' } },
    '2': { class_type: 'EmptyImage', inputs: { ...size, color: 255 } },
    '3': {
      class_type: 'ImageBlend',
      inputs: { image1: ['1', 0], image2: ['2', 0], blend_factor: 0.5, blend_mode: 'normal' },
    },
    '4': {
      class_type: 'ImageScale',
      inputs: { image: ['3', 0], upscale_method: 'area', width: 32, height: 32, crop: 'disabled' },
    },
    '5': { class_type: 'SaveImage', inputs: { images: ['4', 0], filename_prefix: 'out', extra: 'kept' } },
    '9': { class_type: 'EmptyImage', inputs: { ...size, color: 7 } },
  };
}
