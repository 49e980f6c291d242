/** Managed Gateways on a real cluster: what is deployed for one, what follows its changes, and what goes with it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ask } from '../../src/cli/demo/sampling.ts'
import { rows, startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { startLoad } from '../support/load.ts'
import { waitFor } from '../support/wait.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
  const installed = await cluster.lateen(
    'install --set profile=minimal --set meshConfig.accessLogFile=/dev/stdout -y',
  )
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  await cluster.kubectl('create namespace shop')
  await cluster.kubectl('apply -n shop -f -', { input: BACKEND })
  await apply(gateway('web'), route('web'))
  await cluster.kubectl('rollout status deployment/app -n shop --timeout=60s')
})
after(() => cluster?.stop())

test('a Gateway of class istio is deployed as <name>-istio, owned by it and labelled with it', async () => {
  const address = await programmed('web')
  assert.match(address, /^10\.44\.0\.\d+$/)
  const { uid } = (await objectOf('gateway/web')).metadata
  for (const kind of ['deployment', 'service', 'serviceaccount']) {
    const { metadata } = await objectOf(`${kind}/web-istio`)
    assert.equal(metadata.labels['gateway.networking.k8s.io/gateway-name'], 'web')
    assert.equal(metadata.labels['gateway.networking.k8s.io/gateway-class-name'], 'istio')
    assert.deepEqual(metadata.ownerReferences, [
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'web', uid },
    ])
  }
  const [row] = rows(await cluster.kubectl('get gateways -n shop'))
  assert.deepEqual(row?.slice(0, 4), ['web', 'istio', address, 'True'])
  assert.match(
    await cluster.kubectl('get pods -n shop -l gateway.networking.k8s.io/gateway-name=web'),
    /web-istio-\S+\s+1\/1\s+Running\s+0\s/,
  )
  await serves(address)
})

test('the gateway’s access log has Istio’s default text format', async () => {
  const address = await addressOf('web')
  await ask({
    address,
    path: '/shop?item=1',
    headers: { host: 'shop.example', 'x-request-id': 'find-me', 'user-agent': 'probe/1' },
  })
  const line = await waitFor('the line', async () =>
    (await cluster.kubectl('logs -n shop deployment/web-istio'))
      .split('\n')
      .findLast((text) => text.includes('"probe/1"')),
  )
  const time = String.raw`\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\]`
  const request = String.raw`"GET /shop\?item=1 HTTP/1\.1" 200 - via_upstream - "-" 0 3 \d+ \d+`
  // A client outside of the mesh does not say what its request is called, as with Envoy at an edge.
  const id = String.raw`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`
  const caller = String.raw`"10\.42\.0\.1" "probe/1" "${id}" "shop\.example"`
  const upstream = String.raw`"10\.42\.\d+\.\d+:8080" outbound\|80\|\|app\.shop\.svc\.cluster\.local 10\.42\.\d+\.\d+:\d+`
  const downstream = String.raw`10\.42\.\d+\.\d+:80 10\.42\.0\.1:\d+ - \S+`
  assert.match(line, new RegExp(`^${time} ${request} ${caller} ${upstream} ${downstream}$`))
})

test('health and metrics are served on the gateway’s own ports', async () => {
  const pod = await cluster.kubectl(
    'get pods -n shop -l gateway.networking.k8s.io/gateway-name=web -o jsonpath={.items[0].status.podIP}',
  )
  assert.equal((await ask({ address: pod, port: 15021, path: '/healthz/ready' })).status, 200)
  assert.equal(
    (await ask({ address: await addressOf('web'), port: 15021, path: '/healthz/ready' })).status,
    200,
  )
  for (const port of [15020, 15090])
    assert.match(
      (await ask({ address: pod, port, path: '/stats/prometheus' })).body,
      /^istio_requests_total\{/m,
    )
  assert.equal((await runCommand('curl', ['-s', '--max-time', '3', `http://${pod}:15000/`])).status, 7)
})

test('a listener that is added is a port of the Service and serves; one that is removed is gone', async () => {
  const address = await addressOf('web')
  await apply(gateway('web', { ports: [80, 8088] }))
  await waitFor('the port of the Service', async () => (await portsOf('web-istio')) === '15021 80 8088')
  await serves(address, 8088)
  await serves(address)
  await apply(gateway('web', { ports: [80] }))
  await waitFor('the port to go', async () => (await portsOf('web-istio')) === '15021 80')
  await waitFor(
    'the port to be closed',
    async () => (await statusOf(`http://${address}:8088/`)) === 'refused',
  )
  await serves(address)
})

test('labels and annotations of the infrastructure reach all that is deployed', async () => {
  await apply(
    gateway('web', {
      infrastructure: 'infrastructure: { labels: { team: sales }, annotations: { example.com/cost: "7" } }',
    }),
  )
  for (const kind of ['deployment', 'service', 'serviceaccount']) {
    await waitFor(`${kind} to have both`, async () => {
      const { metadata } = await objectOf(`${kind}/web-istio`)
      return metadata.labels['team'] === 'sales' && metadata.annotations['example.com/cost'] === '7'
    })
  }
  await cluster.kubectl('rollout status deployment/web-istio -n shop --timeout=60s')
  await waitFor('pods with the label', async () =>
    /web-istio/.test(
      await cluster.kubectl(
        'get pods -n shop -l team=sales,gateway.networking.k8s.io/gateway-name=web -o name',
      ),
    ),
  )
  await serves(await addressOf('web'))
})

test('a second Gateway on the same port has an address of its own', async () => {
  await apply(gateway('second'), route('second'))
  const [first, second] = [await addressOf('web'), await programmed('second')]
  assert.notEqual(first, second)
  await serves(second)
  await serves(first)
})

test('a Gateway that is deleted and made again under load answers rightly or not at all, and another notices nothing', async () => {
  const [web, second] = [await addressOf('web'), await addressOf('second')]
  const load = { path: '/', perSecond: 60, requestsMax: 6000, nameOf: String }
  const loads = [false, true].map((opensEach) => startLoad({ ...load, host: web, opensEach }))
  const beside = startLoad({ ...load, host: second })
  for (let i = 0; i < 2; i++) {
    const { uid } = (await objectOf('service/web-istio')).metadata
    await cluster.kubectl('delete gateway web -n shop')
    await apply(gateway('web'))
    await waitFor('another Service', async () => (await objectOf('service/web-istio')).metadata.uid !== uid, {
      deadlineMs: 15_000,
    })
    assert.equal(await programmed('web'), web)
    await serves(web)
    const sent = beside.sent()
    await waitFor('some more requests', () => beside.sent() > sent + 60)
  }
  const besides = await beside.stop()
  assert.deepEqual(besides.failures, [])
  assert.deepEqual(Object.keys(besides.byName), ['200'])
  for (const report of await Promise.all(loads.map((one) => one.stop()))) {
    assert.deepEqual(Object.keys(report.byName), ['200'])
    const answered = report.failures.filter((failure) => !NO_CONNECTION.test(failure))
    assert.deepEqual(answered, [])
  }
})

test('the annotation for the type of the Service is heeded', async () => {
  await apply(
    gateway('inside', { annotations: 'networking.istio.io/service-type: ClusterIP' }),
    route('inside'),
  )
  const address = await programmed('inside')
  assert.equal((await objectOf('service/inside-istio')).spec['type'], 'ClusterIP')
  const ip = (await objectOf('service/inside-istio')).spec['clusterIP']
  assert.ok([ip, 'inside-istio.shop.svc.cluster.local'].includes(address), address)
  await serves(String(ip))
})

test('two replicas of a gateway both serve, and nobody scales them back', async () => {
  const address = await addressOf('second')
  await cluster.kubectl('scale deployment second-istio -n shop --replicas=2')
  await cluster.kubectl('rollout status deployment/second-istio -n shop --timeout=60s')
  const selector = '-l gateway.networking.k8s.io/gateway-name=second'
  const pods = (
    await cluster.kubectl(`get pods -n shop ${selector} -o jsonpath={.items[*].metadata.name}`)
  ).split(' ')
  assert.equal(pods.length, 2)
  await waitFor('both to have logged a request', async () => {
    // Each a connection of its own: the Service picks a pod for each connection.
    await Promise.all(Array.from({ length: 8 }, () => statusOf(`http://${address}/both`)))
    const logs = await Promise.all(pods.map((pod) => cluster.kubectl(`logs -n shop ${pod}`)))
    return logs.every((log) => log.includes('/both'))
  })
  await cluster.kubectl('annotate gateway second -n shop touched=yes')
  await cluster.kubectl('scale deployment second-istio -n shop --replicas=1')
  await serves(address)
})

test('a Service that somebody deletes is made again', async () => {
  const { uid } = (await objectOf('service/second-istio')).metadata
  await cluster.kubectl('delete service second-istio -n shop')
  await waitFor('the Service', async () => (await objectOf('service/second-istio')).metadata.uid !== uid)
  await serves(await programmed('second'))
})

test('a Gateway of another class is left alone', async () => {
  await apply(gateway('foreign', { className: 'nginx' }))
  await apply(gateway('marker'))
  await programmed('marker') // whatever was to happen with the one before has happened
  assert.equal((await cluster.tryKubectl('get deployment foreign-istio foreign-nginx -n shop')).status, 1)
  const status = (await objectOf('gateway/foreign')).status as
    | { readonly conditions?: readonly { readonly status: string }[] }
    | undefined
  assert.ok((status?.conditions ?? []).every((condition) => condition.status === 'Unknown'))
})

test('with a Gateway goes all that was deployed, and its address is free again', async () => {
  const address = await addressOf('second')
  await cluster.kubectl('delete gateway second -n shop')
  await waitFor(
    'all of it to go',
    async () =>
      (await cluster.kubectl(
        'get deployments,replicasets,pods,services,serviceaccounts,endpointslices -n shop -l gateway.networking.k8s.io/gateway-name=second -o name',
      )) === '',
  )
  assert.notEqual(await statusOf(`http://${address}/`), '200')
  await apply(
    gateway('third', { addresses: `addresses: [{ type: IPAddress, value: ${address} }]` }),
    route('third'),
  )
  assert.equal(await programmed('third'), address)
  await serves(address)
})

/** How a request fails where nothing listens, or where a kept connection was closed as it left. */
const NO_CONNECTION = /ECONNREFUSED|EHOSTUNREACH|ECONNRESET|socket hang up/

