import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Container, Pod } from '../../kube/index.ts'
import { proxySettingsOf } from './configuration.ts'
import { injectGateway } from './gateway.ts'
import { jsonPatch } from './json-patch.ts'
import { selectPod } from './selection.ts'
import { injectSidecar } from './sidecar.ts'
import { reviewPod } from './webhook.ts'

const settings = proxySettingsOf({
  revision: 'default',
  istioNamespace: 'istio-system',
  clusterId: 'Kubernetes',
  clusterDomain: 'cluster.local',
  values: '{"global":{"hub":"docker.io/istio","tag":"1.30.0"}}',
  mesh: 'defaultConfig:\n  concurrency: 2\n',
})

function testPod(overrides: { metadata?: Partial<Pod['metadata']>; spec?: Partial<Pod['spec']> } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: 'backend-v1-579f8fdc8b-',
      labels: { app: 'backend', version: 'v1', 'pod-template-hash': '579f8fdc8b' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'backend-v1-579f8fdc8b',
          uid: 'u',
          controller: true,
        },
      ],
      ...overrides.metadata,
    },
    spec: {
      containers: [{ name: 'backend', image: 'backend:v1', ports: [{ containerPort: 8080 }] }],
      initContainers: [{ name: 'migrate', image: 'backend:v1' }],
      volumes: [{ name: 'data', emptyDir: {} }],
      ...overrides.spec,
    },
  }
}

const envOf = (container: Container | undefined) =>
  Object.fromEntries(
    (container?.env ?? []).map((entry) => [entry.name, entry.value ?? entry.valueFrom?.fieldRef?.fieldPath]),
  )

describe('sidecar', () => {
  const injected = injectSidecar(testPod(), 'demo', settings)

  test('capture first, then the proxy as a native sidecar, then the pod’s own init containers', () => {
    const inits = injected.spec.initContainers ?? []
    assert.deepEqual(
      inits.map((container) => [container.name, container.restartPolicy]),
      [
        ['istio-init', undefined],
        ['istio-proxy', 'Always'],
        ['migrate', undefined],
      ],
    )
    assert.deepEqual(
      injected.spec.containers.map((container) => container.name),
      ['backend'],
    )
    assert.equal(inits[1]?.image, 'docker.io/istio/proxyv2:1.30.0')
  })

  test('the proxy is told its workload, its control plane and the mesh’s configuration', () => {
    const env = envOf(injected.spec.initContainers?.[1])
    assert.equal(env['ISTIO_META_WORKLOAD_NAME'], 'backend-v1')
    assert.equal(env['ISTIO_META_OWNER'], 'kubernetes://apis/apps/v1/namespaces/demo/deployments/backend-v1')
    assert.equal(env['INSTANCE_IP'], 'status.podIP')
    assert.equal(env['TRUST_DOMAIN'], 'cluster.local')
    assert.deepEqual(JSON.parse(env['PROXY_CONFIG'] ?? ''), {
      discoveryAddress: 'istiod.istio-system.svc:15012',
      concurrency: 2,
    })
  })

  test('labels, annotations and volumes are those of Istio', () => {
    assert.equal(injected.metadata.labels?.['security.istio.io/tlsMode'], 'istio')
    assert.equal(injected.metadata.labels?.['service.istio.io/canonical-name'], 'backend')
    assert.equal(injected.metadata.labels?.['service.istio.io/canonical-revision'], 'v1')
    assert.equal(injected.metadata.annotations?.['kubectl.kubernetes.io/default-container'], 'backend')
    const status = JSON.parse(injected.metadata.annotations?.['sidecar.istio.io/status'] ?? '{}')
    assert.deepEqual(status.initContainers, ['istio-init', 'istio-proxy'])
    for (const name of ['data', 'istio-token', 'istiod-ca-cert', 'istio-podinfo']) {
      assert.ok(
        injected.spec.volumes?.some((volume) => volume.name === name),
        name,
      )
    }
  })

  test('injecting twice changes nothing', () => {
    assert.deepEqual(injectSidecar(injected, 'demo', settings), injected)
    const gateway = injectGateway(testPod(), 'demo', settings)
    assert.deepEqual(injectGateway(gateway, 'demo', settings), gateway)
  })

  test('annotations choose ports to leave alone, resources and the proxy’s configuration', () => {
    const pod = testPod({
      metadata: {
        annotations: {
          'traffic.sidecar.istio.io/excludeInboundPorts': '9000',
          'traffic.sidecar.istio.io/excludeOutboundPorts': '6379',
          'sidecar.istio.io/proxyCPU': '50m',
          'proxy.istio.io/config': 'concurrency: 1',
        },
      },
    })
    const [init, proxy] = injectSidecar(pod, 'demo', settings).spec.initContainers ?? []
    assert.ok(init?.args?.includes('15090,15021,15020,9000'))
    assert.equal(init?.args?.at(-1), '6379')
    assert.deepEqual(proxy?.resources?.requests, { cpu: '50m' })
    assert.equal(JSON.parse(envOf(proxy)['PROXY_CONFIG'] ?? '').concurrency, 1)
  })

  test('what a pod says itself of the container istio-proxy wins', () => {
    const own: Container = { name: 'istio-proxy', image: 'auto', env: [{ name: 'EXTRA', value: '1' }] }
    const pod = testPod({ spec: { containers: [{ name: 'app', image: 'a' }, own] } })
    const result = injectSidecar(pod, 'demo', settings)
    const proxy = result.spec.initContainers?.[1]
    assert.equal(envOf(proxy)['EXTRA'], '1')
    assert.equal(proxy?.image, settings.proxyImage)
    assert.equal(result.spec.containers.length, 1)
  })
})

