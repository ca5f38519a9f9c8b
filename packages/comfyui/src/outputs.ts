// Tells the files in a node's ui output from its inline values: objects with a file name under any key are files,
// `animated` is a flag, all else is data. Pure. Both `executed` frames and history entries carry such outputs.
import { readField, readString } from './fields.ts';
import { isJsonObject, type JsonValue } from './json.ts';

export interface OutputFile {
  /** The key it came under (`images`, `audio`, `gifs`): no media type; videos come under `images` too. */
  key: string;
  /** A bare name: no separators, never `.` or `..`. */
  filename: string;
  /** Relative, without `..`; may hold separators. */
  subfolder: string;
  type: 'output' | 'input' | 'temp';
}

export interface CollectedOutput {
  files: OutputFile[];
  values: { key: string; value: JsonValue }[];
  isAnimated: boolean;
  /** Items that name a file outside the output folders, or nothing that could be a file. */
  rejected: { key: string; reason: string }[];
}

export function collectOutput(output: JsonValue | undefined): CollectedOutput {
  const collected: CollectedOutput = { files: [], values: [], isAnimated: false, rejected: [] };
  if (!isJsonObject(output)) return collected;
  for (const [key, items] of Object.entries(output)) {
    if (key === 'animated') collected.isAnimated = Array.isArray(items) ? items.includes(true) : items === true;
    else if (Array.isArray(items)) for (const item of items) collectItem(collected, key, item);
    else collected.values.push({ key, value: items });
  }
  return collected;
}

function collectItem(collected: CollectedOutput, key: string, item: JsonValue): void {
  if (readString(item, 'filename') === undefined) {
    collected.values.push({ key, value: item });
    return;
  }
  const file = readOutputFile(key, item);
  if (typeof file === 'string') collected.rejected.push({ key, reason: file });
  else collected.files.push(file);
}

/** A file, or the reason why the item is none that may be fetched. */
function readOutputFile(key: string, item: JsonValue): OutputFile | string {
  const subfolder = readField(item, 'subfolder') ?? '';
  const type = readField(item, 'type') ?? 'output';
  const name = readString(item, 'filename') ?? '';
  if (typeof subfolder !== 'string') return 'the subfolder is not a text';
  if (type !== 'output' && type !== 'input' && type !== 'temp') return 'the type is none of output, input, temp';
  const path = subfolder === '' ? name : `${subfolder.replace(/[/\\]+$/, '')}/${name}`;
  const parts = splitRelativePath(path);
  const filename = parts?.at(-1);
  if (!parts || filename === undefined) return 'the name leads out of the output folder';
  // ComfyUI drops path parts of a name; as part of the subfolder they still lead to the file.
  const lead = path.slice(0, path.length - filename.length).replace(/[/\\]+$/, '');
  return { key, filename, subfolder: lead, type };
}

/** Both separators count: instances may run on Windows. Undefined for anything that is not plainly below a folder. */
export function splitRelativePath(path: string): string[] | undefined {
  if (path.length > 4_096 || /^[A-Za-z]:/.test(path) || /^[/\\]/.test(path)) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(path)) return undefined;
  const parts = path.split(/[/\\]/);
  const isPlain = parts.at(-1) !== '' && parts.every((part) => part !== '.' && part !== '..');
  return isPlain ? parts.filter((part) => part !== '') : undefined;
}
