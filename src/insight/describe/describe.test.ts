import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseManifests } from '../../kube/index.ts'
import { describePod, describeService, NotFoundError } from '../index.ts'

const pod = (version: string, more = '') => `---
apiVersion: v1
kind: Pod
metadata:
  name: reviews-${version}
  namespace: demo
  labels: { app: reviews, version: ${version} }
  annotations: { sidecar.istio.io/status: '{"revision":"canary"}' }
spec:
  serviceAccountName: reviews
  containers: [{ name: reviews, ports: [{ name: web, containerPort: 9080 }, { containerPort: 53, protocol: UDP }] }]
  initContainers:
    - { name: istio-init }
    - { name: istio-proxy, restartPolicy: Always, ports: [{ containerPort: 15090 }] }
status:
  phase: Running
  podIP: 10.42.0.7
  containerStatuses: [{ name: reviews, ready: true }]
  initContainerStatuses: [{ name: istio-init, ready: false, state: { terminated: { exitCode: 0 } } }, { name: istio-proxy, ready: true }]
${more}`

const SERVICE = `---
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: demo }
spec: { clusterIP: 10.43.0.1, selector: { app: reviews }, ports: [{ name: http, port: 80, targetPort: web }] }
`

const INGRESS = `---
apiVersion: v1
kind: Pod
metadata: { name: ingress-1, namespace: istio-system, labels: { istio: ingressgateway } }
spec: { containers: [{ name: istio-proxy }] }
status: { phase: Running, hostIP: 192.0.2.9 }
---
apiVersion: v1
kind: Service
metadata: { name: istio-ingressgateway, namespace: istio-system }
spec: { clusterIP: 10.43.0.9, selector: { istio: ingressgateway }, ports: [{ port: 80, nodePort: 30080 }, { port: 8080, nodePort: 30081 }] }
`

const virtualService = (http: string, more = '') => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: demo }
spec:
  hosts: [reviews]
  http: ${http}
  ${more}
`

const destinationRule = (spec: string) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: demo }
spec: { host: reviews, ${spec} }
`
const SUBSETS =
  'subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }, { name: v3, labels: { version: v3 } }]'

const objectsOf = (yaml: string) => parseManifests(yaml).manifests.map(({ object }) => object)

function describeV1(...yaml: readonly string[]): string {
  const objects = objectsOf([pod('v1'), SERVICE, INGRESS, ...yaml].join(''))
  return describePod(objects, { name: 'reviews-v1', namespace: 'demo' }, { viewNamespace: 'demo' })
}

/** What is said between the Service's port and the next part. */
function policiesOfV1(...yaml: readonly string[]): string {
  return /targets pod port 9080\n([^]*?)-{20}\nEffective/.exec(describeV1(...yaml))?.[1] ?? ''
}

