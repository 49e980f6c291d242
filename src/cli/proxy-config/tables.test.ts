import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  gatewayName,
  type Listener,
  listenerName,
  type Route,
  routeName,
  type Service,
  serviceName,
  spiffeId,
  type Workload,
  workloadUid,
} from '../../model/index.ts'
import { textTable } from '../text-table.ts'
import { parseDump, type ProxyDump } from './dump.ts'
import {
  CLUSTER_HEADING,
  clusterRows,
  ENDPOINT_HEADING,
  endpointRows,
  LISTENER_HEADING,
  listenerRows,
  ROUTE_HEADING,
  routeRows,
  SECRET_HEADING,
  secretRows,
} from './tables.ts'

const HOST = 'backend.demo.svc.cluster.local'
const KEY = serviceName('demo', HOST)

const backend: Service = {
  type: 'service',
  key: KEY,
  namespace: 'demo',
  hostname: HOST,
  addresses: ['10.43.0.7'],
  ports: [
    { port: 80, name: 'http', protocol: 'http' },
    { port: 6379, name: 'tcp', protocol: 'tcp' },
  ],
  resolution: 'static',
  visibility: { kind: 'all' },
  policies: [
    {
      traffic: {},
      ports: {},
      subsets: [{ name: 'v1', labels: {}, traffic: {} }],
      origin: { kind: 'DestinationRule', namespace: 'demo', name: 'backend' },
    },
  ],
  origin: { kind: 'Service', namespace: 'demo', name: 'backend' },
}

const workload: Workload = {
  type: 'workload',
  key: workloadUid({ cluster: 'Kubernetes', group: '', kind: 'Pod', namespace: 'demo', name: 'backend-1' }),
  name: 'backend-1',
  namespace: 'demo',
  addresses: ['10.42.0.5'],
  labels: {},
  identity: spiffeId('cluster.local', 'demo', 'default'),
  serviceAccount: 'default',
  owner: { kind: 'Deployment', name: 'backend' },
  canonicalName: 'backend',
  canonicalRevision: 'latest',
  cluster: 'Kubernetes',
  locality: { region: 'r', zone: 'z', subzone: '' },
  weight: 1,
  tlsMode: 'istio',
  services: { [KEY]: { ports: { 80: 8080 }, ready: true } },
  origin: { kind: 'Pod', namespace: 'demo', name: 'backend-1' },
}

const ruled: Route = {
  type: 'route',
  key: routeName({ kind: 'VirtualService', namespace: 'demo', name: 'backend', rule: 0 }),
  scope: { kind: 'mesh' },
  domains: [HOST],
  matches: [
    { order: [0], headers: [], query: [], path: { kind: 'string-prefix', value: '/api' } },
    { order: [1], headers: [], query: [], path: { kind: 'exact', value: '/one' }, port: 80 },
  ],
  filters: [],
  action: { kind: 'respond', status: 200, reason: 'direct_response' },
  origin: { kind: 'VirtualService', namespace: 'demo', name: 'backend' },
}

const EDGE = listenerName(gatewayName('Gateway', 'demo', 'edge'), 'https')
const listener: Listener = {
  type: 'listener',
  key: EDGE,
  gateway: gatewayName('Gateway', 'demo', 'edge'),
  selector: { labels: {} },
  port: 443,
  protocol: 'https',
  tls: { kind: 'passthrough' },
  hostnames: ['shop.example'],
  isolated: true,
  origin: { kind: 'Gateway', namespace: 'demo', name: 'edge' },
}

const sidecar: ProxyDump = {
  listeners: [],
  routes: [ruled],
  services: [backend],
  workloads: [workload],
  clusters: [
    {
      name: `outbound|80||${HOST}`,
      host_statuses: [
        {
          address: { socket_address: { address: '10.42.0.5', port_value: 8080 } },
          health_status: { failed_outlier_check: true },
        },
      ],
    },
  ],
}
const gateway: ProxyDump = {
  ...sidecar,
  listeners: [listener],
  routes: [
    {
      ...ruled,
      scope: { kind: 'gateway', listeners: [EDGE] },
      domains: ['shop.example'],
      origin: { kind: 'HTTPRoute', namespace: 'demo', name: 'shop' },
    },
  ],
}

const shown = (heading: readonly string[], rows: readonly (readonly string[])[]): readonly string[] =>
  textTable([heading, ...rows])
    .trimEnd()
    .split('\n')

