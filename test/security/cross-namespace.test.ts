import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { KubeObject } from '../../src/kube/index.ts'
import type { ModelObject, ModelType, Service } from '../../src/model/index.ts'
import { testRoot } from '../../src/mesh/identity/testing.ts'
import { createHarness, parseObjects } from '../../src/mesh/translate/testing/harness.ts'
import { createServiceIndex } from '../../src/proxy/config/service-index.ts'
import type { PeerIdentity } from '../../src/xds/server/index.ts'
import { isVisible } from '../../src/xds/server/visibility.ts'
import { parseSubscription, type ProxyNode } from '../../src/xds/types/index.ts'

/**
 * What somebody who may write everything in namespace `evil`, and nothing elsewhere, gets of namespace `shop`: by the
 * translation and by what proxies are shown. docs/security.md names these tests.
 */
const SHOP = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Namespace
metadata: { name: evil }
---
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop, creationTimestamp: '2026-03-01T00:00:00Z' }
spec: { clusterIP: 10.43.0.7, selector: { app: cart }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: cart-1, namespace: shop, labels: { app: cart }, uid: cart-1 }
spec: { serviceAccountName: cart, containers: [{ name: app }, { name: istio-proxy, args: [proxy, sidecar] }] }
status: { podIP: 10.42.0.7, phase: Running }
---
apiVersion: v1
kind: Pod
metadata: { name: edge-1, namespace: shop, labels: { istio: edge }, uid: edge-1 }
spec: { serviceAccountName: edge, containers: [{ name: istio-proxy, args: [proxy, router] }] }
status: { podIP: 10.42.0.8, phase: Running }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: shop, generation: 1 }
spec:
  gatewayClassName: istio
  listeners: [{ name: web, port: 80, protocol: HTTP }]
`

let secret: KubeObject

before(async () => {
  const { certificate, key } = await testRoot('shop.example')
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  const data = { 'tls.crt': encode(certificate), 'tls.key': encode(key) }
  const metadata = { name: 'shop-tls', namespace: 'shop' }
  secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data } as KubeObject
})

function worldWith(yaml: string, settings: Parameters<typeof createHarness>[0] = {}) {
  const harness = createHarness(settings)
  harness.set([...parseObjects(SHOP), secret, ...parseObjects(yaml)])
  const { model } = harness.translation
  const conditionsOf = (key: string): readonly string[] =>
    harness.translation.statuses
      .list()
      .filter((status) => status.key === key)
      .flatMap((status) =>
        [...JSON.stringify(status).matchAll(/"reason":"(\w+)"/g)].map(([, one = '']) => one),
      )
  return { model, conditionsOf }
}

type World = ReturnType<typeof worldWith>

const OBJECTS: Readonly<Partial<Record<ModelType, (model: World['model']) => readonly ModelObject[]>>> = {
  credential: (model) => model.credentials.list(),
  listener: (model) => model.listeners.list(),
  service: (model) => model.services.list(),
  route: (model) => model.routes.list(),
}

/** The keys of a type that a proxy is sent, whatever it asks for. */
function seenBy(world: World, type: ModelType, who: Partial<ProxyNode> & { readonly proven?: PeerIdentity }) {
  const node: ProxyNode = {
    id: 'router~10.42.0.66~evil-1.evil~evil.svc.cluster.local',
    role: 'router',
    namespace: 'evil',
    podName: 'evil-1',
    serviceAccount: 'default',
    labels: {},
    ips: ['10.42.0.66'],
    cluster: 'Kubernetes',
    version: 'test',
    ...who,
  }
  const peer = { node, identity: who.proven }
  const all = OBJECTS[type]?.(world.model) ?? []
  const asked = (object: ModelObject): boolean =>
    ['*', 'proxy/*', 'mesh/*', object.key].some((name) =>
      isVisible(object, peer, parseSubscription(type, name)),
    )
  return all.filter(asked).map(({ key }) => key)
}

const EVIL: PeerIdentity = { namespace: 'evil', serviceAccount: 'default' }
const CART: PeerIdentity = { namespace: 'shop', serviceAccount: 'cart' }
const EDGE: PeerIdentity = { namespace: 'shop', serviceAccount: 'edge' }

const gatewayInEvil = (reference: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: thief, namespace: evil, generation: 1 }
spec:
  gatewayClassName: istio
  listeners:
    - name: https
      port: 443
      protocol: HTTPS
      tls: { certificateRefs: [${reference}] }
`

