import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Service, type Workload, serviceName, spiffeId, workloadUid } from '../model/index.ts'
import { resolvePolicy, selectEndpoints } from './index.ts'

const NAME = serviceName('demo', 'backend.demo.svc.cluster.local')
const rule = (name: string): Service['origin'] => ({ kind: 'DestinationRule', namespace: 'demo', name })

const service: Service = {
  type: 'service',
  key: NAME,
  namespace: 'demo',
  hostname: 'backend.demo.svc.cluster.local',
  addresses: [],
  ports: [],
  resolution: 'static',
  visibility: { kind: 'all' },
  policies: [
    {
      clientNamespace: 'shop',
      traffic: { balancer: { kind: 'random' } },
      ports: {},
      subsets: [],
      origin: rule('for-shop'),
    },
    {
      traffic: { balancer: { kind: 'round-robin' }, connectTimeoutMs: 5 },
      ports: { '81': { connectTimeoutMs: 7 } },
      subsets: [{ name: 'v1', labels: { version: 'v1' }, traffic: { balancer: { kind: 'random' } } }],
      origin: rule('for-all'),
    },
  ],
  origin: { kind: 'Service', namespace: 'demo', name: 'backend' },
}

function resolve(options: { port?: number; subset?: string; clientNamespace?: string } = {}): unknown {
  return resolvePolicy({ service, port: 80, subset: undefined, clientNamespace: 'demo', ...options })
}

test('the first policy for the client decides, a port replaces it, a subset lies over it', () => {
  assert.deepEqual(resolve({ clientNamespace: 'shop' }), {
    kind: 'resolved',
    traffic: { balancer: { kind: 'random' } },
    origin: rule('for-shop'),
  })
  assert.deepEqual(resolve({ port: 81 }), {
    kind: 'resolved',
    traffic: { connectTimeoutMs: 7 },
    origin: rule('for-all'),
  })
  assert.deepEqual(resolve({ subset: 'v1' }), {
    kind: 'resolved',
    subsetLabels: { version: 'v1' },
    traffic: { balancer: { kind: 'random' }, connectTimeoutMs: 5 },
    origin: rule('for-all'),
  })
})

test('a policy for clients with labels is for those alone; a port of a subset replaces what the subset says', () => {
  const [, shared] = service.policies
  if (shared === undefined) assert.fail()
  const subset = {
    name: 'v1',
    labels: {},
    traffic: { connectTimeoutMs: 1 },
    ports: { '81': { connectTimeoutMs: 2 } },
  }
  const policies = [
    { ...shared, clientLabels: { app: 'a' }, traffic: { connectTimeoutMs: 9 }, ports: {} },
    { ...shared, subsets: [subset] },
  ]
  const timeout = (port: number, clientLabels: Record<string, string>, name?: string) => {
    const options = { port, subset: name, clientNamespace: 'demo', clientLabels }
    const policy = resolvePolicy({ service: { ...service, policies }, ...options })
    return policy.kind === 'resolved' ? policy.traffic.connectTimeoutMs : policy.kind
  }
  assert.equal(timeout(80, { app: 'a', x: 'y' }), 9)
  assert.equal(timeout(80, { app: 'b' }), 5)
  assert.equal(timeout(80, {}, 'v1'), 1)
  assert.equal(timeout(81, {}, 'v1'), 2)
})

test('a subset that no policy for the client defines is unknown', () => {
  assert.deepEqual(resolve({ subset: 'v9' }), { kind: 'unknown-subset' })
  assert.deepEqual(resolve({ subset: 'v1', clientNamespace: 'shop' }), { kind: 'unknown-subset' })
  const bare = { ...service, policies: [] }
  assert.deepEqual(resolvePolicy({ service: bare, port: 80, subset: 'v1', clientNamespace: 'demo' }), {
    kind: 'unknown-subset',
  })
})

function makeWorkload(name: string, version: string, ready: boolean): Workload {
  return {
    type: 'workload',
    key: workloadUid({ cluster: 'Kubernetes', group: '', kind: 'Pod', namespace: 'demo', name }),
    name,
    namespace: 'demo',
    addresses: [`10.42.0.${name}`],
    labels: { version, app: 'backend' },
    identity: spiffeId('cluster.local', 'demo', 'default'),
    serviceAccount: 'default',
    owner: { kind: 'Deployment', name: 'backend' },
    canonicalName: 'backend',
    canonicalRevision: version,
    cluster: 'Kubernetes',
    weight: 1,
    tlsMode: 'istio',
    services: { [NAME]: { ports: { '80': 8080 }, ready } },
    origin: { kind: 'Pod', namespace: 'demo', name },
  }
}

test('endpoints are the ready members that have the port and the labels of the subset', () => {
  const workloads = [
    makeWorkload('1', 'v1', true),
    makeWorkload('2', 'v2', true),
    makeWorkload('3', 'v1', false),
  ]
  const addresses = (options: { port?: number; subsetLabels?: Record<string, string> }): readonly string[] =>
    selectEndpoints({ workloads, service: NAME, port: 80, ...options }).map(
      (one) => `${one.address}:${one.port}`,
    )
  assert.deepEqual(addresses({}), ['10.42.0.1:8080', '10.42.0.2:8080'])
  assert.deepEqual(addresses({ subsetLabels: { version: 'v1' } }), ['10.42.0.1:8080'])
  assert.deepEqual(addresses({ port: 81 }), [])
})
