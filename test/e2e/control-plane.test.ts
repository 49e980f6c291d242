import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { silentLogger, systemClock, systemRandom } from '../../src/base/index.ts'
import type {
  ConfigMap,
  Deployment,
  KubeObject,
  MutatingWebhookConfiguration,
  Service,
} from '../../src/kube/index.ts'
import { createKubeClient, KINDS, type KubeClient } from '../../src/kube/client/index.ts'
import { createApiServer, createPki } from '../../src/local-cluster/apiserver/index.ts'
import { createSqliteStore } from '../../src/local-cluster/store/index.ts'
import { RESOURCE_KINDS } from '../../src/mesh/resources/index.ts'
import { planInstallation, renderInstallation, uninstallMesh } from '../../src/mesh/install/index.ts'
import { type IstiodPorts, runIstiod, runLeaderElection } from '../../src/mesh/istiod/index.ts'
import { DEFAULT_SETTINGS } from '../../src/mesh/translate/index.ts'
import { requestCertificate } from '../../src/xds/ca/index.ts'
import { createXdsChannels, createXdsClient, type XdsClientOptions } from '../../src/xds/client/index.ts'
import { gatewayRoutes, nodeId } from '../../src/xds/types/index.ts'

const NAMESPACE = 'istio-system'

async function eventually<T>(what: string, find: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const found = await find()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error(`not within 20 s: ${what}`)
    await systemClock.sleep(10)
  }
}

interface ControlPlane {
  readonly client: KubeClient
  readonly ports: IstiodPorts
  readonly stop: () => Promise<void>
}

/** A real API server with the installation's objects (nothing runs them) and the control plane, in this process. */
async function startControlPlane(): Promise<ControlPlane> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-control-plane-'))
  const pki = await createPki({ directory: join(directory, 'pki'), clock: systemClock })
  const store = createSqliteStore({ path: ':memory:' })
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const server = await createApiServer({ ...common, store, pki })
  const client = createKubeClient(
    server.localTransport({ name: 'test', groups: ['system:masters', 'system:authenticated'] }),
  )
  await client.create(KINDS.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
  await applyInstallation(client)
  const abort = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const ports = await new Promise<IstiodPorts>((resolve, reject) => {
    running = runIstiod({
      ...common,
      client,
      ports: { xds: 0, secureXds: 0, monitoring: 0, webhooks: 0, http: 0 },
      address: '127.0.0.1',
      settings: DEFAULT_SETTINGS,
      revision: 'default',
      podName: 'istiod-test',
      version: '0.1.0',
      signal: abort.signal,
      started: resolve,
    })
    running.catch(reject)
  })
  return {
    client,
    ports,
    async stop() {
      abort.abort(new Error('the test is over'))
      await running
      await server.close()
      store.close()
      rmSync(directory, { recursive: true })
    },
  }
}

async function applyInstallation(client: KubeClient): Promise<void> {
  const planned = planInstallation({ set: ['profile=default'], version: '0.1.0' })
  assert.ok(planned.ok)
  const kinds = Object.values(KINDS)
  for (const object of renderInstallation(planned.value).flatMap((part) => part.objects)) {
    const [group, version] = object.apiVersion.includes('/')
      ? object.apiVersion.split('/')
      : ['', object.apiVersion]
    const kind = kinds.find(
      (ref) => ref.group === group && ref.version === version && ref.kind === object.kind,
    )
    assert.ok(kind, `${object.apiVersion} ${object.kind}`)
    const { name, namespace } = object.metadata
    await client.patch(kind, name, namespace, object, { type: 'apply', fieldManager: 'test', force: true })
  }
}

const demo = { namespace: 'demo' }

const GATEWAY: KubeObject = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'web', ...demo },
  spec: { gatewayClassName: 'istio', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
}

function httpRoute(header: string): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'app', ...demo },
    spec: {
      parentRefs: [{ name: 'web' }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          filters: [
            {
              type: 'ResponseHeaderModifier',
              responseHeaderModifier: { set: [{ name: 'x-version', value: header }] },
            },
          ],
          backendRefs: [{ name: 'backend', port: 8080 }],
        },
      ],
    },
  }
}

const BACKEND: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'backend', ...demo },
  spec: { selector: { app: 'backend' }, ports: [{ name: 'http', port: 8080 }] },
}

