// Mixing two images of one size by the modes of ComfyUI's ImageBlend. Each step is rounded to float32, because a
// result that lies on a whole byte value falls to one side or the other by its last bit. Called by the blend node.
import type { ImageTensor } from '../nodes/node.ts';
import { PythonError } from '../python/errors.ts';
import { newImage, sample } from './tensor.ts';

const f = Math.fround;

type Mix = (below: number, above: number) => number;

const MODES: Record<string, Mix> = {
  normal: (_below, above) => above,
  multiply: (below, above) => f(below * above),
  screen: (below, above) => f(1 - f(f(1 - below) * f(1 - above))),
  overlay: (below, above) => (below <= 0.5 ? f(f(2 * below) * above) : f(1 - f(f(2 * f(1 - below)) * f(1 - above)))),
  soft_light: softLight,
  difference: (below, above) => f(below - above),
};

function softLight(below: number, above: number): number {
  if (above <= 0.5) return f(below - f(f(f(1 - f(2 * above)) * below) * f(1 - below)));
  return f(below + f(f(f(2 * above) - 1) * f(softCurve(below) - below)));
}

function softCurve(value: number): number {
  if (value > 0.25) return f(Math.sqrt(value));
  return f(f(f(f(f(16 * value) - 12) * value) + 4) * value);
}

/** `above` has the size and channels of `below`; its batch is the same, or one picture that serves for all. */
export function blendImages(
  below: ImageTensor,
  above: ImageTensor,
  how: { mode: string; factor: number },
): ImageTensor {
  const mix = Object.hasOwn(MODES, how.mode) ? MODES[how.mode] : undefined;
  if (!mix) throw new PythonError('ValueError', `Unsupported blend mode: ${how.mode}`);
  const batch = commonBatch(below, above);
  const out = newImage({ ...below, batch });
  const keep = f(1 - how.factor);
  const take = f(how.factor);
  for (let index = 0; index < out.data.length; index += 1) {
    const a = sample(below.data, index % below.data.length);
    const b = mix(a, sample(above.data, index % above.data.length));
    const value = f(f(a * keep) + f(b * take));
    out.data[index] = Math.min(1, Math.max(0, value));
  }
  return out;
}

function commonBatch(a: ImageTensor, b: ImageTensor): number {
  if (a.batch === b.batch || b.batch === 1) return a.batch;
  if (a.batch === 1) return b.batch;
  const rule = 'must match the size of tensor b';
  throw new PythonError(
    'RuntimeError',
    `The size of tensor a (${a.batch}) ${rule} (${b.batch}) at non-singleton dimension 0`,
  );
}

/** Cuts the second image to the channels of the first. The other way round ComfyUI fails, and so does this. */
export function matchChannels(first: ImageTensor, second: ImageTensor): ImageTensor {
  if (first.channels === second.channels) return second;
  if (first.channels > second.channels) {
    const sizes = `The size of tensor a (${first.channels + 1}) must match the size of tensor b (${second.channels})`;
    throw new PythonError('RuntimeError', `${sizes} at non-singleton dimension 3`);
  }
  const out = newImage({ ...second, channels: first.channels });
  for (let pixel = 0; pixel < out.data.length / out.channels; pixel += 1) {
    const from = pixel * second.channels;
    out.data.set(second.data.subarray(from, from + out.channels), pixel * out.channels);
  }
  return out;
}
