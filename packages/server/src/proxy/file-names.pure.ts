// File names as ComfyUI reads them: `sub/name.png`, `name.png [output]`, and the fields of /view. Pure; called by
// routes.ts, check-prompt.ts and upload.ts.
export interface NamedFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

const ANNOTATED = /^([\s\S]*)[\s\S]\[(input|output|temp)\]$/;
const MAX_CHARACTERS = 1_024;

/** An input's value: the file it names, or undefined when it leads somewhere odd. */
export function readInputName(value: string): NamedFile | undefined {
  const annotated = ANNOTATED.exec(value);
  return split(annotated?.[1] ?? value, annotated?.[2] ?? 'input');
}

/** The fields of /view. ComfyUI takes the last part of `filename` alone, and an annotation in it over `type`. */
export function readViewName(given: { filename: string; subfolder: string; type: string }): NamedFile | undefined {
  if (ANNOTATED.test(given.filename)) return undefined;
  if (!['input', 'output', 'temp'].includes(given.type)) return undefined;
  const folder = given.subfolder.replace(/\/+$/, '');
  return split(folder === '' ? given.filename : `${folder}/${given.filename}`, given.type);
}

function split(path: string, type: string): NamedFile | undefined {
  if (path.length > MAX_CHARACTERS) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  if (/[\\\u0000-\u001f\u007f]/.test(path)) return undefined;
  const parts = path.split('/');
  const isOdd = parts.some((part) => part === '' || /^\.+ *$/.test(part));
  const filename = parts.pop();
  return isOdd || filename === undefined ? undefined : { filename, subfolder: parts.join('/'), type };
}

/** The name that an upload is stored under; undefined when none can be made of it. */
export function uploadName(given: string): string | undefined {
  const name = given
    .split(/[/\\]/)
    .at(-1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the point
    ?.replace(/[\u0000-\u001f\u007f"<>|*?:]/g, '_')
    .trim();
  if (name === undefined || name === '' || /^\.+$/.test(name) || name.length > 200) return undefined;
  // Read back, such an ending would be taken off the name and looked for in another folder.
  return ANNOTATED.test(name) ? undefined : name;
}
