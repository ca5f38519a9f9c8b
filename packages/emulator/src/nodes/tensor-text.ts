// How a tensor reads when it is shown as text: numbers of four places in nested brackets, the middle of long axes left
// out, as torch prints it. Called by PreviewAny.
import { sample } from '../images/tensor.ts';
import type { ImageTensor, MaskTensor } from './node.ts';

const EDGE_ITEMS = 3;
/** Tensors above this many samples are shown by their edges only. */
const FULL_LIMIT = 1000;

export function isTensor(value: unknown): value is ImageTensor | MaskTensor {
  return typeof value === 'object' && value !== null && 'data' in value && value.data instanceof Float32Array;
}

export function tensorText(tensor: ImageTensor | MaskTensor): string {
  const { batch, height, width, data } = tensor;
  const sizes = tensor.kind === 'image' ? [batch, height, width, tensor.channels] : [batch, height, width];
  if (data.length === 0) return `tensor([], size=(${sizes.join(', ')}))`;
  const isWhole = data.length <= FULL_LIMIT;
  const shown = shownSamples(data, isWhole ? sizes : sizes.map((size) => Math.min(size, 2 * EDGE_ITEMS)), sizes);
  const format = chooseFormat(shown);
  return `tensor(${block({ data, sizes, isWhole, format }, 0, 0)})`;
}

interface Print {
  data: Float32Array;
  sizes: number[];
  isWhole: boolean;
  format: (value: number) => string;
}

function positions(size: number, isWhole: boolean): (number | undefined)[] {
  if (isWhole || size <= 2 * EDGE_ITEMS) return Array.from({ length: size }, (_, index) => index);
  const edge = Array.from({ length: EDGE_ITEMS }, (_, index) => index);
  return [...edge, undefined, ...edge.map((index) => size - EDGE_ITEMS + index)];
}

function block(print: Print, axis: number, offset: number): string {
  const size = print.sizes[axis] ?? 0;
  const isLast = axis === print.sizes.length - 1;
  const stride = print.sizes.slice(axis + 1).reduce((product, length) => product * length, 1);
  const parts = positions(size, print.isWhole).map((index) => {
    if (index === undefined) return isLast ? ' ...' : '...';
    const at = offset + index * stride;
    return isLast ? print.format(sample(print.data, at)) : block(print, axis + 1, at);
  });
  const indent = ' '.repeat('tensor('.length + axis + 1);
  const separator = isLast ? ', ' : `,${'\n'.repeat(print.sizes.length - axis - 1)}${indent}`;
  return `[${parts.join(separator)}]`;
}

function shownSamples(data: Float32Array, shown: number[], sizes: number[]): number[] {
  const isWhole = shown.every((size, axis) => size === sizes[axis]);
  if (isWhole) return [...data];
  const found: number[] = [];
  const visit = (axis: number, offset: number): void => {
    if (axis === sizes.length) {
      found.push(sample(data, offset));
      return;
    }
    const stride = sizes.slice(axis + 1).reduce((product, length) => product * length, 1);
    for (const index of positions(sizes[axis] ?? 0, false))
      if (index !== undefined) visit(axis + 1, offset + index * stride);
  };
  visit(0, 0);
  return found;
}

// Whole numbers get a bare point; wide ranges the exponent form; everything else four places, padded to one width.
function chooseFormat(shown: number[]): (value: number) => string {
  const plain = shown.every(Number.isInteger) ? (value: number) => `${value}.` : chooseFractions(shown);
  const width = Math.max(0, ...shown.map((value) => plain(value).length));
  return (value) => plain(value).padStart(width);
}

function chooseFractions(shown: number[]): (value: number) => string {
  const sizes = shown.map(Math.abs).filter((value) => value > 0);
  const largest = Math.max(...sizes);
  const smallest = Math.min(...sizes);
  const isWide = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
  return isWide ? exponentForm : (value) => value.toFixed(4);
}

function exponentForm(value: number): string {
  const [mantissa = '', power = '+0'] = value.toExponential(4).split('e');
  return `${mantissa}e${power.startsWith('-') ? '-' : '+'}${power.slice(1).padStart(2, '0')}`;
}
