// What the editor's own extensions add to single classes: upload buttons, players, previews, file names with
// placeholders. Called by class-spec.ts.

import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type NodeInfo, readInput } from '../object-info.ts';

const AUDIO_PLAYERS: ReadonlySet<string> = new Set([
  'LoadAudio',
  'SaveAudio',
  'PreviewAudio',
  'SaveAudioMP3',
  'SaveAudioOpus',
  'SaveAudioAdvanced',
]);

const MODEL_VIEWERS: ReadonlySet<string> = new Set(['SaveGLB', 'Preview3D', 'Preview3DAnimation']);

const FILE_NAME_NODES: ReadonlySet<string> = new Set([
  'SaveImage',
  'SaveImageAdvanced',
  'SaveSVGNode',
  'SaveVideo',
  'SaveAnimatedWEBP',
  'SaveWEBM',
  'SaveAudio',
  'SaveAudioMP3',
  'SaveAudioOpus',
  'SaveAudioAdvanced',
  'SaveGLB',
  'Save3DAdvanced',
  'SaveGaussianSplat',
  'SavePointCloud',
  'SaveAnimatedPNG',
  'CLIPSave',
  'VAESave',
  'ModelSave',
  'LoraSave',
  'SaveLatent',
]);

/** Classes whose filename_prefix may hold `%Node.widget%` and `%date:…%`. */
export function isFileNameNode(classType: string): boolean {
  return FILE_NAME_NODES.has(classType);
}

/** Required inputs that object_info does not know of. */
export function extraInputs(classType: string, info: NodeInfo): JsonObject {
  const required = isJsonObject(info.input?.required) ? info.input.required : {};
  const extra: JsonObject = {};
  if (AUDIO_PLAYERS.has(classType)) extra['audioUI'] = ['AUDIO_UI', {}];
  if (MODEL_VIEWERS.has(classType)) extra['image'] = ['PREVIEW_3D'];
  if (Object.entries(required).some(([name, entry]) => isImageUpload(name, entry))) extra['upload'] = ['IMAGEUPLOAD'];
  const audio = Object.hasOwn(required, 'audio') ? readInput('audio', 'required', required['audio']) : undefined;
  if (audio?.opts['audio_upload'] === true) extra['upload'] = ['AUDIOUPLOAD', {}];
  return extra;
}

function isImageUpload(name: string, entry: JsonValue | undefined): boolean {
  const { type, opts } = readInput(name, 'required', entry);
  const flags = ['image_upload', 'animated_image_upload', 'video_upload'];
  return type === 'COMBO' && flags.some((flag) => opts[flag] === true);
}