interface ObjectView {
  readonly metadata: {
    readonly uid: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
    readonly ownerReferences?: readonly unknown[]
  }
  readonly spec: Readonly<Record<string, unknown>>
  readonly status?: unknown
}

async function objectOf(name: string): Promise<ObjectView> {
  return JSON.parse(await cluster.kubectl(`get ${name} -n shop -o json`))
}

async function apply(...documents: readonly string[]): Promise<void> {
  await cluster.kubectl('apply -n shop -f -', { input: documents.join('---\n') })
}

/** @returns the address, once the Gateway is programmed */
async function programmed(name: string): Promise<string> {
  await cluster.kubectl(`wait gateway/${name} -n shop --for=condition=Programmed --timeout=30s`)
  return addressOf(name)
}

function addressOf(name: string): Promise<string> {
  return cluster.kubectl(`get gateway ${name} -n shop -o jsonpath={.status.addresses[0].value}`)
}

function portsOf(service: string): Promise<string> {
  return cluster.kubectl(`get service ${service} -n shop -o jsonpath={.spec.ports[*].port}`)
}

async function serves(address: string, port = 80): Promise<void> {
  await waitFor(
    `an answer of ${address}:${port}`,
    async () => (await statusOf(`http://${address}:${port}/`)) === '200',
    { deadlineMs: 15_000, everyMs: 50 },
  )
}

