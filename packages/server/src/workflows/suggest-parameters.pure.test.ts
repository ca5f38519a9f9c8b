import type { Graph, ObjectInfo } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { suggestParameters } from './suggest-parameters.pure.ts';

const INFO: ObjectInfo = {
  CLIPTextEncode: {
    display_name: 'CLIP Text Encode (Prompt)',
    input: { required: { text: ['STRING', { multiline: true }], clip: ['CLIP'] } },
  },
  ConditioningCombine: { input: { required: { conditioning_1: ['CONDITIONING'], conditioning_2: ['CONDITIONING'] } } },
  KSampler: {
    input: {
      required: {
        seed: ['INT', { default: 0, min: 0, max: 18446744073709551615n }],
        steps: ['INT', { default: 20, min: 1, max: 10_000 }],
        positive: ['CONDITIONING'],
        negative: ['CONDITIONING'],
      },
    },
  },
  LoadImage: { display_name: 'Load Image', input: { required: { image: [['example.png'], { image_upload: true }] } } },
  EmptyImage: { input: { required: { width: ['INT', {}], height: ['INT', {}] } } },
};

const textNode = (text: string, title?: string) => ({
  class_type: 'CLIPTextEncode',
  inputs: { text, clip: ['9', 0] },
  ...(title === undefined ? {} : { _meta: { title } }),
});
const suggest = (graph: Graph) => suggestParameters(graph, INFO).map(({ name, node, input }) => [name, node, input]);

describe('a graph without declared parameters suggests', () => {
  it('its prompts, by what the sampler takes them for, and its seed', () => {
    const graph: Graph = {
      '1': textNode('blurry'),
      '2': textNode('a cat'),
      '4': { class_type: 'ConditioningCombine', inputs: { conditioning_1: ['2', 0], conditioning_2: ['2', 0] } },
      '3': { class_type: 'KSampler', inputs: { seed: 7, steps: 20, positive: ['4', 0], negative: ['1', 0] } },
    };
    expect(suggest(graph)).toEqual([
      ['negative_prompt', '1', 'text'],
      ['prompt', '2', 'text'],
      ['seed', '3', 'seed'],
    ]);
  });

  it('its media inputs, by their title when it is the author’s own', () => {
    const image = (title: string) => ({ class_type: 'LoadImage', inputs: { image: 'a.png' }, _meta: { title } });
    expect(suggest({ '1': image('Load Image'), '2': image('Load Image'), '3': image('Face photo') })).toEqual([
      ['image', '1', 'image'],
      ['image_2', '2', 'image'],
      ['face_photo', '3', 'image'],
    ]);
  });

  it('what a title tags: the main input, or the one named after a dot', () => {
    const size = {
      class_type: 'EmptyImage',
      inputs: { width: 64, height: 32 },
      _meta: { title: '$w.width $h.height' },
    };
    expect(suggest({ '1': textNode('a', 'Text $caption'), '2': size })).toEqual([
      ['caption', '1', 'text'],
      ['w', '2', 'width'],
      ['h', '2', 'height'],
    ]);
  });

  it('a titled node by its title, and nothing for an untitled one of no special kind', () => {
    const size = { class_type: 'EmptyImage', inputs: { width: 64, height: 32 } };
    expect(suggest({ '1': size, '2': { ...size, _meta: { title: 'Leinwand-Größe' } } })).toEqual([
      ['leinwand_gro_e', '2', 'width'],
    ]);
  });

  it('with the value that the graph has, its type and its label', () => {
    const [parameter] = suggestParameters({ '1': textNode('a cat', 'My words') }, INFO);
    expect(parameter).toEqual({
      name: 'my_words',
      node: '1',
      input: 'text',
      label: 'My words',
      type: 'STRING',
      default: 'a cat',
    });
  });

  it('nothing for linked inputs, unknown classes and names that would be taken for the prototype', () => {
    const linked = { class_type: 'CLIPTextEncode', inputs: { text: ['9', 0], clip: ['9', 0] } };
    expect(suggest({ '1': linked, '2': { class_type: 'Nobody', inputs: { text: 'x' } } })).toEqual([]);
    expect(suggest({ '1': textNode('a', '$__proto__') })).toEqual([['prompt', '1', 'text']]);
  });

  it('and ends on a graph whose links go in a circle', () => {
    const graph: Graph = {
      '1': { ...textNode('a'), inputs: { text: 'a', clip: ['2', 0] } },
      '2': { class_type: 'ConditioningCombine', inputs: { conditioning_1: ['1', 0], conditioning_2: ['2', 0] } },
    };
    expect(suggest(graph)).toEqual([['prompt', '1', 'text']]);
  });
});
