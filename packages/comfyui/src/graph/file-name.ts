// Is this name of a file in ComfyUI's input folder safe to send? Refuses what leaves that folder, whatever the back end's
// version does. Called for media inputs that carry a plain name instead of an URL or data.

import { type Problem, showInput } from './problem.ts';

// ComfyUI cuts these suffixes off and looks in that folder; `output` and `temp` hold other accounts' files.
const FOREIGN_FOLDER = /\[(?:output|temp)\]\s*$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The problem with this file name (`loc` is empty), or undefined when it stays inside the input folder. */
export function checkFileName(value: string): Problem | undefined {
  const reason = findReason(value);
  if (reason === undefined) return undefined;
  return {
    loc: [],
    msg: `'${value.slice(0, 200)}' is not a usable file name: ${reason}.`,
    type: 'invalid_media',
    ...showInput(value),
  };
}

function findReason(value: string): string | undefined {
  if (value.includes('\\')) return 'a backslash is not allowed, folders are separated by /';
  if (value.includes('://')) return 'it must be a file name, not an address';
  if (CONTROL.test(value)) return 'it holds a control character';
  if (value.startsWith('/') || value.startsWith('~')) return 'it must be relative to the input folder';
  if (/^[a-z]:/i.test(value.trimStart())) return 'it must be relative to the input folder, without a drive';
  if (value.split('/').some((part) => part.trim() === '..')) return 'it must not leave the input folder (..)';
  if (FOREIGN_FOLDER.test(value)) return 'only files of the input folder can be named, not [output] or [temp]';
  if (value.trimStart().startsWith('/')) return 'it must be relative to the input folder';
  return undefined;
}
