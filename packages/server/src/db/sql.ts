// The one way to write a statement: sql`… ${value} …` makes text with $1, $2 and a list of values, so a value can
// never become SQL. Fragments nest. Used by every *.sql.ts file and by db/.
import { storableJson } from './storable.pure.ts';

/** What may be put between `${` and `}`. Arrays of numbers go as PostgreSQL's text form; see binary-arrays.ts for the rest. */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Date
  | readonly number[]
  | JsonParameter;

export interface Sql {
  readonly text: string;
  readonly values: readonly SqlValue[];
  /** A named statement is parsed once a connection and then only bound: for the hot ones. */
  readonly name?: string;
}

/** A value sent as JSON text; made by `sql.json`. */
export interface JsonParameter {
  toPostgres(): string;
}

interface SqlTag {
  (strings: TemplateStringsArray, ...parts: SqlPart[]): Sql;
  /** A prepared statement. One name must always have the same text: pg refuses a second one. */
  named(name: string): (strings: TemplateStringsArray, ...parts: SqlPart[]) => Sql;
  json(value: unknown): JsonParameter;
  /** Fragments one after another: conditions with ' and ', columns with ', '. */
  join(fragments: readonly Sql[], separator: ', ' | ' and ' | ' or ' | ' union all ' | ' '): Sql;
  readonly empty: Sql;
}

type SqlPart = SqlValue | Sql;

const isFragment = (part: SqlPart): part is Sql =>
  typeof part === 'object' && part !== null && 'text' in part && 'values' in part;

// A template without fragments always gives the same text, so the text is made once for each place in the source.
const plainTexts = new WeakMap<TemplateStringsArray, string>();

function plainText(strings: TemplateStringsArray): string {
  const known = plainTexts.get(strings);
  if (known !== undefined) return known;
  let text = strings[0] ?? '';
  for (let index = 1; index < strings.length; index += 1) text += `$${index}${strings[index]}`;
  plainTexts.set(strings, text);
  return text;
}

function renumber(text: string, offset: number): string {
  return offset === 0 ? text : text.replace(/\$(\d+)/g, (_, digits: string) => `$${Number(digits) + offset}`);
}

function build(strings: TemplateStringsArray, parts: readonly SqlPart[]): Sql {
  if (!parts.some(isFragment)) return { text: plainText(strings), values: parts as readonly SqlValue[] };
  const values: SqlValue[] = [];
  let text = strings[0] ?? '';
  parts.forEach((part, index) => {
    if (isFragment(part)) {
      text += renumber(part.text, values.length);
      values.push(...part.values);
    } else {
      values.push(part);
      text += `$${values.length}`;
    }
    text += strings[index + 1] ?? '';
  });
  return { text, values };
}

function join(fragments: readonly Sql[], separator: string): Sql {
  const values: SqlValue[] = [];
  const texts = fragments.map((fragment) => {
    const text = renumber(fragment.text, values.length);
    values.push(...fragment.values);
    return text;
  });
  return { text: texts.join(separator), values };
}

export const sql: SqlTag = Object.assign(
  (strings: TemplateStringsArray, ...parts: SqlPart[]) => build(strings, parts),
  {
    named:
      (name: string) =>
      (strings: TemplateStringsArray, ...parts: SqlPart[]): Sql => ({ ...build(strings, parts), name }),
    json: (value: unknown): JsonParameter => ({ toPostgres: () => storableJson(value) }),
    join,
    empty: { text: '', values: [] },
  },
);
