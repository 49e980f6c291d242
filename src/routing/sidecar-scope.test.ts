import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Service, serviceName, type Sidecar, sidecarName } from '../model/index.ts'
import { createSidecarScope, pickSidecar } from './index.ts'

/** The rules are those of istio.io, reference/config/networking/sidecar, and of istio/istio pilot/pkg/model/sidecar_test.go. */
describe('a Sidecar scopes what clients know', () => {
  const rows: readonly (readonly [hosts: string, client: string, service: string, ports: string])[] = [
    ['*/*', 'demo', 'other/x.other.svc.cluster.local', '80,81'],
    ['./*', 'demo', 'demo/x.demo.svc.cluster.local', '80,81'],
    ['./*', 'demo', 'other/x.other.svc.cluster.local', ''],
    ['./*', 'other', 'other/x.other.svc.cluster.local', '80,81'],
    ['other/*', 'demo', 'other/x.other.svc.cluster.local', '80,81'],
    ['other/x.other.svc.cluster.local', 'demo', 'other/x.other.svc.cluster.local', '80,81'],
    ['other/x.other.svc.cluster.local', 'demo', 'other/y.other.svc.cluster.local', ''],
    ['*/x.other.svc.cluster.local', 'demo', 'other/x.other.svc.cluster.local', '80,81'],
    ['other/*.example.com', 'demo', 'other/a.example.com', '80,81'],
    ['other/*.example.com', 'demo', 'other/a.b.example.com', '80,81'],
    ['other/*.example.com', 'demo', 'other/*.b.example.com', '80,81'],
    ['other/*.example.com', 'demo', 'other/example.com', ''],
    ['other/a.example.com', 'demo', 'other/*.example.com', ''],
    ['', 'demo', 'demo/x.demo.svc.cluster.local', ''],
    ['80 other/*; */*', 'demo', 'demo/x.demo.svc.cluster.local', '81'],
    ['80 other/*; */*', 'demo', 'other/x.other.svc.cluster.local', '80,81'],
    ['80 other/*', 'demo', 'other/x.other.svc.cluster.local', '80'],
    ['80 other/*; 80 demo/*', 'demo', 'demo/x.demo.svc.cluster.local', '80'],
    ['9000 other/*; other/*', 'demo', 'other/x.other.svc.cluster.local', '80,81'],
  ]
  for (const [egress, client, service, expected] of rows) {
    test(`${egress || 'nothing'} of ${client} has of ${service} the ports ${expected || 'none'}`, () => {
      const scope = createSidecarScope(sidecar('s', { egress }), client)
      const ports = scope.viewOf(serviceOf(service))?.ports.map(({ port }) => port) ?? []
      assert.equal(ports.join(','), expected)
    })
  }

  test('knows routes by the namespace of their object and one of their hosts', () => {
    const scope = createSidecarScope(sidecar('s', { egress: 'other/*.example.com; 80 ./*' }), 'demo')
    assert.ok(scope.seesRoutes('other', ['a.example.com']))
    assert.ok(scope.seesRoutes('other', ['b.test', '*.com']))
    assert.ok(scope.seesRoutes('demo', ['anything.test']))
    assert.ok(!scope.seesRoutes('third', ['a.example.com']))
    assert.ok(!scope.seesRoutes('other', ['a.example.org']))
  })
})

describe('of several Sidecars holds', () => {
  const web = { namespace: 'demo', labels: { app: 'web' } }
  const ofMesh = sidecar('root', { namespace: undefined })
  const ofNamespace = sidecar('namespace', {})
  const ofWorkload = sidecar('workload', { labels: { app: 'web' }, createdAt: '2026-03-01' })

  test('the one that selects the workload, then that of its namespace, then that of the mesh', () => {
    assert.equal(pickSidecar([ofMesh, ofNamespace, ofWorkload], web), ofWorkload)
    assert.equal(pickSidecar([ofMesh, ofNamespace, ofWorkload], { ...web, labels: {} }), ofNamespace)
    assert.equal(pickSidecar([ofMesh, ofNamespace, ofWorkload], { ...web, namespace: 'x' }), ofMesh)
    assert.equal(pickSidecar([ofNamespace, ofWorkload], { ...web, namespace: 'x' }), undefined)
  })

  test('the oldest of those that select alike', () => {
    const newer = sidecar('a', { createdAt: '2026-02-02' })
    assert.equal(pickSidecar([newer, ofNamespace], web), ofNamespace)
    assert.equal(pickSidecar([ofNamespace, newer], web), ofNamespace)
  })
})

/** Egress is written as `[port ]namespace/host`, parted by semicolons. */
function sidecar(
  name: string,
  options: {
    readonly egress?: string
    readonly namespace?: string | undefined
    readonly labels?: Readonly<Record<string, string>>
    readonly createdAt?: string
  },
): Sidecar {
  const { egress = '*/*', labels = {}, createdAt = '2026-01-01' } = options
  const namespace = 'namespace' in options ? options.namespace : 'demo'
  return {
    type: 'sidecar',
    key: sidecarName('demo', name),
    scope: { ...(namespace !== undefined && { namespace }), labels },
    createdAt,
    egress: egress.split(';').map((text) => {
      const [, port, of = '', host = ''] = /^(?:(\d+) )?([^/]*)\/?(.*)$/.exec(text.trim()) ?? []
      return {
        ...(port !== undefined && { port: Number(port) }),
        hosts: of === '' ? [] : [{ namespace: of, host }],
      }
    }),
    ingress: [],
    origin: { kind: 'Sidecar', namespace: 'demo', name },
  }
}

function serviceOf(text: string): Service {
  const [namespace = '', hostname = ''] = text.split('/')
  return {
    type: 'service',
    key: serviceName(namespace, hostname),
    namespace,
    hostname,
    addresses: [],
    ports: [80, 81].map((port) => ({ port, name: `p${port}`, protocol: 'http' })),
    resolution: 'static',
    visibility: { kind: 'all' },
    policies: [],
    origin: { kind: 'ServiceEntry', namespace, name: 'x' },
  }
}
