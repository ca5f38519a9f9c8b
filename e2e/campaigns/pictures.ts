// The graphs that callers ask for. Each has its colour in node 1, by which every run and every file is told apart; the
// kinds differ in what they make the service do besides. Used by caller.ts and stage.ts.
import { createHash } from 'node:crypto';
import type { PictureKind } from './history.pure.ts';
import { colourPng } from './png-colour.ts';

export const SAVED_GRAPH = {
  '1': { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 0 } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'colour' } },
};

/** The node that saves the picture which came with the request. */
export const MEDIA_NODE = '4';
/** Files above 16 kB go to the storage instead of a row; a picture carries its graph. */
const LARGE_TEXT = 20_000;
/** What goes to an object store in parts. */
const HUGE_TEXT = 5_500_000;

/** What a submitted picture of this kind has in the file of MEDIA_NODE. */
export const mediaColour = (colour: number) => colour ^ 0xffffff;

/** What the campaigns that kill the service ask for. */
export const MIXED_KINDS: readonly PictureKind[] = ['plain', 'plain', 'media', 'plain', 'large', 'secret'];
/** Longer than it takes to see that it runs, and to cancel it. */
const SLOW_MS = 1_500;

export const SECRET_PREFIX = 'sk-campaign-';

/** Never to be seen in a log. */
const secretOf = (colour: number) =>
  `${SECRET_PREFIX}${createHash('sha256').update(`secret ${colour}`).digest('hex').slice(0, 24)}`;

export function bodyOf(kind: PictureKind, colour: number): Record<string, unknown> {
  switch (kind) {
    case 'plain':
      return { overrides: { '1': { inputs: { color: colour } } } };
    case 'media':
      return { workflow_api_json: { ...coloured(colour), ...mediaNodes(colour) } };
    case 'large':
      return { workflow_api_json: { ...coloured(colour), ...largeNodes(colour, LARGE_TEXT) } };
    case 'huge':
      return { workflow_api_json: { ...coloured(colour), ...largeNodes(colour, HUGE_TEXT) } };
    case 'secret':
      return { ...bodyOf('plain', colour), extra_data: { api_key_comfy_org: secretOf(colour) } };
    case 'slow':
      return { ...bodyOf('plain', colour), priority: 'high', extra_data: { emulator: { serviceMs: SLOW_MS } } };
    case 'poison':
      return { ...bodyOf('plain', colour), extra_data: { emulator: { crash: { at: 'start', signal: 'SIGKILL' } } } };
  }
}

function coloured(colour: number) {
  const image = SAVED_GRAPH['1'];
  return { ...SAVED_GRAPH, '1': { ...image, inputs: { ...image.inputs, color: colour } } };
}

function mediaNodes(colour: number) {
  const image = `data:image/png;base64,${colourPng(mediaColour(colour)).toString('base64')}`;
  return {
    '3': { class_type: 'LoadImage', inputs: { image } },
    [MEDIA_NODE]: { class_type: 'SaveImage', inputs: { images: ['3', 0], filename_prefix: 'media' } },
  };
}

function largeNodes(colour: number, length: number) {
  const value = createHash('shake256', { outputLength: length / 2 })
    .update(String(colour))
    .digest('hex');
  return {
    '5': { class_type: 'PrimitiveString', inputs: { value } },
    '6': { class_type: 'PreviewAny', inputs: { source: ['5', 0] } },
  };
}
