// How a SKU's instances are started as Pods. Pure; read by hardware-catalogue.ts.

export interface KubernetesSettings {
  readonly image: string;
}
