import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../../kube/index.ts'
import { type AnalyzeOptions, type Code, analyze, formatMessages, reportMessages } from '../index.ts'

function parse(text: string): readonly KubeObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null)
}

/** What the walkthrough has running: a namespace with sidecars, an application in two versions, a gateway. */
const CLEAN = `
apiVersion: v1
kind: Namespace
metadata: { name: demo, labels: { istio-injection: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: backend, namespace: demo }
spec: { selector: { app: backend }, ports: [{ name: http, port: 3000, targetPort: 3000, protocol: TCP }] }
---
apiVersion: v1
kind: Service
metadata: { name: redis, namespace: demo }
spec: { selector: { app: redis }, ports: [{ name: redis-tcp, port: 6379, targetPort: 6379, protocol: TCP }] }
---
apiVersion: v1
kind: Service
metadata: { name: gw-istio, namespace: demo, labels: { gateway.istio.io/managed: istio.io-gateway-controller } }
spec: { selector: { gateway: gw }, ports: [{ name: status-port, port: 15021 }, { name: default, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: istio-ingressgateway, namespace: istio-system, labels: { istio: ingressgateway } }
spec: { selector: { istio: ingressgateway }, ports: [{ name: http2, port: 80, targetPort: 8080, protocol: TCP }] }
---
apiVersion: v1
kind: Pod
metadata: { name: istio-ingressgateway-1, namespace: istio-system, labels: { istio: ingressgateway } }
spec: { containers: [{ name: istio-proxy, image: proxyv2 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: backend-v1, namespace: demo }
spec: { template: { metadata: { labels: { app: backend, version: v1 } }, spec: { containers: [{ name: app, image: a }] } } }
---
apiVersion: v1
kind: Pod
metadata: { name: backend-v1-1, namespace: demo, labels: { app: backend, version: v1 } }
spec: { containers: [{ name: app, image: a }], initContainers: [{ name: istio-proxy, image: proxyv2 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: backend-v2-1, namespace: demo, labels: { app: backend, version: v2 } }
spec: { containers: [{ name: app, image: a }, { name: istio-proxy, image: proxyv2 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw, namespace: demo }
spec: { gatewayClassName: istio, listeners: [{ name: default, port: 80, protocol: HTTP }] }
status: { conditions: [{ type: Accepted, status: 'True', reason: Accepted }, { type: Programmed, status: 'True', reason: Programmed }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: rr, namespace: demo }
spec: { parentRefs: [{ name: gw }], rules: [{ backendRefs: [{ name: backend, port: 3000 }] }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: shop, namespace: demo }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: weights, namespace: demo }
spec:
  hosts: ['*']
  gateways: [shop]
  http:
    - match: [{ uri: { prefix: /backend } }]
      route:
        - { destination: { host: backend, subset: v1 }, weight: 90 }
        - { destination: { host: backend.demo.svc.cluster.local, subset: v2 }, weight: 10 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: backend, namespace: demo }
spec: { host: backend, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
`

function virtualService(spec: string, name = 'vs'): string {
  return `---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name}, namespace: demo }\nspec: ${spec}\n`
}

function sidecar(name: string, spec: string): string {
  return `---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: ${name}, namespace: demo }\nspec: ${spec}\n`
}

function serviceEntry(name: string, port: string, resolution: string): string {
  return `---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name}, namespace: demo }\nspec: { hosts: [x.test], ports: [${port}], resolution: ${resolution} }\n`
}

/** The lines that a change to the clean configuration brings. */
function linesWith(yaml: string, options: AnalyzeOptions = { namespace: 'demo' }): readonly string[] {
  const extra = parse(yaml)
  const names = new Set(extra.map((one) => `${one.apiVersion}/${one.kind}/${one.metadata.name}`))
  const base = parse(CLEAN).filter((one) => !names.has(`${one.apiVersion}/${one.kind}/${one.metadata.name}`))
  const text = formatMessages(analyze([...base, ...extra], options))
  return text === '' ? [] : text.split('\n')
}

test('a clean namespace gives the clean line alone', () => {
  const report = reportMessages(analyze(parse(CLEAN), { namespace: 'demo' }), { target: 'namespace: demo' })
  assert.deepEqual(report, {
    stdout: '',
    stderr: '✔ No validation issues found when analyzing namespace: demo.\n',
    exitCode: 0,
  })
})

