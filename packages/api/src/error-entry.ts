// What the catalogue in errors.ts says about one error, for errors.ts and everything derived from it.

/** Where in a request's life an error arises. */
export type ErrorPhase = 'http' | 'gate' | 'queue' | 'status' | 'result' | 'any';

/** `body`: the body of an HTTP error. `result`: an entry of a result's `error` array, behind a 200. */
export type ErrorPlace = 'body' | 'result';

export interface CatalogueEntry {
  readonly name: string;
  readonly phases: readonly ErrorPhase[];
  /** The HTTP status when it is an HTTP error; undefined when it is only ever told in a result. */
  readonly status: number | undefined;
  readonly reportedIn: readonly ErrorPlace[];
  /** Whether the same call, unchanged, may succeed later. */
  readonly retryable: boolean;
  /** A reply header that always comes with it. */
  readonly header?: 'WWW-Authenticate' | 'Retry-After' | 'Allow';
  /** Whether the body lists single problems in `detail`. */
  readonly hasDetail?: true;
  readonly title: string;
  /** When it happens, for the reference page. */
  readonly meaning: string;
  /** The text used when the place that raises it has nothing more exact to say. */
  readonly message: string;
  /** What the caller can do about it. */
  readonly hint: string;
}
