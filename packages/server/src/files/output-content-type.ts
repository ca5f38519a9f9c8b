// The content type an output is served with. The bytes decide; the name only chooses among harmless text and model
// types that bytes cannot tell. Called when an output is stored.
import { type Media, sniffCommonImage, sniffMedia } from './media-type.ts';

const BY_NAME: Record<string, string> = {
  txt: 'text/plain; charset=utf-8',
  md: 'text/plain; charset=utf-8',
  srt: 'text/plain; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  json: 'application/json',
  gltf: 'model/gltf+json',
  glb: 'model/gltf-binary',
  obj: 'model/obj',
  stl: 'model/stl',
  svg: 'image/svg+xml', // served as an attachment in a sandbox: serve.ts
};

export const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';

function named(filename: string, media: Media | undefined): string {
  if (media) return media.mime;
  const ext = /\.([a-z0-9]{1,12})$/i.exec(filename)?.[1]?.toLowerCase() ?? '';
  return (Object.hasOwn(BY_NAME, ext) ? BY_NAME[ext] : undefined) ?? UNKNOWN_CONTENT_TYPE;
}

// Answers at once for ordinary images, so that the hot path pays no extra turn.
export function outputContentType(filename: string, head: Uint8Array): string | Promise<string> {
  const common = sniffCommonImage(head);
  return common ? common.mime : sniffMedia(head).then((media) => named(filename, media));
}
