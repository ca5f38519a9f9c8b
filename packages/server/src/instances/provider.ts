// What makes instances exist. Providers are told to start and stop; they tell what became of an instance. Called by fleet.ts.

/** An instance as its provider knows it: an address, and for local ones the folder that its outputs appear in. */
export interface ProvidedInstance {
  readonly id: string;
  readonly baseUrl: string;
  /** The output and temp folders when they are on this machine: files are then read, not fetched. */
  readonly folders: { readonly output: string; readonly temp: string } | undefined;
}

export interface ProviderEvents {
  /** It exists; whether it answers is for the connection to find out. */
  onStarted(instance: ProvidedInstance): void;
  /** It is certainly gone: nothing that ran there goes on. */
  onGone(instanceId: string, cause: string): void;
}

export interface Provider {
  readonly kind: 'static' | 'process';
  start(events: ProviderEvents): Promise<void>;
  stop(): Promise<void>;
  /** Ends an instance that is of no use any more and starts another; absent where instances are somebody else's. */
  restart?(instanceId: string): void;
  /** The last lines of the instance's log; absent where they are somebody else's. */
  logTail?(instanceId: string): Promise<string[]>;
}