const CASES: readonly { readonly title: string; readonly yaml: string; readonly lines: readonly string[] }[] =
  [
    {
      title: 'Sidecars that pick the same pod, none, or all of a namespace',
      yaml: ['a', 'b']
        .flatMap((name) => [
          sidecar(name, '{ workloadSelector: { labels: { app: backend, version: v1 } } }'),
          sidecar(`all-${name}`, '{}'),
        ])
        .concat(sidecar('nobody', '{ workloadSelector: { labels: { app: nobody } } }'))
        .join(''),
      lines: [
        'Error [IST0101] (Sidecar demo/nobody) Referenced selector not found: "app=nobody"',
        'Error [IST0110] (Sidecar demo/a) The Sidecars [a b] in namespace "demo" select the same workload pod "backend-v1-1", which can lead to undefined behavior.',
        'Error [IST0110] (Sidecar demo/b) The Sidecars [a b] in namespace "demo" select the same workload pod "backend-v1-1", which can lead to undefined behavior.',
        'Error [IST0111] (Sidecar demo/all-a) The Sidecars [all-a all-b] in namespace "demo" have no workload selector, which can lead to undefined behavior.',
        'Error [IST0111] (Sidecar demo/all-b) The Sidecars [all-a all-b] in namespace "demo" have no workload selector, which can lead to undefined behavior.',
      ],
    },
    {
      title: 'a Sidecar with a socket of the machine',
      yaml: sidecar(
        'socket',
        "{ ingress: [{ port: { number: 9080, protocol: HTTP, name: h }, defaultEndpoint: 'unix:///x' }] }",
      ),
      lines: [
        'Warning [LAT0001] (Sidecar demo/socket) Not served: spec.ingress[0].defaultEndpoint unix:///x: sockets of the machine are not served; connections to port 9080 are refused.',
      ],
    },
    {
      title: 'Gateways of the same pods with the same certificate',
      yaml: [
        ['a', 'credentialName: shop'],
        ['b', 'credentialName: shop'],
        ['c', 'credentialName: other'],
      ]
        .map(
          ([name, certificate]) => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: demo }
spec:
  selector: { app: backend }
  servers:
    - { port: { number: 3000, name: https, protocol: HTTPS }, hosts: ['${name}.example'], tls: { mode: SIMPLE, ${certificate} } }
    - { port: { number: 3000, name: tls, protocol: TLS }, hosts: ['p-${name}.example'], tls: { mode: PASSTHROUGH } }
`,
        )
        .join(''),
      lines: ['a', 'b'].map(
        (name) =>
          `Warning [IST0138] (Gateway demo/${name}) Duplicate certificate in multiple gateways [demo/${name} demo/${name === 'a' ? 'b' : 'a'}] may cause 404s if clients re-use HTTP2 connections.`,
      ),
    },
    {
      title: 'claims at a gateway where nobody verifies tokens, and a gateway of nobody’s',
      yaml: `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: g, namespace: demo }
spec: { selector: { app: backend, version: v1 }, servers: [{ port: { number: 3000, name: http, protocol: HTTP }, hosts: ['*'] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: vs, namespace: demo }
spec:
  hosts: ['*']
  gateways: [g, istio-system/edge-istio-autogenerated-k8s-gateway-http]
  http:
    - match: [{ headers: { '@request.auth.claims.role': { exact: admin } } }]
      route: [{ destination: { host: backend, port: { number: 3000 } } }]
`,
      lines: [
        'Error [IST0149] (VirtualService demo/vs) The virtual service uses the JWT claim based routing (key: @request.auth.claims.role) but found no request authentication for the gateway (demo/g) pod (demo/backend-v1-1). The request authentication must first be applied for the gateway pods to validate the JWT token and make the claims available for routing.',
        'Warning [IST0165] (VirtualService demo/vs) Gateway reference in VirtualService demo/vs is to an implementation-generated internal Gateway: istio-system/edge-istio-autogenerated-k8s-gateway-http.',
      ],
    },
    {
      title: 'TLS that verifies nobody',
      yaml: `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: tls, namespace: demo }
spec:
  host: redis
  trafficPolicy:
    tls: { mode: SIMPLE }
    portLevelSettings: [{ port: { number: 6379 }, tls: { mode: MUTUAL, credentialName: c } }]
`,
      lines: [
        'Warning [IST0128] (DestinationRule demo/tls) DestinationRule demo/tls in namespace demo has TLS mode set to SIMPLE but no caCertificates are set to validate server identity for host: redis',
        'Warning [IST0129] (DestinationRule demo/tls) DestinationRule demo/tls in namespace demo has TLS mode set to MUTUAL but no caCertificates are set to validate server identity for host: redis at port number:6379',
      ],
    },
    {
      title: 'ServiceEntries without an address, and two that differ over a port',
      yaml: `${serviceEntry('one', '{ number: 1, name: a, protocol: TCP }', 'NONE')}${serviceEntry('two', '{ number: 1, name: a, protocol: HTTP }', 'NONE')}${serviceEntry('three', '{ number: 2, name: b, protocol: TCP }', 'DNS')}`,
      lines: [
        'Warning [IST0134] (ServiceEntry demo/one) ServiceEntry addresses are required for this protocol.',
        'Warning [IST0177] (ServiceEntry demo/one) ServiceEntries (demo/one, demo/two) define the same host "x.test" and port 1 with conflicting protocols (HTTP, TCP).',
        'Warning [IST0177] (ServiceEntry demo/two) ServiceEntries (demo/one, demo/two) define the same host "x.test" and port 1 with conflicting protocols (HTTP, TCP).',
      ],
    },
    {
      title: 'a destination host that does not exist',
      yaml: virtualService('{ hosts: [x], http: [{ route: [{ destination: { host: nowhere } }] }] }'),
      lines: ['Error [IST0101] (VirtualService demo/vs) Referenced host not found: "nowhere"'],
    },
    {
      title: 'a port that the destination does not have',
      yaml: virtualService(
        '{ hosts: [x], http: [{ route: [{ destination: { host: backend, port: { number: 81 } } }] }] }',
      ),
      lines: ['Error [IST0101] (VirtualService demo/vs) Referenced host:port not found: "backend:81"'],
    },
    {
      title: 'a mirror that does not exist',
      yaml: virtualService(
        '{ hosts: [x], http: [{ route: [{ destination: { host: backend } }], mirror: { host: m } }] }',
      ),
      lines: ['Error [IST0101] (VirtualService demo/vs) Referenced mirror host not found: "m"'],
    },
    {
      title: 'a subset that no DestinationRule defines',
      yaml: virtualService(
        '{ hosts: [x], http: [{ route: [{ destination: { host: backend, subset: v9 } }] }] }',
      ),
      lines: [
        'Error [IST0101] (VirtualService demo/vs) Referenced host+subset in destinationrule not found: "backend+v9"',
      ],
    },
    {
      title: 'a gateway that does not exist',
      yaml: virtualService(
        '{ hosts: [a.com], gateways: [gone], http: [{ route: [{ destination: { host: backend } }] }] }',
      ),
      lines: [
        'Error [IST0101] (VirtualService demo/vs) Referenced gateway not found: "gone"',
        'Warning [IST0132] (VirtualService demo/vs) one or more host [a.com] defined in VirtualService demo/vs not found in Gateway demo/gone.',
      ],
    },
    {
      title: 'a namespace that is not injected',
      yaml: 'apiVersion: v1\nkind: Namespace\nmetadata: { name: demo }',
      lines: [
        "Info [IST0102] (Namespace demo) The namespace is not enabled for Istio injection. Run 'kubectl label namespace demo istio-injection=enabled' to enable it, or 'kubectl label namespace demo istio-injection=disabled' to explicitly mark it as not needing injection.",
      ],
    },
    {
      title: 'a pod without its proxy',
      yaml: 'apiVersion: v1\nkind: Pod\nmetadata: { name: bare, namespace: demo }\nspec: { containers: [{ name: app, image: a }] }',
      lines: [
        'Warning [IST0103] (Pod demo/bare) The pod demo/bare is missing the Istio proxy. This can often be resolved by restarting or redeploying the workload.',
      ],
    },
    {
      title: 'a subset that selects no pod of its Service, though one of another application has the label',
      yaml: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: redis, namespace: demo }
spec: { host: redis, subsets: [{ name: v1, labels: { version: v1 } }] }`,
      lines: [
        'Error [IST0173] (DestinationRule demo/redis) The Subset v1 defined in the DestinationRule does not select any pods. Which may lead to 503 UH (NoHealthyUpstream).',
      ],
    },
    {
      title: 'a DestinationRule for an unknown host',
      yaml: 'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: r, namespace: demo }\nspec: { host: gone }',
      lines: [
        'Warning [IST0174] (DestinationRule demo/r) The host gone defined in the DestinationRule does not match any services in the mesh.',
      ],
    },
    {
      title: 'several ports and none chosen',
      yaml: `apiVersion: v1
kind: Service
metadata: { name: two, namespace: demo }
spec: { ports: [{ name: http, port: 80 }, { name: http-b, port: 81 }] }
${virtualService('{ hosts: [x], http: [{ route: [{ destination: { host: two } }] }] }')}`,
      lines: [
        'Error [IST0112] (VirtualService demo/vs) This VirtualService routes to a service "two" that exposes multiple ports [80 81]. Specifying a port in the destination is required to disambiguate.',
      ],
    },
    {
      title: 'a port name without a protocol',
      yaml: 'apiVersion: v1\nkind: Service\nmetadata: { name: s, namespace: demo }\nspec: { ports: [{ name: web, port: 80, targetPort: 8080 }] }',
      lines: [
        "Info [IST0118] (Service demo/s) Port name web (port: 80, targetPort: 8080) doesn't follow the naming convention of Istio port.",
      ],
    },
    {
      title: 'one port with two protocols on one Deployment',
      yaml: 'apiVersion: v1\nkind: Service\nmetadata: { name: udp, namespace: demo }\nspec: { selector: { app: backend }, ports: [{ name: udp-x, port: 3000, protocol: UDP }] }',
      lines: [
        'Warning [IST0116] (Deployment demo/backend-v1) This deployment backend-v1 is associated with multiple services using port 3000 but different protocols: [demo/backend demo/udp]',
      ],
    },
    {
      title: 'a gateway port that its Service does not offer, and a conflict between gateways',
      yaml: `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: other, namespace: demo }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: a }, hosts: ['*'] }, { port: { number: 9, name: b }, hosts: [c] }] }`,
      lines: [
        'Error [IST0145] (Gateway demo/other) Conflict with gateways demo/shop (workload selector istio=ingressgateway, port 80, hosts *).',
        'Error [IST0145] (Gateway demo/shop) Conflict with gateways demo/other (workload selector istio=ingressgateway, port 80, hosts *).',
        'Warning [IST0162] (Gateway demo/other) The gateway is listening on a target port (port 9) that is not defined in the Service associated with its workload instances (Pod selector istio=ingressgateway). If you need to access the gateway port through the gateway Service, it will not be available.',
      ],
    },
    {
      title: 'a gateway whose selector picks no pod',
      yaml: "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: g, namespace: demo }\nspec: { selector: { b: '2', a: '1' }, servers: [{ port: { number: 80 }, hosts: [a] }] }",
      lines: ['Error [IST0101] (Gateway demo/g) Referenced selector not found: "a=1,b=2"'],
    },
    {
      title: 'two VirtualServices of the mesh for one host',
      yaml: ['a', 'b']
        .map((name) =>
          virtualService(
            '{ hosts: [backend], http: [{ route: [{ destination: { host: backend } }] }] }',
            name,
          ),
        )
        .join(''),
      lines: ['a', 'b'].map(
        (name) =>
          `Error [IST0109] (VirtualService demo/${name}) The VirtualServices demo/a,demo/b associated with mesh gateway define the same host */backend.demo.svc.cluster.local which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource.`,
      ),
    },
    {
      title: 'rules that nothing can reach',
      yaml: virtualService(
        '{ hosts: [x], http: [{ match: [{ uri: { exact: /a } }], redirect: { uri: / } }, { name: again, match: [{ name: n, uri: { exact: /a } }], redirect: { uri: / } }, { redirect: { uri: / } }, { redirect: { uri: /b } }] }',
      ),
      lines: [
        'Warning [IST0130] (VirtualService demo/vs) VirtualService rule "again" not used (all matches used by prior rules).',
        'Warning [IST0130] (VirtualService demo/vs) VirtualService rule #3 not used (only the last rule can have no matches).',
        'Info [IST0131] (VirtualService demo/vs) VirtualService rule "again" match "n" is not used (duplicate/overlapping match in rule #0).',
      ],
    },
    {
      title: 'a prefix that a shorter one before it covers',
      yaml: virtualService(
        '{ hosts: [x], http: [{ match: [{ uri: { prefix: /a } }], redirect: { uri: / } }, { match: [{ uri: { prefix: /ab } }], redirect: { uri: / } }] }',
      ),
      lines: [
        'Info [IST0131] (VirtualService demo/vs) VirtualService rule #1 match #0 of prefix /ab is not used (duplicate/overlapping match in rule #0 of prefix /a on #0).',
      ],
    },
    {
      title: 'contradictions that the schema cannot see',
      yaml: virtualService(
        "{ hosts: ['*'], http: [{ route: [{ destination: { host: backend } }], redirect: { uri: / } }] }",
      ),
      lines: [
        'Error [IST0106] (VirtualService demo/vs) Schema validation error: HTTP route cannot contain both route and redirect',
        'Error [IST0106] (VirtualService demo/vs) Schema validation error: wildcard host * is not allowed for virtual services bound to the mesh gateway',
      ],
    },
    {
      title: 'a route that its controller has refused',
      yaml: `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: demo }
spec: { parentRefs: [{ name: gw }], rules: [{ backendRefs: [{ name: gone, port: 80 }] }] }
status: { parents: [{ conditions: [{ type: Accepted, status: 'True', reason: Accepted, message: fine }, { type: ResolvedRefs, status: 'False', reason: BackendNotFound, message: no gone }] }] }`,
      lines: [
        'Warning [IST0171] (HTTPRoute demo/r) A condition with a negative status is present: type=ResolvedRefs, reason=BackendNotFound, message=no gone.',
      ],
    },
    {
      title: 'a route that no controller has looked at, with a missing Gateway and Service',
      yaml: 'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: r, namespace: demo }\nspec: { parentRefs: [{ name: gone }], rules: [{ backendRefs: [{ name: lost }] }] }',
      lines: [
        'Error [IST0101] (HTTPRoute demo/r) Referenced gateway not found: "gone.demo"',
        'Error [IST0101] (HTTPRoute demo/r) Referenced host not found: "lost.demo"',
      ],
    },
  ]

