// A number kept as text, as a lossless JSON parser hands it over: an instance of a class with a `text`.
export class NumberLiteral {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  /** As that parser's literals do: JSON.stringify would write an object. */
  toJSON(): never {
    throw new Error(`JSON.stringify met the number ${this.text}`);
  }
}
