import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createGraph } from '../base/index.ts'
import { type KubeObject, parseManifests } from '../kube/index.ts'
import { createSources, createTranslation, DEFAULT_SETTINGS, setObject } from '../mesh/translate/index.ts'
import { resolvePolicy } from '../routing/index.ts'

/**
 * Which DestinationRule holds for a client, and how several are merged: istio.io, ops/best-practices/traffic-management
 * (cross namespace configuration) and reference/config/networking/destination-rule; istio/istio
 * pilot/pkg/model/push_context_test.go, TestSetDestinationRuleMerging and TestSetDestinationRuleWithExportTo.
 */

/** The connect timeout in seconds tells which rule it was. */
interface Rule {
  readonly namespace: string
  readonly host: string
  readonly seconds?: number
  readonly day?: number
  readonly exportTo?: string
  readonly subsets?: readonly string[]
  readonly selector?: string
}

interface Row {
  readonly title: string
  readonly rules: readonly Rule[]
  readonly client: string
  readonly labels?: Readonly<Record<string, string>>
  /** Seconds; 0: none holds. */
  readonly expected: number
  readonly subsets?: readonly string[]
}

const HOST = 'cart.shop.svc.cluster.local'
const own = { namespace: 'web', host: HOST, seconds: 1 }
const services = { namespace: 'shop', host: 'cart', seconds: 2 }
const roots = { namespace: 'istio-system', host: '*.shop.svc.cluster.local', seconds: 3 }

const ROWS: readonly Row[] = [
  { title: "the client's namespace goes first", rules: [own, services, roots], client: 'web', expected: 1 },
  { title: "then the service's", rules: [own, services, roots], client: 'other', expected: 2 },
  { title: 'then the root namespace', rules: [own, roots], client: 'other', expected: 3 },
  { title: 'no other namespace is asked', rules: [own], client: 'other', expected: 0 },
  {
    title: "a short name is one of the rule's own namespace",
    rules: [{ namespace: 'web', host: 'cart', seconds: 1 }],
    client: 'web',
    expected: 0,
  },
  {
    title: 'a rule that is not exported holds in its own namespace alone',
    rules: [{ ...services, exportTo: '.' }, roots],
    client: 'other',
    expected: 3,
  },
  {
    title: 'and there it does',
    rules: [{ ...services, exportTo: '.' }, roots],
    client: 'shop',
    expected: 2,
  },
  {
    title: 'a rule that is exported to some holds for them',
    rules: [{ ...services, exportTo: 'other' }, roots],
    client: 'other',
    expected: 2,
  },
  {
    title: 'the most specific host of a namespace alone counts',
    rules: [
      { namespace: 'web', host: '*.svc.cluster.local', seconds: 4, day: 1, subsets: ['wide'] },
      { namespace: 'web', host: '*.shop.svc.cluster.local', seconds: 5, day: 2, subsets: ['narrow'] },
    ],
    client: 'web',
    expected: 5,
    subsets: ['narrow'],
  },
  {
    title: 'of one host subsets are joined, and the first traffic policy is that of all',
    rules: [
      { ...services, seconds: 6, day: 1, subsets: ['a', 'b'] },
      { ...services, seconds: 7, day: 2, subsets: ['b', 'c'] },
    ],
    client: 'web',
    expected: 6,
    subsets: ['a', 'b', 'c'],
  },
  {
    title: 'a rule without a traffic policy leaves it to the next',
    rules: [
      { namespace: 'shop', host: 'cart', day: 1, subsets: ['a'] },
      { ...services, seconds: 8, day: 2 },
    ],
    client: 'web',
    expected: 8,
    subsets: ['a'],
  },
  {
    title: 'one that selects the client goes before those of its namespace, and alone',
    rules: [
      { ...own, day: 1, subsets: ['a'] },
      { ...own, seconds: 9, day: 2, selector: 'browser', subsets: ['b'] },
    ],
    client: 'web',
    labels: { app: 'browser' },
    expected: 9,
    subsets: ['b'],
  },
  {
    title: 'one that selects others is none',
    rules: [own, { ...own, seconds: 9, day: 2, selector: 'browser' }],
    client: 'web',
    labels: { app: 'crawler' },
    expected: 1,
  },
]

describe('of DestinationRules', () => {
  for (const row of ROWS) {
    test(row.title, () => {
      const service = serviceWith(row.rules)
      const ask = (subset: string | undefined) =>
        resolvePolicy({
          service,
          port: 80,
          subset,
          clientNamespace: row.client,
          clientLabels: row.labels ?? {},
        })
      const policy = ask(undefined)
      const ms = policy.kind === 'resolved' ? policy.traffic.connectTimeoutMs : undefined
      assert.equal((ms ?? 0) / 1000, row.expected)
      const found = ['a', 'b', 'c', 'narrow', 'wide'].filter((name) => ask(name).kind === 'resolved')
      assert.deepEqual(found, row.subsets ?? [])
    })
  }
})

function serviceWith(rules: readonly Rule[]) {
  const graph = createGraph()
  const sources = createSources(graph)
  const { model } = createTranslation(graph, sources, DEFAULT_SETTINGS)
  graph.transact(() => {
    for (const object of objectsOf(rules)) assert.ok(setObject(sources, object))
  })
  const service = model.services.list().find(({ hostname }) => hostname === HOST)
  assert.ok(service)
  return service
}

function objectsOf(rules: readonly Rule[]): readonly KubeObject[] {
  const service = `
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec: { clusterIP: 10.43.0.1, ports: [{ name: http, port: 80 }] }
`
  const objects = rules.map(
    ({ namespace, host, seconds, day = 1, exportTo, subsets = [], selector }, index) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: r${rules.length - index}, namespace: ${namespace}, creationTimestamp: '2026-01-0${day}T00:00:00Z' }
spec:
  host: '${host}'
  subsets: [${subsets.map((name) => `{ name: ${name}, labels: { version: ${name} } }`).join(', ')}]
${exportTo === undefined ? '' : `  exportTo: ['${exportTo}']`}
${selector === undefined ? '' : `  workloadSelector: { matchLabels: { app: ${selector} } }`}
${seconds === undefined ? '' : `  trafficPolicy: { connectionPool: { tcp: { connectTimeout: ${seconds}s } } }`}
`,
  )
  return parseManifests([service, ...objects].join('---')).manifests.map(({ object }) => object)
}