for (const { title, yaml, lines } of CASES) {
  test(`analyze finds ${title}`, () => assert.deepEqual(linesWith(yaml), lines))
}

const BROKEN = virtualService('{ hosts: [x], http: [{ route: [{ destination: { host: nowhere } }] }] }')

test('messages about other namespaces are left out, cluster-scoped ones kept', () => {
  assert.equal(linesWith(BROKEN, { namespace: 'other' }).length, 0)
  assert.equal(linesWith(BROKEN, {}).length, 1)
})

test('messages are suppressed by annotation and by option', () => {
  const annotated = BROKEN.replace(
    'namespace: demo }',
    "namespace: demo, annotations: { galley.istio.io/analyze-suppress: 'IST0103,IST0101' } }",
  )
  assert.deepEqual(linesWith(annotated), [])
  const suppress = (code: string, resource: string): readonly string[] =>
    linesWith(BROKEN, { suppressions: [{ code, resource }] })
  assert.equal(suppress('IST0101', 'VirtualService demo/*').length, 0)
  assert.equal(suppress('IST0101', 'VirtualService other/*').length, 1)
  assert.equal(suppress('IST0102', '*').length, 1)
})

test('errors fail with exit code 79, lesser messages only from the failure threshold on', () => {
  const messages = analyze([...parse(CLEAN), ...parse(BROKEN)], { namespace: 'demo' })
  const report = reportMessages(messages, { target: 'namespace: demo' })
  assert.equal(report.exitCode, 79)
  assert.match(report.stderr, /^Error: Analyzers found issues when analyzing namespace: demo\.\nSee https:/)
  assert.equal(reportMessages(messages, { target: 'x', format: 'json' }).exitCode, 0)
  const info = analyze(parse('apiVersion: v1\nkind: Namespace\nmetadata: { name: demo }'))
  assert.equal(reportMessages(info, { target: 'x' }).exitCode, 0)
  assert.equal(reportMessages(info, { target: 'x', failureThreshold: 'Info' }).exitCode, 79)
  assert.equal(reportMessages(info, { target: 'x', outputThreshold: 'Warning' }).stdout, '')
})

