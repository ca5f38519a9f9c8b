// Which inputs are widgets, what they start with, and which further widgets come with them (control after generate,
// upload and refresh buttons). Called by class-spec.ts, node-model.ts and group-nodes.ts.

import { isJsonObject, type JsonValue } from '../json.ts';
import type { InputSpec } from '../object-info.ts';
import { listOf, textOf } from './raw-values.ts';

export interface WidgetSpec {
  readonly name: string;
  readonly initial: JsonValue;
  /** Goes into the graph. */
  readonly isSent: boolean;
  /** Has a place in `widgets_values`. */
  readonly isStored: boolean;
  /** The type of the input slot that a link to it uses; undefined when it has none. */
  readonly slotType: string | undefined;
  /** What a stored null becomes. */
  readonly firstChoice: JsonValue | undefined;
  readonly text: 'prompt' | 'file-name' | undefined;
  readonly isCurve: boolean;
  /** A text box turns whatever it is given into text. */
  readonly isTextBox: boolean;
  /** A dynamic combo: the inputs that each choice brings. */
  readonly choices: readonly JsonValue[] | undefined;
  /** Its value can only be made in the editor (a camera's picture, a scene's view). */
  readonly needsBrowser: boolean;
  readonly min: JsonValue | undefined;
  readonly max: JsonValue | undefined;
}

const INITIAL: Readonly<Record<string, JsonValue>> = {
  INT: 0,
  FLOAT: 0,
  BOOLEAN: false,
  STRING: '',
  MARKDOWN: '',
  TEXTAREA: '',
  COLOR: '#000000',
  WEBCAM: '',
  LOAD_3D: '',
  PREVIEW_3D: '',
  AUDIO_RECORD: '',
  AUDIO_UI: '',
};

// Widgets of the newer editors whose values are objects or lists.
const OTHER_WIDGETS: ReadonlySet<string> = new Set([
  'COMBO',
  'IMAGEUPLOAD',
  'AUDIOUPLOAD',
  'COMFY_DYNAMICCOMBO_V3',
  'IMAGECOMPARE',
  'BOUNDING_BOX',
  'BOUNDING_BOXES',
  'CHART',
  'GALLERIA',
  'PAINTER',
  'COMPOSITOR',
  'CURVE',
  'RANGE',
  'VIDEO_EDIT',
  'COLORS',
]);

const BROWSER_WIDGETS: ReadonlySet<string> = new Set(['WEBCAM', 'LOAD_3D', 'AUDIO_RECORD']);

export function isWidget(input: InputSpec): boolean {
  if (input.opts['forceInput']) return false;
  const type = widgetType(input);
  return Object.hasOwn(INITIAL, type) || OTHER_WIDGETS.has(type);
}

function widgetType(input: InputSpec): string {
  return textOf(input.opts['widgetType']) ?? input.type;
}

/** The input's widget and those that follow it. */
export function makeWidgets(input: InputSpec, owner: { isFileName: boolean }): WidgetSpec[] {
  const type = widgetType(input);
  if (type === 'IMAGEUPLOAD') return [makeExtra(input.name, { initial: 'image', slotType: type })];
  if (type === 'AUDIOUPLOAD') return [makeExtra(input.name, { initial: '', slotType: type })];
  const widget: WidgetSpec = {
    name: input.name,
    initial: initialValue(input, type),
    isSent: type !== 'AUDIO_UI',
    isStored: type !== 'AUDIO_UI',
    slotType: input.opts['socketless'] === true ? undefined : input.type,
    firstChoice: type === 'COMBO' ? listOf(input.options)[0] : undefined,
    text: textKind(input, type, owner),
    isCurve: type === 'CURVE',
    isTextBox: type === 'STRING' && Boolean(input.opts['multiline']),
    choices: type === 'COMFY_DYNAMICCOMBO_V3' ? listOf(input.opts['options']) : undefined,
    needsBrowser: BROWSER_WIDGETS.has(type),
    min: input.opts['min'],
    max: input.opts['max'],
  };
  return [widget, ...listFollowers(input, type)];
}

function textKind(input: InputSpec, type: string, owner: { isFileName: boolean }): WidgetSpec['text'] {
  if (owner.isFileName && input.name === 'filename_prefix') return 'file-name';
  return type === 'STRING' && input.opts['dynamicPrompts'] === true ? 'prompt' : undefined;
}

function initialValue(input: InputSpec, type: string): JsonValue {
  const declared = input.opts['default'];
  if (type === 'COMBO') {
    if (input.opts['multi_select']) return [];
    // Only a default that counts as true, as the editor has it.
    return declared || (listOf(input.options)[0] ?? (input.opts['remote'] ? 'Loading...' : null));
  }
  if (type === 'COMFY_DYNAMICCOMBO_V3') return choiceKey(listOf(input.opts['options'])[0]) ?? null;
  return declared ?? (Object.hasOwn(INITIAL, type) ? (INITIAL[type] ?? null) : null);
}

export function choiceKey(choice: JsonValue | undefined): string | undefined {
  return isJsonObject(choice) ? textOf(choice['key']) : undefined;
}

function listFollowers(input: InputSpec, type: string): WidgetSpec[] {
  const { opts, name } = input;
  const followers: WidgetSpec[] = [];
  const remote = opts['remote'];
  if (type === 'COMBO' && isJsonObject(remote)) {
    followers.push(makeExtra('Auto-refresh after generation', { initial: false, slotType: undefined }));
    // The editor sends its refresh button along; the server ignores it.
    const refresh = makeExtra('refresh', { initial: 'refresh', slotType: undefined });
    if (remote['refresh_button'] === true) followers.push({ ...refresh, isSent: true });
  }
  const control = opts['control_after_generate'];
  const isControlled = type === 'INT' ? (control ?? (name === 'seed' || name === 'noise_seed')) : control;
  if (!isControlled || !['INT', 'FLOAT', 'COMBO'].includes(type)) return followers;
  followers.push(makeExtra('control_after_generate', { initial: 'randomize', slotType: undefined }));
  if (type !== 'COMBO' || opts['multi_select']) return followers;
  return [...followers, makeExtra('control_filter_list', { initial: '', slotType: undefined })];
}

/** Stored in the file, but not sent. */
export function makeExtra(name: string, at: { initial: string | boolean; slotType: string | undefined }): WidgetSpec {
  return {
    name,
    initial: at.initial,
    isSent: false,
    isStored: true,
    slotType: at.slotType,
    firstChoice: undefined,
    text: undefined,
    isCurve: false,
    isTextBox: false,
    choices: undefined,
    needsBrowser: false,
    min: undefined,
    max: undefined,
  };
}