function connect(
  address: string,
  options: { readonly serviceAccount?: string; readonly root?: string; readonly token?: string } = {},
) {
  const state = new Map<string, unknown>()
  const accept: XdsClientOptions['accept'] = (changes) => {
    for (const change of changes) {
      if (change.kind === 'set') state.set(change.key, change.object)
      else state.delete(change.key)
    }
    return []
  }
  const identity = { podName: 'web-istio-1', namespace: 'demo' }
  const client = createXdsClient({
    address,
    resolve: async () => ['127.0.0.1'],
    ...(options.root === undefined
      ? { plaintext: true }
      : { rootCertificate: () => options.root, token: () => options.token }),
    node: {
      ...identity,
      id: nodeId({ ...identity, role: 'router', ip: '10.42.0.9', clusterDomain: 'cluster.local' }),
      role: 'router',
      serviceAccount: options.serviceAccount ?? 'web-istio',
      labels: { 'gateway.networking.k8s.io/gateway-name': 'web' },
      ips: ['10.42.0.9'],
      cluster: 'Kubernetes',
      version: '0.1.0',
    },
    accept,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
  client.start()
  return { client, state }
}

interface Conditions {
  readonly conditions: readonly {
    readonly type: string
    readonly status: string
    readonly lastTransitionTime: string
  }[]
}

describe('the control plane on a real API server', () => {
  let plane: ControlPlane
  const closing: (() => void)[] = []
  before(async () => {
    plane = await startControlPlane()
    await plane.client.create(KINDS.namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'demo' },
    })
  })
  after(async () => {
    for (const close of closing) close()
    await plane?.stop()
  })

  const rootCertificate = () =>
    eventually('the root certificate', async () => {
      const found = await plane.client.get<ConfigMap>(KINDS.configMap, 'istio-ca-root-cert', 'demo')
      return found?.data?.['root-cert.pem']
    })

  test('GatewayClass, the CA and every namespace’s root certificate are made', async () => {
    await eventually('GatewayClass istio', () => plane.client.get(KINDS.gatewayClass, 'istio'))
    assert.match(await rootCertificate(), /BEGIN CERTIFICATE/)
    const secret = await plane.client.get(KINDS.secret, 'istio-ca-secret', NAMESPACE)
    assert.ok(secret)
  })

  test('a Gateway is deployed and a route reaches the proxy that asks for it; both have a status', async () => {
    const { client, ports } = plane
    await client.create(KINDS.service, BACKEND)
    await client.create(KINDS.gateway, GATEWAY)
    await client.create(KINDS.httpRoute, httpRoute('v1'))
    const deployment = await eventually('Deployment web-istio', () =>
      client.get<Deployment>(KINDS.deployment, 'web-istio', 'demo'),
    )
    assert.equal(deployment.metadata.ownerReferences?.[0]?.kind, 'Gateway')
    const service = await eventually('Service web-istio', () =>
      client.get<Service>(KINDS.service, 'web-istio', 'demo'),
    )
    assert.deepEqual(
      service.spec.ports?.map(({ name, port }) => [name, port]),
      [
        ['status-port', 15021],
        ['http', 80],
      ],
    )
    const proxy = connect(`istiod:${ports.xds}`)
    closing.push(proxy.client.stop)
    proxy.client.subscribe('listener', ['proxy/*'])
    proxy.client.subscribe('route', [gatewayRoutes('Gateway/demo/web')])
    await eventually('the route on the wire', () => proxy.state.get('HTTPRoute/demo/app/0'))
    await eventually('the listener on the wire', () => proxy.state.get('Gateway/demo/web/http'))
    await eventually('the route’s status', async () => {
      const route = await client.get(KINDS.httpRoute, 'app', 'demo')
      const status = route?.status as { readonly parents?: readonly Conditions[] } | undefined
      return status?.parents?.[0]?.conditions.find(
        ({ type, status }) => type === 'Accepted' && status === 'True',
      )
    })
  })

  test('an edited route arrives as edited; nothing is written twice', async () => {
    const { client, ports } = plane
    const proxy = connect(`istiod:${ports.xds}`)
    closing.push(proxy.client.stop)
    proxy.client.subscribe('route', [gatewayRoutes('Gateway/demo/web')])
    await eventually('the route', () => proxy.state.get('HTTPRoute/demo/app/0'))
    await client.patch(KINDS.httpRoute, 'app', 'demo', { spec: httpRoute('v2').spec }, { type: 'merge' })
    await eventually('the new header', () =>
      JSON.stringify(proxy.state.get('HTTPRoute/demo/app/0')).includes('"v2"') ? true : undefined,
    )
    await eventually('the status of the new generation', async () => {
      const route = await client.get(KINDS.httpRoute, 'app', 'demo')
      return (
        JSON.stringify(route?.status).includes(`"observedGeneration":${route?.metadata.generation}`) ||
        undefined
      )
    })
    const settled = await client.get(KINDS.httpRoute, 'app', 'demo')
    await client.patch(
      KINDS.httpRoute,
      'app',
      'demo',
      { metadata: { labels: { touched: 'yes' } } },
      { type: 'merge' },
    )
    await client.create(KINDS.service, { ...BACKEND, metadata: { name: 'other', ...demo } })
    await systemClock.sleep(50)
    const later = await client.get(KINDS.httpRoute, 'app', 'demo')
    assert.deepEqual(later?.status, settled?.status)
  })

  test('a status that somebody wrote over is put right', async () => {
    const { client } = plane
    const route = await client.get(KINDS.httpRoute, 'app', 'demo')
    assert.ok(route)
    await client.update(KINDS.httpRoute, { ...route, status: { parents: [] } }, { subresource: 'status' })
    await eventually('the status again', async () => {
      const status = (await client.get(KINDS.httpRoute, 'app', 'demo'))?.status
      return JSON.stringify(status).includes('Accepted') || undefined
    })
  })

  test('a policy says in its status that it is enforced', async () => {
    const { client } = plane
    const { authorizationPolicy } = RESOURCE_KINDS
    await client.create(authorizationPolicy, {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'nobody', namespace: 'demo' },
      spec: {},
    })
    const found = await eventually('its status', async () => {
      const policy = await client.get(authorizationPolicy, 'nobody', 'demo')
      return (policy as { readonly status?: Conditions } | undefined)?.status?.conditions[0]
    })
    assert.deepEqual([found.type, found.status], ['Accepted', 'True'])
  })

  test('on the secure port a proxy is let in by the token of its own ServiceAccount', async () => {
    const { client, ports } = plane
    await eventually('ServiceAccount web-istio', () => client.get(KINDS.serviceAccount, 'web-istio', 'demo'))
    const token = await tokenOf(client, 'demo', 'web-istio')
    const root = await rootCertificate()
    const address = `istiod.istio-system.svc:${ports.secureXds}`
    const good = connect(address, { root, token })
    const foreign = connect(address, { root, token, serviceAccount: 'default' })
    const anonymous = connect(address, { root, token: 'nonsense' })
    for (const { client: xds } of [good, foreign, anonymous]) {
      closing.push(xds.stop)
      xds.subscribe('service', ['*'])
    }
    await eventually('the admitted proxy’s services', () => good.client.synced('service', '*') || undefined)
    assert.equal(foreign.client.synced('service', '*'), false)
    assert.equal(anonymous.client.synced('service', '*'), false)
  })

  test('a workload gets a certificate for its own identity from the certificate service', async () => {
    const { client, ports } = plane
    const root = await rootCertificate()
    const channel = createXdsChannels().connect({
      address: '127.0.0.1',
      port: ports.secureXds,
      serverName: 'istiod.istio-system.svc',
      rootCertificate: root,
    })
    closing.push(() => channel.close())
    const order = { csr: await certificateRequest(), validitySeconds: 3600, deadlineMs: 5000 }
    const token = await tokenOf(client, 'demo', 'web-istio')
    const chain = await requestCertificate(channel, { ...order, token })
    const leaf = new X509Certificate(chain[0] ?? '')
    assert.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/demo/sa/web-istio')
    assert.ok(leaf.verify(new X509Certificate(root).publicKey))
    await assert.rejects(requestCertificate(channel, { ...order, token: 'nonsense' }), /UNAUTHENTICATED/)
  })

  test('of two replicas one leads, and the other takes over when it stops', async () => {
    const leads: string[] = []
    const replica = (identity: string) => {
      const abort = new AbortController()
      const done = runLeaderElection({
        client: plane.client,
        namespace: NAMESPACE,
        name: 'test-leader',
        identity,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        signal: abort.signal,
        lead: async (signal) => {
          leads.push(identity)
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        },
      })
      return { stop: () => abort.abort(new Error('stop')), done }
    }
    const first = replica('a')
    await eventually('the first leader', () => leads[0])
    const second = replica('b')
    first.stop()
    await first.done
    await eventually('the second leader', () => leads[1])
    second.stop()
    await second.done
    assert.deepEqual(leads, ['a', 'b'])
  })

  test('the webhook trusts the mesh’s root, and a pod that it is asked about gets a sidecar', async () => {
    const { client, ports } = plane
    const webhook = await eventually('the webhook’s authority', async () => {
      const found = await client.get<MutatingWebhookConfiguration>(
        KINDS.mutatingWebhookConfiguration,
        'istio-revision-tag-default',
      )
      return found?.webhooks?.every(({ clientConfig }) => clientConfig.caBundle) ? found : undefined
    })
    const ca = Buffer.from(webhook.webhooks?.[0]?.clientConfig.caBundle ?? '', 'base64').toString()
    const pod = { metadata: { name: 'app' }, spec: { containers: [{ name: 'app', image: 'app' }] } }
    const review = { kind: 'AdmissionReview', request: { uid: 'u', namespace: 'demo', object: pod } }
    const response = await post(ports.webhooks, ca, review)
    const patch = Buffer.from(String(response.response.patch), 'base64').toString()
    assert.match(patch, /istio-proxy/)
    assert.match(patch, /docker\.io\/istio\/proxyv2:0\.1\.0/)
  })

  test('a deleted Service of a Gateway comes back', async () => {
    const { client } = plane
    const before = await client.get(KINDS.service, 'web-istio', 'demo')
    await client.delete(KINDS.service, 'web-istio', 'demo')
    const back = await eventually('Service web-istio', () => client.get(KINDS.service, 'web-istio', 'demo'))
    assert.notEqual(back.metadata.uid, before?.metadata.uid)
  })

  test('metrics and debug pages answer under Istio’s names', async () => {
    const text = async (path: string) =>
      (await fetch(`http://127.0.0.1:${plane.ports.monitoring}${path}`)).text()
    assert.match(await text('/metrics'), /pilot_proxy_convergence_time_bucket\{le="0.01"\}/)
    assert.match(await text('/metrics'), /pilot_xds\{version="0.1.0"\} [1-9]/)
    assert.match(await text('/debug/syncz'), /"proxy": "web-istio-1.demo"/)
    assert.match(await text('/debug/collections'), /httpRoutes/)
    assert.equal((await fetch(`http://127.0.0.1:${plane.ports.http}/ready`)).status, 200)
  })

  test('purging leaves nothing of the installation but the namespace and the Gateway API', async () => {
    const { client } = plane
    const lines: string[] = []
    await uninstallMesh({ client, namespace: NAMESPACE, purge: true, progress: (line) => lines.push(line) })
    assert.equal(lines.at(-1), '✔ Uninstall complete')
    assert.equal(await client.get(KINDS.deployment, 'istiod', NAMESPACE), undefined)
    assert.equal(await client.get(KINDS.mutatingWebhookConfiguration, 'istio-sidecar-injector'), undefined)
    const crd = (name: string) => client.get(KINDS.customResourceDefinition, name)
    await eventually('Istio’s kinds gone', async () =>
      (await crd('virtualservices.networking.istio.io')) === undefined ? true : undefined,
    )
    assert.ok(await crd('httproutes.gateway.networking.k8s.io'))
    assert.ok(await client.get(KINDS.namespace, NAMESPACE))
  })
})

async function tokenOf(client: KubeClient, namespace: string, serviceAccount: string): Promise<string> {
  const answer = await client.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { audiences: ['istio-ca'], expirationSeconds: 3600 },
    },
  })
  return (answer.body as { readonly status: { readonly token: string } }).status.token
}

/** With openssl, which shares no code with the certificate authority. */
async function certificateRequest(): Promise<string> {
  const args = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-subj', '/O=anybody']
  const { stdout } = await promisify(execFile)('openssl', args)
  return stdout
}

function post(port: number, ca: string, body: unknown): Promise<{ response: { patch?: unknown } }> {
  const text = JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port,
        path: '/inject',
        method: 'POST',
        ca,
        servername: 'istiod-revision-tag-default.istio-system.svc',
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
      },
    )
    call.on('error', reject)
    call.end(text)
  })
}
