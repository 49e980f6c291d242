import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { silentLogger, systemClock, systemRandom } from '../../src/base/index.ts'
import type { KubeObject } from '../../src/kube/index.ts'
import { type KindRef, KINDS } from '../../src/kube/client/index.ts'
import { startTestServer, TEST_USER, type TestServer } from '../../src/local-cluster/apiserver/testing.ts'
import { runIstiod } from '../../src/mesh/istiod/index.ts'
import { gatewayApiCrds, RESOURCE_KINDS } from '../../src/mesh/resources/index.ts'
import { DEFAULT_SETTINGS } from '../../src/mesh/translate/index.ts'
import { waitFor } from '../support/wait.ts'
import { type CountingClient, createCountingClient } from './counting-client.ts'

const NAMESPACE = 'default'
const THEIRS = 'example.com/theirs'

interface RouteObject extends KubeObject {
  readonly status?: { readonly parents?: readonly { readonly controllerName: string }[] }
}

/** Some that are fine, some with faults, one with a parent of somebody else. */
const OBJECTS = `
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { ports: [{ port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: good }
spec:
  parentRefs: [{ name: front, sectionName: web }]
  rules: [{ backendRefs: [{ name: shop, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: lost }
spec:
  parentRefs: [{ name: front, sectionName: web }, { name: front, sectionName: elsewhere }]
  rules: [{ backendRefs: [{ name: nobody, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shared }
spec:
  parentRefs: [{ name: front }, { name: theirs }]
  rules: [{ backendRefs: [{ name: shop, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls }
spec:
  parentRefs: [{ name: front }]
  rules: [{ backendRefs: [{ name: shop, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: bytes }
spec:
  parentRefs: [{ name: front, sectionName: raw }]
  rules: [{ backendRefs: [{ name: shop, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: inside }
spec:
  targetRefs: [{ group: '', kind: Service, name: shop }]
  validation: { hostname: shop.test, caCertificateRefs: [{ group: '', kind: ConfigMap, name: none }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: more }
spec:
  parentRef: { name: front }
  listeners: [{ name: more, port: 8080, protocol: HTTP }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front }
spec:
  gatewayClassName: istio
  allowedListeners: { namespaces: { from: Same } }
  listeners:
    - { name: web, port: 80, protocol: HTTP }
    - { name: raw, port: 9000, protocol: TCP }
    - { name: secure, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: absent }] } }
`
const KIND_OF: Readonly<Record<string, KindRef>> = Object.fromEntries(
  Object.values(RESOURCE_KINDS)
    .filter(({ group }) => group === '' || group === RESOURCE_KINDS.gateway.group)
    .map((kind) => [kind.kind, kind]),
)

let its: TestServer
let counting: CountingClient
let stop = (): Promise<void> => Promise.resolve()
let markers = 0

before(async () => {
  its = await startTestServer()
  counting = createCountingClient(its.server.localTransport(TEST_USER))
  for (const definition of gatewayApiCrds({ version: 'v1.6.1', channel: 'standard' })) {
    await its.client.create(KINDS.customResourceDefinition, definition)
  }
  await its.client.create(KINDS.namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: DEFAULT_SETTINGS.rootNamespace },
  })
  for (const document of parseAllDocuments(OBJECTS)) await create(document.toJS() as KubeObject)
  await writeTheirs('False')
  stop = startIstiod()
  await markerIsWritten()
})
after(async () => {
  await stop()
  await its.stop()
})

test('each object has its status written once at first, a Gateway again when its Service is there', () => {
  const written = counting.statusWrites().filter((object) => !object.includes('marker'))
  const gateways = written.filter((object) => object === 'gateways/front').length
  assert.ok(gateways === 1 || gateways === 2, `${gateways} for the Gateway`)
  assert.deepEqual(written.filter((object) => object !== 'gateways/front').toSorted(), [
    'backendtlspolicies/inside',
    'gatewayclasses/istio',
    'grpcroutes/calls',
    'httproutes/good',
    'httproutes/lost',
    'httproutes/shared',
    'listenersets/more',
    'tcproutes/bytes',
  ])
})

test('what does not concern an object writes none of its status', async () => {
  await writesOnly([], async () => {
    await its.client.create(KINDS.configMap, plain('ConfigMap', 'other'))
    await its.client.create(KINDS.namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'far' },
    })
    await its.client.patch(KINDS.namespace, 'far', undefined, labelled('far'), { type: 'merge' })
    await its.client.patch(KINDS.namespace, NAMESPACE, undefined, labelled('near'), { type: 'merge' })
    await create({ ...plain('Service', 'other'), spec: { ports: [{ port: 81 }] } })
    await its.client.patch(KINDS.service, 'shop', NAMESPACE, labelled('shop'), { type: 'merge' })
  })
})