test('JSON and YAML carry the same members in the same order, and read back', () => {
  const messages = analyze([...parse(CLEAN), ...parse(BROKEN)], { namespace: 'demo' })
  const expected = [
    {
      code: 'IST0101',
      documentationUrl:
        'https://istio.io/latest/docs/reference/config/analysis/ist0101/?ref=istioctl-analyze',
      level: 'Error',
      message: 'Referenced host not found: "nowhere"',
      origin: 'VirtualService demo/vs',
      reference: 'route.yaml:3',
    },
  ]
  const referenceOf = (): string => 'route.yaml:3'
  assert.deepEqual(JSON.parse(formatMessages(messages, { format: 'json', referenceOf })), expected)
  assert.deepEqual(parse(formatMessages(messages, { format: 'yaml', referenceOf }))[0], expected)
  assert.equal(formatMessages([], { format: 'json' }), '[]')
  assert.equal(
    formatMessages(messages, { referenceOf, color: true }),
    '\x1b[1;31mError\x1b[0m [IST0101] (VirtualService demo/vs route.yaml:3) Referenced host not found: "nowhere"',
  )
})

test('the order of the objects never changes the messages', () => {
  const all = parse(CLEAN + CASES.map((one) => `---\n${one.yaml}`).join('\n'))
  const nameOf = (one: KubeObject): string => `${one.apiVersion}/${one.kind}/${one.metadata.name}`
  const objects = [...new Map(all.map((one) => [nameOf(one), one])).values()]
  const expected = formatMessages(analyze(objects))
  assert.ok(new Set(analyze(objects).map((message): Code => message.code)).size >= 8)
  fc.assert(
    fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) =>
      assert.equal(formatMessages(analyze(shuffled)), expected),
    ),
    { numRuns: 30 },
  )
})