describe('probes of the application', () => {
  const container: Container = {
    name: 'web',
    image: 'web',
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: {
      httpGet: { path: '/ready', port: 'http', scheme: 'HTTPS', httpHeaders: [{ name: 'X-A', value: '1' }] },
      timeoutSeconds: 3,
      periodSeconds: 5,
    },
    livenessProbe: { tcpSocket: { port: 9000 }, timeoutSeconds: 1, failureThreshold: 5 },
    startupProbe: { grpc: { port: 9001, service: 'echo' }, timeoutSeconds: 1 },
    lifecycle: {
      preStop: { httpGet: { path: '/bye', port: 8080 } },
      postStart: { exec: { command: ['a'] } },
    },
  }
  const probed = (own: Partial<Pod['metadata']> = {}, containers = [container]) =>
    testPod({ metadata: own, spec: { containers } })
  const probersOf = (pod: Pod): unknown => {
    const text = envOf(pod.spec.initContainers?.[1])['ISTIO_KUBE_APP_PROBERS']
    return text === undefined ? undefined : JSON.parse(text)
  }

  test('go to the proxy in Istio’s form, and the proxy is told what they were', () => {
    const injected = injectSidecar(probed(), 'demo', settings)
    assert.deepEqual(injected.spec.containers, [
      {
        ...container,
        readinessProbe: {
          httpGet: {
            path: '/app-health/web/readyz',
            port: 15020,
            scheme: 'HTTP',
            httpHeaders: [{ name: 'X-A', value: '1' }],
          },
          timeoutSeconds: 3,
          periodSeconds: 5,
        },
        livenessProbe: {
          httpGet: { path: '/app-health/web/livez', port: 15020 },
          timeoutSeconds: 1,
          failureThreshold: 5,
        },
        startupProbe: { httpGet: { path: '/app-health/web/startupz', port: 15020 }, timeoutSeconds: 1 },
        lifecycle: {
          preStop: { httpGet: { path: '/app-lifecycle/web/prestopz', port: 15020 } },
          postStart: { exec: { command: ['a'] } },
        },
      },
    ])
    assert.deepEqual(probersOf(injected), {
      '/app-health/web/livez': { tcpSocket: { port: 9000 }, timeoutSeconds: 1 },
      '/app-health/web/readyz': {
        httpGet: {
          path: '/ready',
          port: 8080,
          scheme: 'HTTPS',
          httpHeaders: [{ name: 'X-A', value: '1' }],
        },
        timeoutSeconds: 3,
      },
      '/app-health/web/startupz': { grpc: { port: 9001, service: 'echo' }, timeoutSeconds: 1 },
      '/app-lifecycle/web/prestopz': { httpGet: { path: '/bye', port: 8080 } },
    })
    assert.deepEqual(injectSidecar(injected, 'demo', settings), injected)
  })

  test('of a container that came after an injection are added to those before', () => {
    const injected = injectSidecar(probed(), 'demo', settings)
    const late: Container = { name: 'late', readinessProbe: { tcpSocket: { port: 1 } } }
    const own: Container = { name: 'istio-proxy', env: [{ name: 'EXTRA', value: '1' }] }
    const again = injectSidecar(
      { ...injected, spec: { ...injected.spec, containers: [...injected.spec.containers, late, own] } },
      'demo',
      settings,
    )
    assert.deepEqual(Object.keys(probersOf(again) as object), [
      '/app-health/late/readyz',
      '/app-health/web/livez',
      '/app-health/web/readyz',
      '/app-health/web/startupz',
      '/app-lifecycle/web/prestopz',
    ])
  })

  test('stay where the pod, or the mesh, says so', () => {
    const no = { annotations: { 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' } }
    const yes = { annotations: { 'sidecar.istio.io/rewriteAppHTTPProbers': 'true' } }
    const off = { ...settings, rewritesAppProbes: false }
    for (const [own, its] of [
      [no, settings],
      [{}, off],
    ] as const) {
      const injected = injectSidecar(probed(own), 'demo', its)
      assert.deepEqual(injected.spec.containers, [container])
      assert.equal(probersOf(injected), undefined)
    }
    assert.notEqual(probersOf(injectSidecar(probed(yes), 'demo', off)), undefined)
    assert.equal(
      proxySettingsOf({
        revision: 'default',
        istioNamespace: 'istio-system',
        clusterId: 'c',
        clusterDomain: 'cluster.local',
        values: '{"sidecarInjectorWebhook":{"rewriteAppHTTPProbe":false}}',
        mesh: undefined,
      }).rewritesAppProbes,
      false,
    )
  })

  test('that the proxy could not ask in the kubelet’s place stay as they are', () => {
    const actions: readonly Container['readinessProbe'][] = [
      { exec: { command: ['true'] } },
      { httpGet: { port: 'unknown' } },
      { httpGet: { host: '10.0.0.1', port: 80 } },
      { tcpSocket: { host: '10.0.0.1', port: 80 } },
      { grpc: { port: 80, mode: 'TLS' } },
    ]
    for (const readinessProbe of actions) {
      const one: Container = { name: 'web', ...(readinessProbe && { readinessProbe }) }
      const injected = injectSidecar(probed({}, [one]), 'demo', settings)
      assert.deepEqual(injected.spec.containers, [one])
      assert.equal(probersOf(injected), undefined)
    }
  })
})

describe('selection', () => {
  const kindOf = (pod: Pod, namespace = 'demo') => selectPod(pod, namespace, settings).kind
  test('the pod’s label decides, then its annotation', () => {
    assert.equal(kindOf(testPod()), 'inject')
    assert.equal(kindOf(testPod({ metadata: { labels: { 'sidecar.istio.io/inject': 'false' } } })), 'skip')
    assert.equal(kindOf(testPod({ metadata: { annotations: { 'sidecar.istio.io/inject': 'no' } } })), 'skip')
    const both = {
      labels: { 'sidecar.istio.io/inject': 'true' },
      annotations: { 'sidecar.istio.io/inject': 'false' },
    }
    assert.equal(kindOf(testPod({ metadata: both })), 'inject')
  })
  test('a pod on the host’s network and the system’s namespaces never get a proxy', () => {
    assert.equal(kindOf(testPod({ spec: { hostNetwork: true } })), 'skip')
    assert.equal(kindOf(testPod(), 'kube-system'), 'skip')
  })
})

describe('webhook', () => {
  const review = (pod: Pod) => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'r1', namespace: 'demo', object: pod },
  })
  const responseOf = (pod: Pod) =>
    (reviewPod(review(pod), settings).review as { response: Record<string, unknown> }).response

  test('the patch, applied to the pod, gives the injected pod', () => {
    const response = responseOf(testPod())
    assert.equal(response['uid'], 'r1')
    assert.equal(response['patchType'], 'JSONPatch')
    const patch = JSON.parse(Buffer.from(String(response['patch']), 'base64').toString())
    assert.deepEqual(patch, jsonPatch(testPod(), injectSidecar(testPod(), 'demo', settings)))
    assert.ok(patch.length > 0)
  })
  test('an injected pod, and one that is not selected, are allowed without a patch', () => {
    for (const pod of [
      injectSidecar(testPod(), 'demo', settings),
      testPod({ spec: { hostNetwork: true } }),
    ]) {
      assert.deepEqual(responseOf(pod), { uid: 'r1', allowed: true })
    }
  })
  test('template gateway makes a router of the container istio-proxy and captures nothing', () => {
    const pod = testPod({
      metadata: {
        annotations: {
          'inject.istio.io/templates': 'gateway',
          'proxy.istio.io/config': 'gatewayTopology: { proxyProtocol: {} }',
        },
      },
      spec: { containers: [{ name: 'istio-proxy', image: 'auto' }], initContainers: [] },
    })
    const result = injectGateway(pod, 'demo', settings)
    const config = JSON.parse(envOf(result.spec.containers[0])['PROXY_CONFIG'] ?? '')
    assert.deepEqual(config.gatewayTopology, { proxyProtocol: {} })
    assert.equal(result.spec.containers[0]?.args?.[1], 'router')
    assert.equal(result.spec.containers[0]?.image, settings.proxyImage)
    assert.deepEqual(result.spec.initContainers, [])
  })
  test('a broken annotation refuses the pod and names the reason', () => {
    const response = responseOf(testPod({ metadata: { annotations: { 'proxy.istio.io/config': '- a' } } }))
    assert.equal(response['allowed'], false)
    assert.match(JSON.stringify(response['status']), /must be a YAML mapping/)
  })
  test('anything but an AdmissionReview of a pod is refused', () => {
    assert.throws(() => reviewPod({}, settings), /not an AdmissionReview/)
  })
})