describe('describe', () => {
  test('a pod without rules: itself, its Service, and the mutual TLS of the mesh', () => {
    assert.equal(
      describeV1(),
      `Pod: reviews-v1
   Pod Revision: canary
   Pod Ports: 9080 (reviews), 53/UDP (reviews), 15090 (istio-proxy)
--------------------
Service: reviews
   Port: http 80/HTTP targets pod port 9080
--------------------
Effective PeerAuthentication:
   Workload mTLS mode: PERMISSIVE
`,
    )
  })

  test('the subsets that a pod belongs to, what the DestinationRule says, and who routes to it', () => {
    assert.equal(
      policiesOfV1(
        destinationRule(
          `${SUBSETS}, trafficPolicy: { tls: { mode: ISTIO_MUTUAL }, loadBalancer: { simple: RANDOM }, outlierDetection: {}, portLevelSettings: [{ port: { number: 80 }, tls: { mode: DISABLE } }] }`,
        ),
        virtualService(`
    - match: [{ uri: { prefix: /api }, headers: { end-user: { exact: jason } } }, { uri: { exact: /x }, ignoreUriCase: true }]
      fault: { abort: { httpStatus: 500 } }
      route: [{ destination: { host: reviews, subset: v1 }, weight: 90 }, { destination: { host: reviews, subset: v2 }, weight: 10 }]
    - match: [{ uri: { prefix: /two } }]
      route: [{ destination: { host: reviews, subset: v2 } }]
`),
      ),
      `DestinationRule: reviews for "reviews"
   Matching subsets: v1
      (Non-matching subsets v2,v3)
   Traffic Policy TLS Mode: ISTIO_MUTUAL
   Policies: load balancer/outlier detection
   Port Level Settings:
    80:
      TLS Mode: DISABLE
VirtualService: reviews
   Route to host "reviews" subset "v1" with weight 90%
   Fault injection {"abort":{"httpStatus":500}}, Match: /api* when headers are end-user=jason, Match: /x uncased
   1 additional destination(s) that will not reach this pod
`,
    )
  })

  test('a VirtualService that sends nothing to the pod says why', () => {
    const http = `
    - match: [{ uri: { prefix: /two } }]
      route: [{ destination: { host: reviews, subset: v2 } }]
    - route: [{ destination: { host: reviews.demo.svc.cluster.local, subset: v9 } }]
`
    assert.equal(
      policiesOfV1(destinationRule(SUBSETS), virtualService(http)).split('No Traffic Policy\n')[1],
      `VirtualService: reviews
   WARNING: No destinations match pod subsets (checked 2 HTTP routes)
      Route to non-matching subset v2 for (Match: /two*)
      Warning: Route to UNKNOWN subset v9; check DestinationRule reviews
`,
    )
    assert.match(
      policiesOfV1(virtualService(http)),
      /Warning: Route to subset v2 but NO DESTINATION RULE defining subsets!/,
    )
    assert.match(
      policiesOfV1(destinationRule('subsets: [{ name: other, labels: { version: v9 } }]')),
      /WARNING POD DOES NOT MATCH ANY SUBSETS. {2}\(Non matching subsets other\)/,
    )
  })

  test('a VirtualService of which there is nothing to say but how many routes it has', () => {
    const plain = '[{ route: [{ destination: { host: reviews } }] }]'
    assert.equal(policiesOfV1(virtualService(plain)), 'VirtualService: reviews\n   1 HTTP route(s)\n')
  })

  test('rules of a delegate count as those of the VirtualService that has it', () => {
    const delegate = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: part, namespace: other }
spec: { http: [{ match: [{ uri: { prefix: /api/x } }], route: [{ destination: { host: reviews.demo.svc.cluster.local } }] }] }
`
    const root = virtualService(
      '[{ match: [{ uri: { prefix: /api } }], delegate: { name: part, namespace: other } }]',
    )
    assert.equal(policiesOfV1(root, delegate), 'VirtualService: reviews\n   Match: /api/x*\n')
  })

  test('an HTTPRoute that is attached to the Service', () => {
    const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: split, namespace: demo }
spec:
  parentRefs: [{ group: '', kind: Service, name: reviews }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /api }, headers: [{ name: end-user, value: jason }] }]
      backendRefs: [{ name: reviews, port: 80, weight: 3 }, { name: elsewhere, port: 80, weight: 1 }]
`
    assert.equal(
      policiesOfV1(route),
      `HTTPRoute: split
   Route to host "reviews" with weight 75%
   Match: /api* when headers are end-user=jason
`,
    )
  })

  test('rules for connections, and ports apart where there are several', () => {
    const service = SERVICE.replace('targetPort: web }]', 'targetPort: web }, { name: tcp-bytes, port: 90 }]')
    const rule = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: bytes, namespace: demo }
spec: { hosts: [reviews], tcp: [{ match: [{ port: 90 }], route: [{ destination: { host: reviews, port: { number: 90 } } }] }] }
`
    const objects = objectsOf([pod('v1'), service, rule].join(''))
    const text = describePod(objects, { name: 'reviews-v1', namespace: 'demo' }, { viewNamespace: 'default' })
    assert.match(text, /^Pod: reviews-v1\.demo\n/)
    assert.match(text, / {3}Port: tcp-bytes 90\/TCP targets pod port 90\n/)
    assert.match(text, /^90:\n {3}VirtualService: bytes\.demo\n {6}Match: port 90\n/m)
    assert.match(text, /Skipping Gateway information \(no ingress gateway pods\)\n$/)
  })

  test('the policies of a workload, and the mutual TLS that holds for it', () => {
    const text = describeV1(`---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: demo }
spec: { selector: { matchLabels: { version: v1 } }, rules: [{ to: [{ operation: { methods: [GET] } }] }, { from: [{ source: { namespaces: [a] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: others, namespace: demo }
spec: { selector: { matchLabels: { version: v2 } }, rules: [{}] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: tried, namespace: demo, annotations: { istio.io/dry-run: 'true' } }
spec: { rules: [{}] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: mine, namespace: demo }
spec: { selector: { matchLabels: { app: reviews } }, portLevelMtls: { '9080': { mode: DISABLE } } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: theirs, namespace: demo }
spec: { selector: { matchLabels: { app: ratings } }, mtls: { mode: DISABLE } }
`)
    assert.match(
      text,
      /\nRBAC policies: ns\[demo\]-policy\[readers\]-rule\[0\], ns\[demo\]-policy\[readers\]-rule\[1\]\n/,
    )
    assert.ok(
      text.endsWith(`Effective PeerAuthentication:
   Workload mTLS mode: STRICT
   Port Level mTLS mode:
      9080: DISABLE
Applied PeerAuthentication:
   default.istio-system, mine.demo
`),
      text,
    )
  })

  test('where gateways of both APIs let clients in', () => {
    const gateways = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: demo }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: demo }
spec: { gatewayClassName: istio, listeners: [{ name: http, port: 8000, protocol: HTTP }] }
status: { addresses: [{ type: IPAddress, value: 192.0.2.1 }, { type: IPAddress, value: '2001:db8::1' }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: edge, namespace: demo }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [{ name: reviews, port: 80 }] }] }
`
    const routes = virtualService(
      '[{ match: [{ uri: { exact: /reviews } }], route: [{ destination: { host: reviews } }] }]',
      'gateways: [front]',
    )
    const exposed = (yaml: string) => describeV1(yaml, gateways, routes).split('mode: PERMISSIVE\n')[1]
    const onEdge = `Exposed on Gateway demo/edge http://192.0.2.1:8000, http://[2001:db8::1]:8000
HTTPRoute: edge
   1 HTTP route(s)
`
    const onFront = (address: string) => `Exposed on Ingress Gateway ${address}
VirtualService: reviews
   Match: /reviews
`
    const parts = (exposed('') ?? '').split(/(?=Exposed)/).toSorted()
    assert.deepEqual(parts, ['--------------------\n', onEdge, onFront('http://192.0.2.9:30080')])
    const objects = objectsOf([pod('v1'), SERVICE, INGRESS, gateways, routes].join(''))
    const balanced = objects.map((object) =>
      object.metadata.name === 'istio-ingressgateway'
        ? { ...object, status: { loadBalancer: { ingress: [{ ip: '203.0.113.5' }] } } }
        : object,
    )
    const text = describeService(balanced, { name: 'reviews', namespace: 'demo' }, { viewNamespace: 'demo' })
    assert.ok(text.includes(onFront('http://203.0.113.5')), text)
    const unserved = objectsOf([pod('v1'), SERVICE, gateways, routes].join(''))
    assert.match(
      describePod(unserved, { name: 'reviews-v1', namespace: 'demo' }, { viewNamespace: 'demo' }),
      /WARNING: no pod serves Istio Gateway demo\/front\nVirtualService: reviews\n/,
    )
  })

  test('what is wrong with a pod', () => {
    const about = (yaml: string, ignoreUnmeshed = false) =>
      describePod(
        objectsOf(yaml),
        { name: 'reviews-v1', namespace: 'demo' },
        { viewNamespace: 'demo', ignoreUnmeshed },
      )
    const bare = pod('v1').replace(/ {2}initContainers:[^]*?(?=status:)/, '')
    assert.match(about(bare), /\nWARNING: reviews-v1 is not part of mesh; no Istio sidecar\n/)
    assert.match(about(bare), /\nWarning: No Kubernetes Services select pod reviews-v1 \(see /)
    assert.doesNotMatch(about(bare), /PeerAuthentication/)
    assert.doesNotMatch(about(bare, true), /WARNING|Warning/)
    assert.match(
      about(pod('v1').replace('phase: Running', 'phase: Pending')),
      / {3}Pod is not Running \(Pending\)\n$/,
    )
    assert.match(
      about(pod('v1').replace('{ name: reviews, ready: true }', '{ name: reviews, ready: false }')),
      /\nWARNING: Pod reviews-v1 Container reviews NOT READY\n/,
    )
    assert.match(
      about(pod('v1').replace('{ name: istio-proxy, ready: true }', '{ name: istio-proxy, ready: false }')),
      /\nWARNING: Pod reviews-v1 Init Container istio-proxy NOT READY\n/,
    )
    assert.match(
      about(
        pod('v1').replace(
          '{ name: reviews, ports',
          '{ name: reviews, securityContext: { runAsUser: 1337 }, ports',
        ),
      ),
      /\nWARNING: User ID \(UID\) 1337 is reserved for the sidecar proxy\.\n/,
    )
    const unnamed = about(pod('v1').replace('labels: { app: reviews, version: v1 }', 'labels: { a: b }'))
    assert.match(unnamed, /\nSuggestion: add required service name label for Istio telemetry\. See https/)
    assert.match(unnamed, /\nSuggestion: add required service revision label for Istio telemetry\. See https/)
    assert.throws(() => about(SERVICE), NotFoundError)
  })

  test('a Service is described for all of its pods', () => {
    const about = (yaml: string) =>
      describeService(objectsOf(yaml), { name: 'reviews', namespace: 'demo' }, { viewNamespace: 'demo' })
    assert.equal(about(SERVICE), 'Service "reviews" has no pods.\n')
    const bare = pod('v1').replace(/ {2}initContainers:[^]*?(?=status:)/, '')
    assert.match(about(SERVICE + bare), /^Service "reviews" has no Istio pods\. {2}\(1 pods in service\)\.\n/)
    const both = about(SERVICE + INGRESS + pod('v1') + pod('v2') + destinationRule(SUBSETS))
    assert.equal(
      both,
      `Service: reviews
   Port: http 80/HTTP targets pod port 9080
DestinationRule: reviews for "reviews"
   Matching subsets: v1,v2
      (Non-matching subsets v3)
   No Traffic Policy
`,
    )
    assert.throws(() => about(pod('v1')), NotFoundError)
  })
})
