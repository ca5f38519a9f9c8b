// Says what bytes are by looking at them; names and labels are never believed. Used for inputs (does the file fit the
// graph's input?) and for outputs (the type a download is served with).
import { fileTypeFromBuffer } from 'file-type';

export type MediaKind = 'image' | 'video' | 'audio' | 'file';

export interface Media {
  mime: string;
  ext: string; // without the dot; safe in a file name
  kind: MediaKind;
}

export const SNIFF_BYTES = 4_100; // how much of a file's head is enough

const PNG: Media = { mime: 'image/png', ext: 'png', kind: 'image' };
const JPEG: Media = { mime: 'image/jpeg', ext: 'jpg', kind: 'image' };
const WEBP: Media = { mime: 'image/webp', ext: 'webp', kind: 'image' };
const GIF: Media = { mime: 'image/gif', ext: 'gif', kind: 'image' };
const PNG_MAGIC = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const VIDEO_CONTAINERS = new Set(['application/mxf', 'application/ogg', 'application/vnd.ms-asf', 'image/mj2']);
const MOVING_IMAGES = new Set(['image/gif', 'image/webp', 'image/apng']);

// The four types nearly every output has, without the asynchronous reader: this is on the hot path.
export function sniffCommonImage(head: Uint8Array): Media | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, SNIFF_BYTES));
  if (bytes.length >= 24 && bytes.subarray(0, 8).equals(PNG_MAGIC)) return bytes.includes('acTL') ? undefined : PNG;
  if (bytes.length >= 4 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff)
    return bytes[3] === 0xf7 ? undefined : JPEG;
  if (bytes.length < 13) return undefined;
  const start = bytes.toString('latin1', 0, 16);
  if (start.startsWith('RIFF') && start.startsWith('WEBPVP8', 8)) return WEBP;
  return start.startsWith('GIF87a') || start.startsWith('GIF89a') ? GIF : undefined;
}

function kindOf(mime: string): MediaKind {
  if (VIDEO_CONTAINERS.has(mime)) return 'video';
  if (mime.startsWith('image/')) return 'image'; // SVG is XML to the sniffer, never image/svg+xml
  if (mime.startsWith('video/')) return 'video';
  return mime.startsWith('audio/') ? 'audio' : 'file';
}

export async function sniffMedia(head: Uint8Array): Promise<Media | undefined> {
  const common = sniffCommonImage(head);
  if (common) return common;
  const found = await fileTypeFromBuffer(head);
  if (!found || found.mime === 'application/xml') return undefined; // XML may be SVG or XHTML: no media of any kind
  const mime = found.mime.replace(/;.*$/, '');
  return { mime, ext: found.ext, kind: kindOf(mime) };
}

// ComfyUI's audio loaders also take a video's sound, and its video loaders moving images. A `file` input takes anything.
export function fits(kind: MediaKind, media: Media | undefined): boolean {
  if (kind === 'file') return true;
  if (media === undefined) return false;
  if (kind === 'audio') return media.kind === 'audio' || media.kind === 'video';
  if (kind === 'video') return media.kind === 'video' || MOVING_IMAGES.has(media.mime);
  return media.kind === 'image';
}