describe('Secrets', () => {
  test('a Gateway has no Secret of another namespace without a ReferenceGrant there', () => {
    const world = worldWith(gatewayInEvil('{ name: shop-tls, namespace: shop }'))
    assert.deepEqual(world.model.credentials.list(), [])
    assert.ok(world.conditionsOf('Gateway/evil/thief').includes('RefNotPermitted'))
  })

  test('with the grant it goes to the accounts of that Gateway’s proxies, and to nobody else', () => {
    const world = worldWith(`${gatewayInEvil('{ name: shop-tls, namespace: shop }')}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: let, namespace: shop }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: Gateway, namespace: evil }]
  to: [{ group: '', kind: Secret, name: shop-tls }]
`)
    const holder = { namespace: 'evil', serviceAccount: 'thief-istio' }
    assert.deepEqual(seenBy(world, 'credential', { proven: holder }), ['Secret/shop/shop-tls'])
    assert.deepEqual(seenBy(world, 'credential', { proven: EVIL }), [])
    assert.deepEqual(seenBy(world, 'credential', { proven: EDGE, namespace: 'shop' }), [])
  })

  test('a ReferenceGrant that the thief writes in its own namespace grants nothing', () => {
    const world = worldWith(`${gatewayInEvil('{ name: shop-tls, namespace: shop }')}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: let, namespace: evil }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: Gateway, namespace: evil }]
  to: [{ group: '', kind: Secret }]
`)
    assert.deepEqual(world.model.credentials.list(), [])
  })

  test('nothing that is only claimed opens a Secret: not a name, not labels, not a plain connection', () => {
    const world = worldWith(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  selector: { istio: edge }
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: ['*']
      tls: { mode: SIMPLE, credentialName: shop-tls }
`)
    const claims = { namespace: 'shop', serviceAccount: 'edge', labels: { istio: 'edge' } }
    assert.deepEqual(seenBy(world, 'credential', { ...claims, proven: EDGE }), ['Secret/shop/shop-tls'])
    assert.deepEqual(seenBy(world, 'credential', claims), [])
    assert.deepEqual(seenBy(world, 'credential', { ...claims, proven: EVIL }), [])
    assert.deepEqual(seenBy(world, 'credential', { ...claims, proven: CART }), [])
  })

  test('a Gateway elsewhere that selects the pods of a sidecar makes no holder of it', () => {
    const world = worldWith(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: thief, namespace: evil }
spec:
  selector: { app: cart }
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: ['*']
      tls: { mode: SIMPLE, credentialName: shop-tls }
`)
    assert.deepEqual(world.model.credentials.list(), [])
  })

  test('a DestinationRule’s credentialName is one of the client’s own namespace', () => {
    const world = worldWith(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: thief, namespace: evil }
spec:
  host: cart.shop.svc.cluster.local
  trafficPolicy: { tls: { mode: MUTUAL, credentialName: shop-tls } }
`)
    assert.deepEqual(seenBy(world, 'credential', { proven: EVIL }), [])
    assert.deepEqual(seenBy(world, 'credential', { proven: CART, namespace: 'shop' }), [])
  })

  test('a Secret that nobody names never leaves the control plane', () => {
    assert.deepEqual(worldWith('').model.credentials.list(), [])
  })
})

describe('ports', () => {
  test('a ListenerSet opens no port of a Gateway that does not let its namespace in', () => {
    const world = worldWith(`
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: more, namespace: evil, generation: 1 }
spec:
  parentRef: { namespace: shop, name: front }
  listeners: [{ name: back-door, port: 9090, protocol: HTTP }]
`)
    assert.deepEqual(
      world.model.listeners.list().map(({ port }) => port),
      [80],
    )
    assert.ok(world.conditionsOf('ListenerSet/evil/more').includes('NotAllowed'))
  })

  test('a Gateway’s listeners are shown in its own namespace alone', () => {
    const world = worldWith('')
    assert.deepEqual(seenBy(world, 'listener', { proven: EVIL }), [])
    assert.equal(seenBy(world, 'listener', { proven: EDGE, namespace: 'shop' }).length, 1)
  })

  test('a Sidecar says what its own namespace’s proxies listen on, not another’s', () => {
    const { model } = worldWith(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: evil }
spec:
  ingress: [{ port: { number: 9090, protocol: HTTP, name: back }, defaultEndpoint: '127.0.0.1:22' }]
  egress: [{ hosts: ['evil/*'] }]
`)
    const [sidecar] = model.sidecars.list()
    assert.equal(sidecar?.scope.namespace, 'evil')
  })

  const MORE = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: more, namespace: evil }
