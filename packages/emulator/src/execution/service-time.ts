// Time that a prompt is made to take without using the CPU: model loading when another set of models is needed, and the
// service time itself, with progress updates. Both executors apply it at the first node that runs.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { isJsonObject } from '../json-object.pure.ts';
import { TINY_JPEG } from '../tiny-images.ts';
import type { Job, PreviewImage } from './protocol.ts';

const MODEL_FILE = /\.(safetensors|ckpt|pt|pt2|pth|bin|sft|gguf|pkl|onnx)$/i;

export interface ServiceTime {
  pass(job: Job, report: Report): Promise<void>;
  unloadModels(): void;
}

/** Called at each step; throws when the prompt was interrupted. */
export type Report = (value: number, max: number, preview?: Omit<PreviewImage, 'nodeId'>) => void;

export function createServiceTime({ sleep }: { sleep(ms: number): Promise<void> }): ServiceTime {
  let loaded = '';

  async function load({ prompt, behaviour }: Job): Promise<void> {
    const wanted = modelsOf(prompt);
    if (wanted === '' || wanted === loaded) return;
    if (behaviour.loadMs) await sleep(behaviour.loadMs.ms);
    loaded = wanted;
  }

  return {
    async pass(job, report) {
      await load(job);
      const service = job.behaviour.serviceMs;
      if (!service) return;
      const steps = service.steps ?? 0;
      for (let step = 1; step <= Math.max(1, steps); step += 1) {
        await sleep(service.ms / Math.max(1, steps));
        if (step <= steps) report(step, steps, service.previews ? { format: 'jpeg', bytes: TINY_JPEG } : undefined);
      }
    },
    unloadModels() {
      loaded = '';
    },
  };
}

/** The graph's model files as one text: any constant that ends like a weights file, as affinity rules read it. */
function modelsOf(prompt: JsonObject): string {
  const models = new Set<string>();
  for (const node of Object.values(prompt)) {
    const inputs = isJsonObject(node) ? node['inputs'] : undefined;
    const values: JsonValue[] = isJsonObject(inputs) ? Object.values(inputs) : [];
    for (const value of values) if (typeof value === 'string' && MODEL_FILE.test(value)) models.add(value);
  }
  return [...models].sort().join('\n');
}
