// Every node the emulator can run, by class name. Used by the executor's worker and by the object_info route.
import { imageBlend, imageBlur, imageInvert, imageSharpen } from './effect-nodes.ts';
import { emptyImage } from './empty-image.ts';
import { imageBatch, imageCompositeMasked, imageCrop, imagePadForOutpaint } from './layout-nodes.ts';
import { loadImage, loadImageMask } from './load-image.ts';
import { imageToMask, invertMask, maskToImage, solidMask } from './mask-nodes.ts';
import type { NodeDefinition } from './node.ts';
import { previewAny } from './preview-any.ts';
import { primitiveNodes } from './primitive-nodes.ts';
import { previewImage, saveImage, saveImageWebsocket } from './save-image.ts';
import { imageScale, imageScaleBy } from './scale-nodes.ts';

const DEFINITIONS: readonly NodeDefinition[] = [
  saveImage,
  previewImage,
  loadImage,
  loadImageMask,
  imageScale,
  imageScaleBy,
  imageInvert,
  imageBatch,
  emptyImage,
  imagePadForOutpaint,
  imageCrop,
  imageBlend,
  imageBlur,
  imageSharpen,
  imageCompositeMasked,
  maskToImage,
  imageToMask,
  solidMask,
  invertMask,
  previewAny,
  ...primitiveNodes,
  saveImageWebsocket,
];

export const NODES: ReadonlyMap<string, NodeDefinition> = new Map(DEFINITIONS.map((node) => [node.classType, node]));