spec:
  selector: { istio: edge }
  servers: [{ port: { number: 8081, name: http, protocol: HTTP }, hosts: ['evil/*'] }]
`

  test('Istio’s rule, said here: a Gateway’s selector picks gateways of any namespace, as Istio’s does', () => {
    const { model } = worldWith(MORE)
    const listener = model.listeners.list().find(({ port }) => port === 8081)
    assert.deepEqual(listener?.selector, { labels: { istio: 'edge' } })
  })

  test('with PILOT_SCOPE_GATEWAY_TO_NAMESPACE a Gateway’s selector picks proxies of its own namespace alone', () => {
    const world = worldWith(MORE, { scopesGateways: true })
    const listener = world.model.listeners.list().find(({ port }) => port === 8081)
    assert.deepEqual(listener?.selector, { namespace: 'evil', labels: { istio: 'edge' } })
  })
})

describe('traffic', () => {
  test('an HTTPRoute has no Service of another namespace without a ReferenceGrant there', () => {
    const world = worldWith(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw, namespace: evil, generation: 1 }
spec: { gatewayClassName: istio, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: reach, namespace: evil, generation: 1 }
spec:
  parentRefs: [{ name: gw }]
  rules: [{ backendRefs: [{ name: cart, namespace: shop, port: 80 }] }]
`)
    assert.ok(world.conditionsOf('HTTPRoute/evil/reach').includes('RefNotPermitted'))
    assert.equal(JSON.stringify(world.model.routes.list()).includes('cart.shop'), false)
  })

  test('a route does not attach to a Gateway that takes those of its own namespace', () => {
    const world = worldWith(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: squat, namespace: evil, generation: 1 }
spec:
  parentRefs: [{ name: front, namespace: shop }]
  rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { hostname: evil.example } }] }]
`)
    assert.deepEqual(world.model.routes.list(), [])
    assert.ok(world.conditionsOf('HTTPRoute/evil/squat').includes('NotAllowedByListeners'))
  })

  test('a route to a Service of another namespace rules the clients of its own namespace alone', () => {
    const world = worldWith(`
