// The network policies of deploy/kubernetes: replicas reach each other where they listen, and instances do not reach them.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

interface Expression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}
interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly Expression[];
}
interface Rule {
  readonly from: readonly { podSelector?: Selector; namespaceSelector?: Selector }[];
  readonly ports: readonly { port: number }[];
}
type Labels = Readonly<Record<string, string>>;

const base = resolve(import.meta.dirname, '../../../deploy/kubernetes/base');
const read = (name: string) => readFileSync(resolve(base, `${name}.yaml`), 'utf8');
const { template } = parse(read('deployment')).spec;
const replica: Labels = template.metadata.labels;
const port = template.spec.containers[0].ports.find(({ name }: { name: string }) => name === 'http').containerPort;
const policies: { spec: { podSelector: Selector; ingress: Rule[] } }[] = parseAllDocuments(read('network-policy')).map(
  (document) => document.toJS(),
);

function fits(labels: Labels, { matchLabels = {}, matchExpressions = [] }: Selector): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const isOne = labels[key] !== undefined && values.includes(labels[key]);
      if (operator === 'In') return isOne;
      if (operator === 'NotIn') return !isOne;
      return (labels[key] !== undefined) === (operator === 'Exists');
    })
  );
}

/** Whether a Pod of the same namespace may open a connection to a replica's port of the API. */
function mayReachReplica(labels: Labels): boolean {
  const ingress = policies.filter(({ spec }) => fits(replica, spec.podSelector)).flatMap(({ spec }) => spec.ingress);
  return ingress.some(
    ({ from, ports }) =>
      ports.some((each) => each.port === port) &&
      from.some(({ podSelector, namespaceSelector }) => !namespaceSelector && podSelector && fits(labels, podSelector)),
  );
}

it('replicas reach each other where the API listens', () => {
  expect(mayReachReplica(replica)).toBe(true);
});

it('instances do not', () => {
  const instance = { 'app.kubernetes.io/managed-by': 'comfleet', 'app.kubernetes.io/component': 'instance' };
  expect(mayReachReplica(instance)).toBe(false);
});
