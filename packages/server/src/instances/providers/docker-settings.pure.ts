// How a SKU's instances are started as containers. Pure; read by hardware-catalogue.ts.

export interface DockerSettings {
  readonly image: string;
}
