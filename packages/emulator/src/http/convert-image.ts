// The picture conversions of /view: preview (webp or jpeg), rgb, and the alpha channel. Called by view-routes.ts; the
// image library is loaded on first use only.
import { readFile } from 'node:fs/promises';

export type Conversion = { kind: 'preview'; preview: string; channel: string } | { kind: 'rgb' } | { kind: 'alpha' };

export interface ConvertedImage {
  bytes: Buffer;
  contentType: string;
}

export async function convertImage(file: string, conversion: Conversion): Promise<ConvertedImage> {
  const { default: sharp } = await import('sharp');
  const image = sharp(await readFile(file));
  if (conversion.kind === 'rgb') return { bytes: await image.removeAlpha().png().toBuffer(), contentType: 'image/png' };
  if (conversion.kind === 'alpha') {
    const { width, height } = await image.metadata();
    const alpha = await image.ensureAlpha().extractChannel('alpha').raw().toBuffer();
    const black = sharp({ create: { width, height, channels: 3, background: '#000' } });
    const bytes = await black
      .joinChannel(alpha, { raw: { width, height, channels: 1 } })
      .png()
      .toBuffer();
    return { bytes, contentType: 'image/png' };
  }
  const { format, quality } = readPreview(conversion);
  const isOpaque = format === 'jpeg' || conversion.channel === 'rgb';
  const bytes = await (isOpaque ? image.removeAlpha() : image)[format]({ quality }).toBuffer();
  return { bytes, contentType: `image/${format}` };
}

const DEFAULT_QUALITY = 90;

function readPreview({ preview, channel }: { preview: string; channel: string }) {
  const parts = preview.split(';');
  const format: 'webp' | 'jpeg' = parts[0] === 'jpeg' && !channel.includes('a') ? 'jpeg' : 'webp';
  const last = parts.at(-1) ?? '';
  const quality = /^\d+$/.test(last) ? Number(last) : DEFAULT_QUALITY;
  return { format, quality: Math.min(100, Math.max(1, quality)) };
}
