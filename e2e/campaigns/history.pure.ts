// What the outside saw of one campaign: the words in which submitters, back ends and the database testify, and which
// check-history.pure.ts judges.

/** One thing that a caller learned about its request, in the order it was learned. */
export type Observation =
  | { kind: 'live'; at: number; word: string }
  | { kind: 'absent'; at: number }
  /** `digest` stands for the whole result: outputs, errors and file. */
  | { kind: 'ended'; at: number; outcome: string; digest: string; errorCode: number | undefined }
  /** It was asked to stop; without an acknowledgement it may or may not have heard. */
  | { kind: 'cancel'; at: number; isAcknowledged: boolean }
  | { kind: 'file'; at: number; content: 'absent' | 'unreadable' | number }
  /** An answer that no fault excuses: a 500, or words that are no JSON. */
  | { kind: 'broken'; at: number; what: string };

/** One picture that one caller wants. Its colour is its own, so every run and every file can be told apart. */
export interface Submission {
  readonly colour: number;
  readonly idempotencyKey: string | undefined;
  /** Request ids of the 200s; more than one only if the same key was answered more than once. */
  readonly acknowledged: string[];
  readonly observations: Observation[];
}

/** A run that a back end began. */
export interface Execution {
  readonly promptId: string;
  readonly colour: number;
  readonly startedAt: number;
}

export interface Attempt {
  readonly requestId: string;
  readonly promptId: string | undefined;
  readonly outcome: string;
  readonly cause: string;
  readonly endedAt: number;
}

/** A request in the database at the end, whether its submit was answered or not. */
export interface Row {
  readonly requestId: string;
  readonly colour: number;
  readonly state: string;
}

export interface History {
  readonly submissions: readonly Submission[];
  readonly executions: readonly Execution[];
  readonly attempts: readonly Attempt[];
  readonly rows: readonly Row[];
  /** How the service ended when nobody had killed or stopped it. */
  readonly unexpectedEnds: readonly string[];
  /** What a lying back end may rightly lead to. */
  readonly excusedCodes?: readonly number[];
  /** The fault leaves the back end reachable, so nothing is run again. */
  readonly isEachRunOnce?: boolean;
}

export interface Violation {
  readonly kind:
    | 'lost request'
    | 'never ended'
    | 'ended twice'
    | 'run twice without a recorded loss'
    | 'run too often'
    | 'run again although the back end could be asked'
    | 'run without a record'
    | 'completed without a run'
    | 'failed by a crash'
    | 'cancelled by nobody'
    | 'run after its cancel'
    | 'missing file'
    | "another request's file"
    | 'one key, two requests'
    | 'broken answer'
    | 'service ended by itself';
  readonly message: string;
}