test('patches of an EnvoyFilter that do nothing are warned of (LAT0001)', () => {
  const filter = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: lua, namespace: demo }
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      patch: { operation: INSERT_BEFORE, value: { name: envoy.filters.http.lua } }
`
  const messages = analyze(parse(filter))
  assert.deepEqual(
    messages.map(({ code, level }) => [code, level]),
    [['LAT0001', 'Warning']],
  )
  assert.match(
    messages[0]?.text ?? '',
    /^Not served: spec\.configPatches\[0\]\.patch\.value\.name envoy\.filters\.http\.lua/,
  )
})

test('no object, however odd, makes analyze throw', () => {
  const filter = { apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter' }
  const kinds = [filter, ...parse(CLEAN).map(({ apiVersion, kind }) => ({ apiVersion, kind }))]
  const name = fc.constantFrom(
    'hosts',
    'gateways',
    'http',
    'route',
    'match',
    'servers',
    'subsets',
    'ports',
    'selector',
    'configPatches',
    'patch',
    'targetRefs',
  )
  const odd = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, '', '*', 'a', 0, true),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(name, tie('value'), { maxKeys: 3 }),
    ),
  })).value
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...kinds), odd, odd), { maxLength: 5 }), (objects) => {
      analyze(
        objects.map(([kind, spec, status], i) => ({
          ...kind,
          metadata: { name: `o${i}`, namespace: 'demo' },
          spec,
          status,
        })),
      )
    }),
    { numRuns: 300 },
  )
})

test('what of a policy is not enforced is warned of (LAT0001)', () => {
  const objects = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: demo }
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: waypoint, namespace: demo }
spec: { targetRefs: [{ kind: Service, group: '', name: backend }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: labels, namespace: demo }
spec: { rules: [{ when: [{ key: 'destination.labels[app]', values: [a] }] }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: demo }
spec: { portLevelMtls: { 8080: { mode: STRICT } } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: as-it-is, namespace: demo }
spec: { mtls: { mode: PERMISSIVE } }
---
apiVersion: security.istio.io/v1beta1
kind: RequestAuthentication
metadata: { name: tokens, namespace: demo }
spec: { jwtRules: [{ issuer: a, jwksUri: 'https://a/keys' }] }
`
  assert.deepEqual(
    analyze(parse(objects))
      .filter(({ code }) => code === 'LAT0001')
      .map(({ level, object, text }) => [level, object.metadata.name, text]),
    [
      [
        'Warning',
        'labels',
        'Not served: rules[0].when[0].key: destination.labels[app] is not known; a rule with it allows nothing, and refuses whatever the rest of it matches.',
      ],
      [
        'Warning',
        'waypoint',
        'Not served: targetRefs: Service backend is served by a waypoint, as in Istio, and this mesh has none; select the workload with selector.matchLabels.',
      ],
      ['Warning', 'strict', 'Not served: spec.portLevelMtls: has no effect without a selector.'],
    ],
  )
})

// istio.io, IST0127 NoMatchingWorkloadsFound
test('a policy whose selector picks no pod is told (IST0127)', () => {
  const objects = `
apiVersion: v1
kind: Pod
metadata: { name: a, namespace: demo, labels: { app: a } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: picks, namespace: demo }
spec: { selector: { matchLabels: { app: a } } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: misses, namespace: demo }
spec: { selector: { matchLabels: { app: b } } }
`
  assert.deepEqual(
    analyze(parse(objects))
      .filter(({ code }) => code === 'IST0127')
      .map(({ object, text }) => [object.metadata.name, text]),
    [['misses', 'No matching workloads for labels app=b']],
  )
})
