// What a ComfyUI has to offer: its node classes and its upload limit. Asked once per start of an instance.
import { malformed, requireJson, requireOk } from './answers.ts';
import { readCount, tryParseJson } from './fields.ts';
import type { Http, HttpRequest } from './http.ts';
import { isJsonObject } from './json.ts';
import type { ObjectInfo } from './object-info.ts';

/** Farms with many packs and long model lists reach tens of MB. */
const MAX_OBJECT_INFO_BYTES = 64 * 1024 * 1024;

export interface FetchedObjectInfo {
  /** As ComfyUI wrote it: hash and store this. */
  text: string;
  info: ObjectInfo;
}

/** ComfyUI builds this on its event loop, so it may take long and stalls everything else there. */
export async function fetchObjectInfo(http: Http): Promise<FetchedObjectInfo> {
  const request: HttpRequest = {
    method: 'GET',
    path: '/object_info',
    maxBytes: MAX_OBJECT_INFO_BYTES,
    totalMs: 180_000,
  };
  const reply = await requireOk(http, request);
  const text = reply.body.toString('utf8');
  const info = tryParseJson(text);
  if (!isJsonObject(info)) throw malformed(request, reply, 'not an object of node classes');
  // Entries are read tolerantly, one by one, where they are used (object-info.ts): custom nodes write odd things.
  return { text, info: info as unknown as ObjectInfo };
}

/** Undefined when this ComfyUI does not say: then assume its default of 100 MiB. */
export async function fetchMaxUploadBytes(http: Http): Promise<number | undefined> {
  return readCount(await requireJson(http, { method: 'GET', path: '/features' }, 'fast'), 'max_upload_size');
}
