// Events as text, and the ids that let a reader go on after a break. Called by hub.ts.
//
// An id says what its reader has seen: <start of the service>-<number>-<logs>-<outputs>, with "-end" behind the last one.
// Logs are counted within one life of the service, so after a restart all are new; outputs are counted in an order that
// only depends on the stored files.
import type { EndEvent, LogEvent, OutputEvent, PreviewEvent, RequestEventName, StatusEvent } from '@comfleet/api';
import { outputPath } from '../../files/output-name.pure.ts';
import type { ProgressView } from '../run-progress.pure.ts';
import { endedStatusWord, resultWord, type ViewContext } from '../view.pure.ts';

export interface EventId {
  readonly start: string;
  readonly logs: number;
  readonly outputs: number;
  readonly isEnd: boolean;
}

const ID = /^([0-9a-z]{1,12})-[0-9a-z]{1,12}-(\d{1,9})-(\d{1,9})(-end)?$/;

/** Undefined for one that is none of ours: its reader is told everything. */
export function parseEventId(text: string | undefined): EventId | undefined {
  const match = ID.exec(text ?? '');
  if (match === null) return undefined;
  const [, start = '', logs, outputs, end] = match;
  return { start, logs: Number(logs), outputs: Number(outputs), isEnd: end !== undefined };
}

export function formatEventId(id: EventId, number: number): string {
  return `${id.start}-${number.toString(36)}-${id.logs}-${id.outputs}${id.isEnd ? '-end' : ''}`;
}

interface EventData {
  status: StatusEvent;
  progress: ProgressView;
  preview: PreviewEvent;
  output: OutputEvent;
  log: LogEvent;
  end: EndEvent | string;
}

/** JSON never holds a line break, so the data is one line. A string is JSON text already. */
export function formatEvent<Name extends RequestEventName>(name: Name, id: string, data: EventData[Name]): string {
  return `id: ${id}\nevent: ${name}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** A stored file as the database and the finish have it. */
export interface EventFile {
  readonly kind: 'output' | 'temp';
  readonly path: string;
  readonly nodeId: string | undefined;
  readonly contentType: string;
  readonly sizeBytes: number;
}

/** The order that outputs are counted in. */
export function sortFiles<File extends EventFile>(files: readonly File[]): File[] {
  const keyOf = (file: File) => `${file.kind}/${file.path}`;
  return [...files].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

export function viewOutput(context: ViewContext, requestId: string, file: EventFile): OutputEvent {
  const cut = file.path.lastIndexOf('/');
  const filename = file.path.slice(cut + 1);
  const subfolder = file.path.slice(0, Math.max(0, cut));
  const url = `${context.base}${outputPath(requestId, { filename, subfolder, type: file.kind })}`;
  const { contentType, sizeBytes } = file;
  const node = file.nodeId === undefined ? {} : { node_id: file.nodeId };
  return { ...node, filename, subfolder, type: file.kind, url, content_type: contentType, size_bytes: sizeBytes };
}

/** What an ended request's row says of its end. */
export interface EndedRow {
  readonly id: string;
  readonly state: 'queued' | 'active' | 'succeeded' | 'failed' | 'cancelled';
  readonly instance_id: string | null;
  readonly error: string | null;
}

export function viewEndedState(context: ViewContext, row: EndedRow): StatusEvent {
  const status = endedStatusWord(context, row.state);
  return row.instance_id === null || status === 'in_queue' ? { status } : { status, instance_id: row.instance_id };
}

/** JSON text: the error is stored as text and goes out as it is. */
export function viewEnd(context: ViewContext, row: EndedRow): string {
  const status = JSON.stringify(resultWord(context, row.state));
  return row.error === null ? `{"status":${status}}` : `{"status":${status},"error":${row.error}}`;
}
