import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createGraph } from '../base/index.ts'
import { type KubeObject, parseManifests } from '../kube/index.ts'
import { createSources, createTranslation, DEFAULT_SETTINGS, setObject } from '../mesh/translate/index.ts'
import { createMeshTable, createSidecarScope, pickSidecar } from '../routing/index.ts'

/**
 * Which VirtualService rules a host in a sidecar, and what a Sidecar leaves of them.
 * The rows are those of istio/istio, pilot/pkg/networking/core/sidecar_simulation_test.go, TestSidecarRoutes, as far as
 * they speak of what a client gets; the rules are told in istio.io, reference/config/networking/virtual-service.
 */

const KNOWN = 'known.default.svc.cluster.local'
const ALT = 'alt-known.default.svc.cluster.local'
const ITSELF = 'itself'
const NOBODY = 'nobody'

interface Rule {
  readonly namespace: string
  readonly hosts: readonly string[]
  readonly to: string
  /** Days since the first of the month: the smaller, the older. */
  readonly day?: number
  readonly matchPort?: number
}

interface Row {
  readonly title: string
  readonly rules: readonly Rule[]
  readonly egress?: readonly string[]
  readonly client?: string
  readonly port?: number
  /** By the host that the client asks for. */
  readonly expected: Readonly<Record<string, string>>
}

function rule(namespace: string, host: string, to: string, more: Partial<Rule> = {}): Rule {
  return { namespace, hosts: [host], to, ...more }
}

const three = [
  rule('arbitrary', KNOWN, 'arbitrary.example.com', { day: 1 }),
  rule('default', KNOWN, 'default.example.com', { day: 2 }),
  rule('not-default', KNOWN, 'not-default.example.com', { day: 3 }),
]
const wildAndExplicit = (wildNamespace: string, wild: number, explicit: number) => [
  rule(wildNamespace, '*.cluster.local', 'wild.example.com', { day: wild }),
  rule('default', KNOWN, 'explicit.example.com', { day: explicit }),
]
const both = [`default/${KNOWN}`, `default/${ALT}`]

const ROWS: readonly Row[] = [
  { title: 'a rule on port 80', rules: [rule('default', KNOWN, ALT)], expected: { [KNOWN]: `${ALT}:80` } },
  {
    title: 'a rule on a port that its destination has as well',
    rules: [rule('default', KNOWN, ALT)],
    port: 8080,
    expected: { [KNOWN]: `${ALT}:8080`, [ALT]: ITSELF },
  },
  {
    title: 'a host that nobody knows, on port 80',
    rules: [rule('default', 'foo.default.svc.cluster.local', 'arbitrary.example.com')],
    expected: { 'foo.default.svc.cluster.local': 'arbitrary.example.com:80' },
  },
  {
    title: 'a host that nobody knows, on another port',
    rules: [rule('default', 'foo.default.svc.cluster.local', 'arbitrary.example.com')],
    port: 8080,
    expected: { 'foo.default.svc.cluster.local': NOBODY },
  },
  {
    title: 'a host that nobody knows, on another port that the rule names',
    rules: [rule('default', 'foo.default.svc.cluster.local', 'arbitrary.example.com', { matchPort: 8080 })],
    port: 8080,
    expected: { 'foo.default.svc.cluster.local': NOBODY },
  },
  ...['default', 'not-default', 'arbitrary'].flatMap((namespace) =>
    [80, 8080].map((port) => ({
      title: `a rule of namespace ${namespace} for a client of another, on port ${port}`,
      rules: [rule(namespace, KNOWN, ALT)],
      client: 'not-default',
      port,
      expected: { [KNOWN]: `${ALT}:${port}` },
    })),
  ),
  ...[80, 8080].map((port) => ({
    title: `the oldest of several, on port ${port}`,
    rules: three,
    client: 'not-default',
    port,
    expected: { [KNOWN]: `arbitrary.example.com:${port}` },
  })),
  {
    title: 'a wildcard that holds no service',
    rules: [rule('default', '*.unknown.example.com', 'arbitrary.example.com')],
    expected: { [ALT]: ITSELF, [KNOWN]: ITSELF, 'x.unknown.example.com': 'arbitrary.example.com:80' },
  },
  {
    title: 'a wildcard that holds services, in scope',
    rules: [rule('default', '*.cluster.local', 'arbitrary.example.com')],
    egress: ['*/*.cluster.local'],
    expected: { [ALT]: 'arbitrary.example.com:80', [KNOWN]: 'arbitrary.example.com:80' },
  },
  ...[
    [1, 2],
    [2, 1],
  ].flatMap(([wild = 0, explicit = 0]) =>
    ['default', 'not-default'].map((namespace) => ({
      title: `a wildcard of namespace ${namespace} and the host itself, whichever is older (${wild}, ${explicit})`,
      rules: wildAndExplicit(namespace, wild, explicit),
      expected: { [ALT]: 'wild.example.com:80', [KNOWN]: 'explicit.example.com:80' },
    })),
  ),
  {
    title: 'a wildcard of which the Sidecar names services',
    rules: wildAndExplicit('default', 1, 2),
    egress: both,
    expected: { [ALT]: 'wild.example.com:80', [KNOWN]: 'explicit.example.com:80' },
  },
  {
    title: 'a wildcard of a namespace that the Sidecar does not name',
    rules: wildAndExplicit('not-default', 1, 2),
    egress: both,
    expected: { [ALT]: ITSELF, [KNOWN]: 'explicit.example.com:80' },
  },
  {
    title: 'hosts that nobody knows, by wildcard',
    rules: [rule('default', '*.tld', 'wild.example.com', { day: 1 })],
    expected: { [KNOWN]: ITSELF, 'x.tld': 'wild.example.com:80' },
  },
  {
    title: 'a host of which the Sidecar names the wildcard',
    rules: [rule('default', 'arbitrary.svc.cluster.local', ALT)],
    egress: ['*/*.cluster.local'],
    expected: { 'arbitrary.svc.cluster.local': `${ALT}:80` },
  },
  {
    title: 'a wildcard of which the Sidecar names one service',
    rules: [rule('default', '*.cluster.local', 'arbitrary.example.com')],
    egress: [`*/${KNOWN}`],
    expected: { [KNOWN]: 'arbitrary.example.com:80' },
  },
  {
    title: 'a wildcard of which the Sidecar names one host that is no service',
    rules: [rule('default', '*.example.org', 'arbitrary.example.com')],
    egress: ['*/explicit.example.org', `*/${ALT}`],
    expected: { [KNOWN]: NOBODY, [ALT]: ITSELF, 'explicit.example.org': 'arbitrary.example.com:80' },
  },
  {
    title: 'the oldest of one namespace',
    rules: [
      rule('default', KNOWN, 'old.example.com', { day: 1 }),
      rule('default', KNOWN, 'new.example.com', { day: 2 }),
    ],
    expected: { [KNOWN]: 'old.example.com:80' },
  },
  {
    title: 'the oldest of several namespaces',
    rules: [
      rule('not-default', KNOWN, 'producer.example.com', { day: 1 }),
      rule('default', KNOWN, 'consumer.example.com', { day: 2 }),
    ],
    expected: { [KNOWN]: 'producer.example.com:80' },
  },
  {
    title: 'several hosts of which the Sidecar names one',
    rules: [{ namespace: 'default', hosts: [KNOWN, ALT], to: 'arbitrary.example.com' }],
    egress: [`*/${KNOWN}`],
    expected: { [KNOWN]: 'arbitrary.example.com:80', [ALT]: 'arbitrary.example.com:80' },
  },
]

