// The rows that exist, in the order they run. A new row is a file here and a line below.
import type { Row } from '../row.ts';
import { throughputRow } from './row-01-throughput.ts';

export const ROWS: readonly Row[] = [throughputRow];