describe('what a proxy works with, in istioctl’s columns', () => {
  test('clusters: ports and subsets of services, those of the workload itself, and the proxy’s own', () => {
    assert.deepEqual(shown(CLUSTER_HEADING, clusterRows(sidecar, workload, {})), [
      'SERVICE FQDN                     PORT   SUBSET   DIRECTION   TYPE           DESTINATION RULE',
      '                                 8080            inbound     ORIGINAL_DST',
      'BlackHoleCluster                 -      -        -           STATIC',
      'InboundPassthroughCluster        -      -        -           ORIGINAL_DST',
      'PassthroughCluster               -      -        -           ORIGINAL_DST',
      `${HOST}   80     -        outbound    EDS            backend.demo`,
      `${HOST}   80     v1       outbound    EDS            backend.demo`,
      `${HOST}   6379   -        outbound    EDS            backend.demo`,
      `${HOST}   6379   v1       outbound    EDS            backend.demo`,
    ])
    const one = { fqdn: 'backend', port: 80, subset: 'v1', direction: 'outbound' }
    assert.equal(clusterRows(sidecar, workload, one).length, 1)
  })

  test('endpoints, and what was found out about them', () => {
    assert.deepEqual(endpointRows(sidecar, {}), [
      ['10.42.0.5:8080', 'UNHEALTHY', 'r/z', `outbound|80||${HOST}`],
    ])
    assert.deepEqual(endpointRows({ ...sidecar, clusters: [] }, { status: 'healthy' }), [
      ['10.42.0.5:8080', 'HEALTHY', 'r/z', `outbound|80||${HOST}`],
    ])
    assert.deepEqual(endpointRows(sidecar, { port: 80 }), [])
    assert.equal(ENDPOINT_HEADING.length, 4)
  })

  test('routes by the ports and domains that they are for, with the object behind them', () => {
    assert.deepEqual(routeRows(sidecar, {}), [
      ['*', `${HOST}:*`, HOST, '/api*', 'backend.demo'],
      ['80', `${HOST}:80`, HOST, '/one', 'backend.demo'],
    ])
    assert.deepEqual(routeRows({ ...sidecar, routes: [] }, {}), [['80', `${HOST}:80`, HOST, '/*', '']])
    assert.deepEqual(routeRows(gateway, { name: 'https.443' })[0], [
      'https.443',
      'shop.example:443',
      'shop.example',
      '/api*',
      'HTTPRoute/shop.demo',
    ])
    assert.equal(ROUTE_HEADING.length, 5)
  })

  test('listeners of sidecars and gateways', () => {
    assert.deepEqual(listenerRows(sidecar, workload, {}), [
      ['0.0.0.0', '15001', 'ALL', 'PassthroughCluster'],
      ['0.0.0.0', '15006', 'ALL', 'InboundPassthroughCluster'],
      ['0.0.0.0', '15006', 'Addr: *:8080', 'Cluster: inbound|8080||'],
      ['10.43.0.7', '80', 'ALL', 'Route: 80'],
      ['10.43.0.7', '6379', 'ALL', `Cluster: outbound|6379||${HOST}`],
    ])
    assert.deepEqual(listenerRows(gateway, undefined, {}), [
      ['0.0.0.0', '443', 'SNI: shop.example', 'Route: https.443'],
    ])
    assert.equal(LISTENER_HEADING.length, 4)
  })

  test('secrets: what is public of them', () => {
    const certificate = {
      path: 'Workload/demo/default',
      serial_number: '0a',
      valid_from: '2026-01-01T00:00:00.000Z',
      expiration_time: '2026-01-02T00:00:00.000Z',
    }
    const page = JSON.stringify({ certificates: [{ cert_chain: [certificate], ca_cert: [] }] })
    const row = (isValid: boolean) => [
      'Workload/demo/default',
      'Cert Chain',
      'ACTIVE',
      String(isValid),
      '0a',
      '2026-01-02T00:00:00Z',
      '2026-01-01T00:00:00Z',
    ]
    assert.deepEqual(secretRows(page, Date.parse('2026-01-01T12:00:00Z')), [row(true)])
    assert.deepEqual(secretRows(page, Date.parse('2026-01-03T00:00:00Z')), [row(false)])
    assert.equal(SECRET_HEADING.length, 7)
  })

  test('what is no dump is refused by what it lacks', () => {
    assert.throws(() => parseDump('{"configs":[]}'), /has no listeners/)
    const configs = Object.entries(sidecar).map(([name, value]) => ({ [name]: value }))
    assert.deepEqual(parseDump(JSON.stringify({ configs })), JSON.parse(JSON.stringify(sidecar)))
  })
})