test('labels of an object leave its status, and a write of its status by another is no reason either', async () => {
  await writesOnly([], async () => {
    for (const [kind, name] of [
      [RESOURCE_KINDS.httpRoute, 'good'],
      [RESOURCE_KINDS.gateway, 'front'],
      [RESOURCE_KINDS.listenerSet, 'more'],
      [RESOURCE_KINDS.backendTlsPolicy, 'inside'],
    ] as const) {
      await its.client.patch(kind, name, NAMESPACE, labelled('it'), { type: 'merge' })
    }
    await writeTheirs('True')
  })
})

test('a change of one object writes its status once, and only that', async () => {
  await writesOnly(['httproutes/good'], () =>
    its.client.patch(
      RESOURCE_KINDS.httpRoute,
      'good',
      NAMESPACE,
      { spec: { hostnames: ['shop.test'] } },
      { type: 'merge' },
    ),
  )
})

test('a route that comes and goes is counted by its Gateway, and by no other object', async () => {
  const route = {
    ...plain('HTTPRoute', 'passing', 'gateway.networking.k8s.io/v1'),
    spec: { parentRefs: [{ name: 'front', sectionName: 'web' }] },
  }
  await writesOnly(['gateways/front', 'httproutes/passing'], () => create(route))
  await writesOnly(['gateways/front'], () =>
    its.client.delete(RESOURCE_KINDS.httpRoute, 'passing', NAMESPACE),
  )
})

test('when everything is listed again nothing is written', async () => {
  await writesOnly([], () => Promise.resolve(counting.expireWatches()))
})

test('a control plane that starts again writes nothing', async () => {
  await writesOnly([], async () => {
    await stop()
    stop = startIstiod()
  })
})

/** Beside the status of a marker, which is written when all before it has been looked at. */
async function writesOnly(expected: readonly string[], change: () => Promise<unknown>): Promise<void> {
  counting.statusWrites()
  await change()
  await markerIsWritten()
  const written = counting.statusWrites().filter((object) => !object.includes('marker'))
  assert.deepEqual(written.toSorted(), expected.toSorted())
}

/** Two, one after the other: what the first came in the midst of is over when the second is written. */
async function markerIsWritten(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    markers += 1
    const name = `marker-${markers}`
    await create({
      ...plain('HTTPRoute', name, 'gateway.networking.k8s.io/v1'),
      spec: { parentRefs: [{ name: 'front', sectionName: 'no-such-listener' }] },
    })
    await waitFor(`the status of ${name}`, async () => {
      const marker = await its.client.get<RouteObject>(RESOURCE_KINDS.httpRoute, name, NAMESPACE)
      return marker?.status?.parents !== undefined
    })
  }
}

/** What another controller says of its own parent. */
async function writeTheirs(status: 'True' | 'False'): Promise<void> {
  const shared = await its.client.get<RouteObject>(RESOURCE_KINDS.httpRoute, 'shared', NAMESPACE)
  const lastTransitionTime = '2026-01-01T00:00:00Z'
  const condition = { type: 'Accepted', status, reason: 'Whim', message: '', lastTransitionTime }
  const others = (shared?.status?.parents ?? []).filter((one) => one.controllerName !== THEIRS)
  const own = { parentRef: { name: 'theirs' }, controllerName: THEIRS, conditions: [condition] }
  await its.client.patch(
    RESOURCE_KINDS.httpRoute,
    'shared',
    NAMESPACE,
    { status: { parents: [own, ...others] } },
    { type: 'merge', subresource: 'status' },
  )
}

function startIstiod(): () => Promise<void> {
  const ending = new AbortController()
  const running = runIstiod({
    client: counting.client,
    ports: { xds: 0, secureXds: 0, monitoring: 0, webhooks: 0, http: 0 },
    address: '127.0.0.1',
    settings: DEFAULT_SETTINGS,
    revision: 'default',
    podName: 'istiod-0',
    version: 'test',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    signal: ending.signal,
  })
  return async () => {
    ending.abort(new Error('the test ends it'))
    await running
  }
}

function create(object: KubeObject): Promise<KubeObject> {
  const kind = KIND_OF[object.kind]
  assert.ok(kind, object.kind)
  return its.client.create(kind, { ...object, metadata: { ...object.metadata, namespace: NAMESPACE } })
}

function plain(kind: string, name: string, apiVersion = 'v1'): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE } }
}

function labelled(value: string) {
  return { metadata: { labels: { changed: value } } }
}