describe('in a sidecar rules hold for', () => {
  for (const row of ROWS) {
    test(row.title, () => {
      const { client = 'default', port = 80 } = row
      const ask = clientOf(row, client)
      for (const [host, expected] of Object.entries(row.expected))
        assert.equal(ask(host, port), expected, host)
    })
  }
})

/** What a client of the namespace gets for a host and a port. */
function clientOf(row: Row, namespace: string): (host: string, port: number) => string {
  const graph = createGraph()
  const sources = createSources(graph)
  const { model } = createTranslation(graph, sources, DEFAULT_SETTINGS)
  graph.transact(() => {
    for (const object of objectsOf(row, namespace)) assert.ok(setObject(sources, object))
  })
  const sidecar = pickSidecar(model.sidecars.list(), { namespace, labels: {} })
  const scope = sidecar && createSidecarScope(sidecar, namespace)
  const table = createMeshTable(namespace)
  for (const route of model.routes.list())
    if (scope === undefined || scope.seesRoutes(route.origin.namespace, route.domains)) table.set(route)
  const services = model.services
    .list()
    .flatMap((service) => (scope === undefined ? service : (scope.viewOf(service) ?? [])))
  return (host, port) => {
    const named = services.find(({ hostname }) => hostname === host)
    const request = {
      method: 'GET',
      path: '/',
      authority: host,
      port,
      scheme: 'http',
      header: () => undefined,
    }
    const decision = table.ofHost(request, named)
    if (decision === undefined) return named === undefined ? NOBODY : ITSELF
    if (decision.kind !== 'match' || decision.route.source.action.kind !== 'forward') return 'no route'
    const [destination] = decision.route.source.action.destinations
    const target = destination?.target
    return target?.kind === 'service'
      ? `${target.service.slice(target.service.indexOf('/') + 1)}:${target.port}`
      : 'unresolved'
  }
}

function objectsOf(row: Row, client: string): readonly KubeObject[] {
  const service = (name: string, namespace: string, ip: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: ${ip}, ports: [{ name: http, port: 80 }, { name: http-alt, port: 8080 }] }
`
  const destinations = [...new Set(row.rules.map(({ to }) => to))].filter((to) => to.endsWith('.example.com'))
  const entries = destinations.map(
    (host, index) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: e${index}, namespace: elsewhere }
spec:
  hosts: [${host}]
  resolution: DNS
  ports: [{ number: 80, name: http, protocol: HTTP }, { number: 8080, name: http-alt, protocol: HTTP }]
`,
  )
  const rules = row.rules.map(
    ({ namespace, hosts, to, day = 1, matchPort }, index) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v${row.rules.length - index}, namespace: ${namespace}, creationTimestamp: '2026-01-0${day}T00:00:00Z' }
spec:
  hosts: [${hosts.map((host) => `'${host}'`).join(', ')}]
  http: [{ ${matchPort === undefined ? '' : `match: [{ port: ${matchPort} }], `}route: [{ destination: { host: ${to} } }] }]
`,
  )
  const sidecar =
    row.egress === undefined
      ? []
      : [
          `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: scope, namespace: ${client} }
spec: { egress: [{ hosts: [${row.egress.map((host) => `'${host}'`).join(', ')}] }] }
`,
        ]
  const services = [
    service('known', 'default', '10.43.0.1'),
    service('alt-known', 'default', '10.43.0.2'),
    service('not-default', 'not-default', '10.43.0.3'),
  ]
  const text = [...services, ...entries, ...rules, ...sidecar].join('---')
  return parseManifests(text).manifests.map(({ object }) => object)
}
