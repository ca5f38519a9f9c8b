// object_info entries beyond the core image nodes, for graphs that only have to be judged, not run.
import type { ObjectInfo } from '@comfleet/comfyui';

const node = (name: string, more: object) => ({
  name,
  display_name: name,
  description: '',
  python_module: 'nodes',
  category: 'test',
  output_node: false,
  output: ['LATENT'],
  output_is_list: [false],
  output_name: ['LATENT'],
  ...more,
});

export const SAMPLER_CLASSES = {
  TestSampler: node('TestSampler', {
    input: {
      required: {
        seed: ['INT', { default: 0, min: 0, max: 18446744073709552000 }],
        steps: ['INT', { default: 20, min: 1, max: 10000 }],
        cfg: ['FLOAT', { default: 8.0, min: 0.0, max: 100.0, step: 0.1 }],
        sampler_name: [['euler', 'euler_ancestral', 'heun', 'dpmpp_2m']],
        text: ['STRING', { multiline: true }],
        add_noise: ['BOOLEAN', { default: true }],
      },
    },
    output: ['IMAGE'],
    output_name: ['IMAGE'],
  }),
  TestChooser: node('TestChooser', {
    input: { required: { choice: ['COMBO', { options: ['left', 'right'] }] } },
    output: ['IMAGE'],
    output_name: ['IMAGE'],
  }),
} as unknown as ObjectInfo;

/** One sampler, one picture of it. */
export const SAMPLED = {
  '3': {
    class_type: 'TestSampler',
    inputs: { seed: 1, steps: 20, cfg: 8, sampler_name: 'euler', text: 'a cat', add_noise: true },
  },
  '38:42': { class_type: 'SaveImage', inputs: { images: ['3', 0], filename_prefix: 'cats/cat' } },
};