/** The status; or why there is none. Each call is a connection of its own. */
async function statusOf(url: string): Promise<string> {
  const result = await runCommand('curl', [
    '-s',
    '--max-time',
    '3',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    url,
  ])
  if (result.status === 0) return result.stdout
  return result.status === 7 ? 'refused' : `curl ${result.status}`
}

interface GatewayOptions {
  readonly className?: string
  readonly ports?: readonly number[]
  readonly annotations?: string
  readonly infrastructure?: string
  readonly addresses?: string
}

function gateway(name: string, options: GatewayOptions = {}): string {
  const { className = 'istio', ports = [80], annotations = '', infrastructure = '', addresses = '' } = options
  const listeners = ports.map((port) => `{ name: http-${port}, port: ${port}, protocol: HTTP }`)
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name}, annotations: { ${annotations} } }
spec:
  gatewayClassName: ${className}
  listeners: [${listeners.join(', ')}]
  ${infrastructure}
  ${addresses}
`
}

function route(gatewayName: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${gatewayName} }
spec:
  parentRefs: [{ name: ${gatewayName} }]
  rules: [{ backendRefs: [{ name: app, port: 80 }] }]
`
}

const BACKEND = `
apiVersion: v1
kind: Service
metadata: { name: app }
spec:
  selector: { app: app }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: alpine
          command: [python3, -c]
          args:
            - |
              import http.server
              class Handler(http.server.BaseHTTPRequestHandler):
                  protocol_version = "HTTP/1.1"
                  def do_GET(self):
                      self.send_response(200); self.send_header("content-length", "3"); self.end_headers(); self.wfile.write(b"app")
                  def log_message(self, *args): pass
              http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
`
