// How a SKU's instances are started as processes of this machine. Pure; read by hardware-catalogue.ts.

export interface ProcessSettings {
  /** Program and arguments; `{port}`, `{base_dir}`, `{gpu}` and `{id}` are filled in. */
  readonly command: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** One instance each; empty: no GPU is assigned and `maxInstances` bounds them. */
  readonly gpus: readonly string[];
  readonly maxInstances: number;
}