apiVersion: v1
kind: Service
metadata: { name: fake, namespace: evil }
spec: { clusterIP: 10.43.0.66, ports: [{ name: http, port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: divert, namespace: evil, generation: 1 }
spec:
  parentRefs: [{ group: '', kind: Service, name: cart, namespace: shop }]
  rules: [{ backendRefs: [{ name: fake, port: 80 }] }]
`)
    assert.equal(seenBy(world, 'route', { namespace: 'evil' }).length, 1)
    assert.deepEqual(seenBy(world, 'route', { namespace: 'shop' }), [])
  })

  test('a VirtualService comes to a Gateway only with hosts that its servers leave to that namespace', () => {
    const { model } = worldWith(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  selector: { istio: edge }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['shop/*', 'evil/evil.example'] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: divert, namespace: evil }
spec:
  hosts: [shop.example, evil.example]
  gateways: [shop/edge]
  http: [{ redirect: { authority: evil.example } }]
`)
    const mine = model.routes.list().filter(({ origin }) => origin.namespace === 'evil')
    assert.deepEqual(
      mine.map(({ domains }) => domains),
      [['evil.example']],
    )
  })

  test('a VirtualService that is not exported is seen by its own namespace alone', () => {
    const world = worldWith(divertingVirtualService("exportTo: ['.']"))
    assert.deepEqual(seenBy(world, 'route', { namespace: 'shop' }), [])
    assert.equal(seenBy(world, 'route', { namespace: 'evil' }).length, 1)
  })

  test('Istio’s rule, said here: an exported VirtualService for a foreign host rules clients everywhere', () => {
    const world = worldWith(divertingVirtualService(''))
    assert.equal(seenBy(world, 'route', { namespace: 'shop' }).length, 1)
  })

  test('unless the host’s own namespace has one for itself: that goes first there', () => {
    const world = worldWith(`${divertingVirtualService('')}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: own, namespace: shop, creationTimestamp: '2026-05-01T00:00:00Z' }
spec:
  hosts: [cart]
  exportTo: ['.']
  http: [{ route: [{ destination: { host: cart } }] }]
`)
    const seen = seenBy(world, 'route', { namespace: 'shop' })
    assert.ok(seen.length === 1 && seen[0]?.includes('/shop/own'), seen.join())
  })

  test('a DestinationRule for a Service of another namespace binds the clients of its own namespace alone', () => {
    const { model } = worldWith(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: break, namespace: evil }
spec:
  host: cart.shop.svc.cluster.local
  trafficPolicy: { tls: { mode: DISABLE } }
`)
    const policies = cartOf(model.services.list()).policies
    assert.ok(policies.length > 0)
    for (const { clientNamespace } of policies) assert.equal(clientNamespace, 'evil')
  })

  test('a ServiceEntry takes neither host nor address from a Service, whichever a proxy learns first', () => {
    const { model } = worldWith(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: cuckoo, namespace: a-evil, creationTimestamp: '2020-01-01T00:00:00Z' }
spec:
  hosts: [cart.shop.svc.cluster.local]
  addresses: [10.43.0.7]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.42.0.66 }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: own, namespace: third }
spec:
  hosts: [cart.shop.svc.cluster.local]
  exportTo: ['.']
  http: [{ route: [{ destination: { host: cart.shop.svc.cluster.local } }] }]
`)
    const services = model.services.list().filter(({ hostname }) => hostname.startsWith('cart.'))
    assert.equal(services.length, 2)
    for (const order of [services, services.toReversed()]) {
      const index = createServiceIndex(() => 'cluster.local')
      for (const service of order) index.add(service)
      assert.equal(index.at('10.43.0.7', 80)?.service.namespace, 'shop')
      assert.equal(index.named('cart.shop.svc.cluster.local', 'third')?.namespace, 'shop')
    }
    const route = JSON.stringify(model.routes.list())
    assert.ok(route.includes('shop/cart.shop.svc.cluster.local'), route)
    assert.ok(!route.includes('a-evil'), route)
  })
})

describe('identities', () => {
  test('a WorkloadEntry is an account of its own namespace, whatever it calls it', () => {
    const { model } = worldWith(`
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm, namespace: evil }
spec: { address: 10.42.0.66, serviceAccount: cart, labels: { app: cart } }
`)
    const vm = model.workloads.list().find(({ namespace }) => namespace === 'evil')
    assert.equal(vm?.identity, 'spiffe://cluster.local/ns/evil/sa/cart')
    assert.deepEqual(vm?.services, {}, 'its labels make it no endpoint of a Service elsewhere')
  })

  test('an account that is no name of one does not make another identity', () => {
    const { model } = worldWith(`
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm, namespace: evil }
spec: { address: 10.42.0.66, serviceAccount: '../../shop/sa/cart' }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: se, namespace: evil }
spec:
  hosts: [x.example]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.42.0.67, serviceAccount: a/b }]
`)
    const claimed = model.workloads.list().filter(({ namespace }) => namespace === 'evil')
    assert.ok(claimed.length > 0)
    for (const { identity } of claimed) {
      assert.match(identity ?? '', /^spiffe:\/\/cluster\.local\/ns\/evil\/sa\/[a-z0-9-]+$/)
    }
  })
})

function divertingVirtualService(more: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: divert, namespace: evil, creationTimestamp: '2026-04-01T00:00:00Z' }
spec:
  hosts: [cart.shop.svc.cluster.local]
  ${more}
  http: [{ directResponse: { status: 418 } }]
`
}

function cartOf(services: readonly Service[]): Service {
  const found = services.find(({ hostname }) => hostname === 'cart.shop.svc.cluster.local')
  assert.ok(found)
  return found
}
