// GET /system_stats, and what a ComfyUI of that version can do. Asked when an instance becomes ready.
import { malformed, requireJson } from './answers.ts';
import { readArray, readCount, readField, readNumber, readString } from './fields.ts';
import type { Http, HttpRequest } from './http.ts';
import { isJsonObject, type JsonValue } from './json.ts';

export interface Device {
  name: string | undefined;
  type: string | undefined;
  index: number | undefined;
  vramTotalBytes: number | undefined;
  vramFreeBytes: number | undefined;
  torchVramTotalBytes: number | undefined;
  torchVramFreeBytes: number | undefined;
}

/** `argv` is left out on purpose: it names paths of the instance. */
export interface SystemStats {
  comfyuiVersion: string | undefined;
  pythonVersion: string | undefined;
  pytorchVersion: string | undefined;
  os: string | undefined;
  ramTotalBytes: number | undefined;
  ramFreeBytes: number | undefined;
  devices: Device[];
}

export async function fetchSystemStats(http: Http): Promise<SystemStats> {
  const request: HttpRequest = { method: 'GET', path: '/system_stats' };
  const stats = decodeSystemStats(await requireJson(http, request, 'fast'));
  if (!stats) throw malformed(request, undefined, 'no system in it');
  return stats;
}

export function decodeSystemStats(value: JsonValue): SystemStats | undefined {
  const system = readField(value, 'system');
  if (!isJsonObject(system)) return undefined;
  return {
    comfyuiVersion: readString(system, 'comfyui_version'),
    pythonVersion: readString(system, 'python_version'),
    pytorchVersion: readString(system, 'pytorch_version'),
    os: readString(system, 'os'),
    ramTotalBytes: readCount(system, 'ram_total'),
    ramFreeBytes: readCount(system, 'ram_free'),
    devices: (readArray(value, 'devices') ?? []).filter(isJsonObject).map(readDevice),
  };
}

function readDevice(device: JsonValue): Device {
  return {
    name: readString(device, 'name'),
    type: readString(device, 'type'),
    index: readNumber(device, 'index'),
    vramTotalBytes: readCount(device, 'vram_total'),
    vramFreeBytes: readCount(device, 'vram_free'),
    torchVramTotalBytes: readCount(device, 'torch_vram_total'),
    torchVramFreeBytes: readCount(device, 'torch_vram_free'),
  };
}

/** -1, 0 or 1 by numeric parts: "0.3.9" < "0.3.57"; a part that is no number counts as 0. */
function compareVersions(left: string, right: string): number {
  const parts = (version: string): number[] => version.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0);
  const [a, b] = [parts(left), parts(right)];
  for (let index = 0; index < 3; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** Since 0.3.45 ComfyUI keeps the prompt id that the caller chose; before, it makes its own and ours finds nothing. */
export function keepsPromptId(comfyuiVersion: string): boolean {
  return compareVersions(comfyuiVersion, '0.3.45') >= 0;
}

/** Since 0.3.57; before, an interrupt hits whatever runs. */
export function canInterruptByPrompt(comfyuiVersion: string): boolean {
  return compareVersions(comfyuiVersion, '0.3.57') >= 0;
}
