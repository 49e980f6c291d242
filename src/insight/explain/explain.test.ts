import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseManifests } from '../../kube/index.ts'
import { explainRequest, formatExplanations, type WonderedRequest } from '../index.ts'

const SERVICES = ['backend-v1', 'backend-v2']
  .map(
    (name, i) => `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: demo }
spec: { clusterIP: 10.43.0.${i + 1}, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: demo, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.42.0.${i + 1}] }]
`,
  )
  .join('')

const GATEWAY_API = `${SERVICES}
---
apiVersion: v1
kind: Namespace
metadata: { name: demo }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: demo }
spec: { gatewayClassName: istio, listeners: [{ name: http, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: Same } } }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: user, namespace: demo }
spec:
  parentRefs: [{ name: edge }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /api }, headers: [{ name: x-user, value: jason }] }]
      backendRefs: [{ name: backend-v2, port: 80 }]
    - matches: [{ path: { type: PathPrefix, value: / } }]
      backendRefs: [{ name: backend-v1, port: 80, weight: 9 }, { name: backend-v2, port: 80, weight: 1 }]
`

const ISTIO = `${SERVICES}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: backend, namespace: demo }
spec:
  hosts: [backend-v1]
  http:
    - match: [{ uri: { prefix: /old } }]
      rewrite: { uri: /new }
      route: [{ destination: { host: backend-v2 } }]
    - match: [{ sourceLabels: { app: tester } }]
      route: [{ destination: { host: backend-v1, subset: canary } }]
    - redirect: { uri: /gone }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: backend, namespace: demo }
spec: { host: backend-v2, trafficPolicy: { loadBalancer: { simple: RANDOM } } }
`

function explain(yaml: string, url: string, more: Partial<WonderedRequest> = {}): string {
  const { protocol, host, port, pathname, search } = new URL(url)
  const request: WonderedRequest = {
    method: 'GET',
    scheme: protocol.slice(0, -1),
    authority: host,
    path: pathname + search,
    port: port === '' ? 80 : Number(port),
    headers: {},
    ...more,
  }
  const objects = parseManifests(yaml).manifests.map(({ object }) => object)
  return formatExplanations(request, explainRequest(objects, request))
}

const CLIENT = { namespace: 'demo', labels: { app: 'web' } }

describe('explain', () => {
  test('names the rule that takes the request, and for each before it the first condition that failed', () => {
    assert.equal(
      explain(GATEWAY_API, 'http://shop.example/api/users'),
      `GET http://shop.example/api/users at Gateway demo/edge, port 80
  host shop.example, served as * (listener http)
  ✗ HTTPRoute demo/user, rule 0, match 0: header x-user is absent, must be "jason"
  ✔ HTTPRoute demo/user, rule 1, match 0
  → 90 % backend-v1.demo.svc.cluster.local:80: 10.42.0.1:8080
  → 10 % backend-v2.demo.svc.cluster.local:80: 10.42.0.2:8080
`,
    )
  })

  test('a service of which the objects name no pods is where the request goes, not a fault', () => {
    const manifests = GATEWAY_API.replaceAll(/---\napiVersion: discovery[^]*?endpoints: .*\n/g, '')
    assert.match(
      explain(manifests, 'http://shop.example/api/users'),
      /→ 90 % backend-v1\.demo\.svc\.cluster\.local:80: its pods, which no object here names\n/,
    )
  })

  test('takes the request as it would be sent, headers included', () => {
    const text = explain(GATEWAY_API, 'http://shop.example/api', { headers: { 'x-user': 'jason' } })
    assert.match(
      text,
      /✔ HTTPRoute demo\/user, rule 0, match 0\n {2}→ backend-v2\.demo\.svc\.cluster\.local:80: /,
    )
  })

  test('says that nobody listens on a port, and which gateway is meant', () => {
    assert.match(explain(GATEWAY_API, 'http://shop.example:8080/'), /no gateway listens on port 8080/)
    assert.match(explain(GATEWAY_API, 'http://shop.example/', { gateway: 'demo/edge' }), /Gateway demo\/edge/)
    assert.match(
      explain(GATEWAY_API, 'http://shop.example/', { gateway: 'demo/other' }),
      /no gateway listens/,
    )
  })

  test('follows a client’s sidecar: short names, rewrites, and the rule that treats the destination', () => {
    assert.equal(
      explain(ISTIO, 'http://backend-v1/old/x?q=1', { from: CLIENT }),
      `GET http://backend-v1/old/x?q=1 at the mesh, port 80
  host backend-v1.demo.svc.cluster.local
  ✔ VirtualService demo/backend, rule 0, match 0
  path becomes /new/x?q=1
  → backend-v2.demo.svc.cluster.local:80 by DestinationRule demo/backend: 10.42.0.2:8080
`,
    )
  })

  test('a subset that no rule defines is told, and so is a redirect', () => {
    const tester = { namespace: 'demo', labels: { app: 'tester' } }
    assert.match(
      explain(ISTIO, 'http://backend-v1/', { from: tester }),
      /answered with 503: no DestinationRule defines subset canary/,
    )
    assert.match(
      explain(ISTIO, 'http://backend-v1/', { from: CLIENT }),
      /→ 301 to http:\/\/backend-v1\/gone\n/,
    )
  })

  test('a host without rules goes to its service, or to the address that was dialled', () => {
    assert.match(
      explain(ISTIO, 'http://backend-v2/', { from: CLIENT }),
      /no rule is for it\n {2}→ backend-v2\.demo\.svc\.cluster\.local:80 by DestinationRule demo\/backend: 10\.42\.0\.2:8080\n/,
    )
    assert.match(
      explain(ISTIO, 'http://elsewhere.example/', { from: CLIENT }),
      /→ to the address that was dialled: elsewhere\.example is no service of the mesh\n/,
    )
  })

  test('a path that leads above the root is refused before any rule is asked', () => {
    assert.throws(() => explain(GATEWAY_API, 'http://shop.example/', { path: '/../x' }), /refused with 400/)
  })
})
