// Reads a multipart/form-data body that is already in memory. Called by the upload routes.

export interface FormPart {
  filename: string | undefined;
  bytes: Buffer;
}

/** The first part of each name; undefined when the body is no multipart form. */
export function readForm(body: Buffer, contentType: string | undefined): Map<string, FormPart> | undefined {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType ?? '')?.[1];
  if (!/^multipart\/form-data/i.test(contentType ?? '') || boundary === undefined) return undefined;
  const form = new Map<string, FormPart>();
  const marker = Buffer.from(`\r\n--${boundary}`);
  // The first boundary has no line break of its own before it.
  const whole = Buffer.concat([Buffer.from('\r\n'), body]);
  let at = whole.indexOf(marker);
  while (at >= 0) {
    const start = at + marker.length;
    const next = whole.indexOf(marker, start);
    if (next < 0) break;
    addPart(form, whole.subarray(start, next));
    at = next;
  }
  return form;
}

function addPart(form: Map<string, FormPart>, part: Buffer): void {
  const headEnd = part.indexOf('\r\n\r\n');
  if (headEnd < 0) return;
  const head = part.subarray(0, headEnd).toString();
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? '';
  const name = parameter(disposition, 'name');
  if (name === undefined || form.has(name)) return;
  form.set(name, { filename: parameter(disposition, 'filename'), bytes: part.subarray(headEnd + 4) });
}

function parameter(disposition: string, name: string): string | undefined {
  const extended = new RegExp(`;\\s*${name}\\*=utf-8''([^;]+)`, 'i').exec(disposition)?.[1];
  if (extended !== undefined) return decodeURIComponent(extended.trim());
  const quoted = new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(disposition)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, '$1');
  return new RegExp(`;\\s*${name}=([^;\\s]+)`, 'i').exec(disposition)?.[1];
}
