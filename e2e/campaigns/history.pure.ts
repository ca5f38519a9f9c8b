// What the outside saw of one campaign: the words in which callers, webhook receiver, back ends and database testify, and
// which check-history.pure.ts judges. All times are milliseconds since 1970.

/** One thing that a caller learned about its request, in the order it was learned. */
export type Observation =
  | { kind: 'live'; at: number; word: string }
  | { kind: 'absent'; at: number }
  /** `digest` stands for the whole result: outputs, errors and file. */
  | { kind: 'ended'; at: number; outcome: string; digest: string; errorCode: number | undefined }
  /** It was asked to stop; without an acknowledgement it may or may not have heard. */
  | { kind: 'cancel'; at: number; isAcknowledged: boolean }
  | SeenFile
  /** An answer that no fault excuses: a 500, or words that are no JSON. */
  | { kind: 'broken'; at: number; what: string }
  /** Something of another account's: its words in an answer, or an answer about its request. */
  | { kind: 'foreign'; at: number; what: string };

export interface SeenFile {
  readonly kind: 'file';
  readonly at: number;
  /** The colour of the picture. */
  readonly content: 'absent' | 'unreadable' | number;
  /** Where it is not the colour that the submission stands for. */
  readonly wanted?: number;
  /** Of the attempt whose run wrote it, as the picture itself says. */
  readonly epoch?: number | undefined;
  readonly sha256?: string;
}

/** Plain pictures are judged by their order too; the others take time of their own before they can start. */
export type PictureKind = 'plain' | 'media' | 'large' | 'huge' | 'secret' | 'slow' | 'poison';

/** One picture that one caller wants. Its colour is its own, so every run and every file can be told apart. */
export interface Submission {
  readonly colour: number;
  readonly account?: string;
  readonly kind?: PictureKind;
  readonly isWebhookWanted?: boolean;
  readonly idempotencyKey: string | undefined;
  /** Request ids of the 200s; more than one only if the same key was answered more than once. */
  readonly acknowledged: string[];
  /** When the submit that was acknowledged was sent, and when the acknowledgement was there. */
  sentAt?: number;
  acknowledgedAt?: number;
  readonly observations: Observation[];
}

/** A run that a back end began. */
export interface Execution {
  readonly promptId: string;
  readonly colour: number;
  readonly startedAt: number;
  readonly backEnd?: string;
}

/** A fault that really struck a prompt, as its back end wrote down. */
export interface Strike {
  readonly fault: string;
  readonly how: string | undefined;
  readonly promptId: string;
  readonly at: number;
}

export interface Attempt {
  readonly requestId: string;
  readonly promptId: string | undefined;
  readonly outcome: string;
  readonly cause: string;
  readonly endedAt: number;
  readonly epoch?: number;
  readonly instanceId?: string | undefined;
  readonly startedAt?: number | undefined;
}

/** A request in the database at the end, whether its submit was answered or not. */
export interface Row {
  readonly requestId: string;
  readonly colour: number;
  readonly state: string;
  readonly errorCode?: number | undefined;
}

/** A file on record, by the hash that was recorded. */
export interface StoredFile {
  readonly requestId: string;
  readonly sha256: string;
  /** Where a storage keeps it; small ones are kept with their row. */
  readonly storageKey?: string | undefined;
  /** When its request had ended. */
  readonly endedAt?: number | undefined;
}

/** What the storage has under a key, read without the service's help, and since when. */
export interface KeptFile {
  readonly storageKey: string;
  readonly sha256: string;
  readonly sinceMs: number;
}

/** What the database says of a webhook that is owed. */
export interface Delivery {
  readonly requestId: string;
  readonly status: string;
}

/** What the receiver was sent, and whether it acknowledged. */
export interface Reception {
  readonly webhookId: string;
  readonly requestId: string;
  readonly status: string;
  readonly isAcknowledged: boolean;
}

export interface LedgerEntry {
  readonly accountId: string;
  readonly kind: string;
  readonly microdollars: number;
  readonly requestId?: string | undefined;
  readonly instanceId?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly durationMs?: number | undefined;
}

export interface Money {
  readonly ledger: readonly LedgerEntry[];
  /** As the API told it, by account id. */
  readonly balances: ReadonlyMap<string, number>;
  /** Instances that are still billed when all are gone. */
  readonly openMeters: readonly string[];
}

/** A process that runs as an instance, and whether an instance on record is it. */
export interface Fleet {
  readonly orphans: readonly string[];
  /** On record as there, without a process. */
  readonly ghosts: readonly string[];
  readonly overMaximum: readonly string[];
}

/** A time that the goals bound. */
export interface Measure {
  readonly what: string;
  readonly ms: number;
  readonly barMs: number;
}

/** A back end that stood still. */
export interface Standstill {
  readonly instanceId: string;
  readonly from: number;
  readonly until: number;
}

/** A prompt that went by on the line to its instance. */
export interface Sending {
  readonly promptId: string;
  readonly at: number;
}

/** Something that is held: descriptors, memory, temporary files. */
export interface Leftover {
  readonly what: string;
  readonly before: number;
  readonly after: number;
  readonly allowance: number;
}

export interface History {
  readonly submissions: readonly Submission[];
  readonly executions: readonly Execution[];
  readonly attempts: readonly Attempt[];
  readonly rows: readonly Row[];
  /** How the service ended when nobody had killed or stopped it. */
  readonly unexpectedEnds: readonly string[];
  readonly files?: readonly StoredFile[];
  /** Where the judge can read the storage itself. */
  readonly kept?: readonly KeptFile[];
  readonly deliveries?: readonly Delivery[];
  readonly receptions?: readonly Reception[];
  readonly money?: Money;
  readonly fleet?: Fleet;
  readonly measures?: readonly Measure[];
  readonly standstills?: readonly Standstill[];
  /** What was seen on the lines to the instances, where they were watched. */
  readonly sendings?: readonly Sending[];
  readonly leftovers?: readonly Leftover[];
  /** Secrets that were found where they must not be, in words. */
  readonly leaks?: readonly string[];
  readonly strikes?: readonly Strike[];
  /** What a campaign itself saw that must not be, in words. */
  readonly complaints?: readonly string[];
  /** What a lying back end may rightly lead to. */
  readonly excusedCodes?: readonly number[];
  /** The fault leaves the back end reachable, so nothing is run again. */
  readonly isEachRunOnce?: boolean;
  /** How many later requests may begin before an earlier one of the same account. */
  readonly orderSlack?: number;
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
    | 'altered file'
    | "another request's file"
    | "another run's file"
    | 'two results'
    | 'one key, two requests'
    | 'broken answer'
    | "another account's data"
    | 'webhook not delivered'
    | 'webhook untrue'
    | 'money does not add up'
    | 'billed twice'
    | 'bill left open'
    | 'instance without a record'
    | 'record without an instance'
    | 'too many instances'
    | 'killed too many'
    | 'secret told'
    | 'left behind'
    | 'out of order'
    | 'too late'
    | 'against the rules of this campaign'
    | 'service ended by itself';
  readonly message: string;
}
