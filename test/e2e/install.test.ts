/** `lateen install`, `uninstall` and `version` on a real cluster: profiles, settings, files, and what they leave. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask } from '../../src/cli/demo/sampling.ts'
import { rows, startCluster, type TestCluster } from '../support/cluster.ts'
import { REPOSITORY } from '../support/source-tree.ts'
import { waitFor } from '../support/wait.ts'

const GATEWAY_CRDS = join(REPOSITORY, '../shared/crds/gateway-api/v1.4.0/standard')
const ISTIO_CRDS = join(REPOSITORY, '../shared/crds/istio')
const SYSTEM = '-n istio-system'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
})
after(() => cluster?.stop())

test('before an installation, version names the client and says that there is no mesh', async () => {
  const { status, stdout, stderr } = await cluster.lateen('version')
  assert.equal(status, 0)
  assert.match(stdout, /^client version: \d+\.\d+\.\d+$/m)
  assert.match(stderr, /Istio is not present in the cluster with namespace "istio-system"/)
})

test('wrong settings are refused as a matter of usage, with the path and a hint, and change nothing', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['--set profile=nope', /profile: "nope" is not a profile of this program: default, demo, minimal, empty/],
    ['--set values.pilot.replicaCont=2', /did you mean values\.pilot\.replicaCount\?/],
    ['--set values.pilot.replicaCount=many', /values\.pilot\.replicaCount: "many" is not a whole number/],
    ['--set components.pilot.enabled=perhaps', /components\.pilot\.enabled: "perhaps" is not true or false/],
    ['--set meshConfig.outboundTrafficPolicy.mode=DENY', /"DENY" is not one of ALLOW_ANY, REGISTRY_ONLY/],
    ['--set values.global.platform=k4s', /values\.global\.platform: "k4s" is not one of/],
    ['--set profile', /must be path=value/],
    ['--readiness-timeout soon', /--readiness-timeout soon is not a duration such as 5m/],
    ['-f /nowhere/operator.yaml', /\/nowhere\/operator\.yaml: no such file/],
  ]
  const results = await Promise.all(cases.map(([flags]) => cluster.lateen(`install ${flags} -y`)))
  for (const [index, [flags, message]] of cases.entries()) {
    assert.equal(results[index]?.status, 64, flags)
    assert.match(results[index]?.stderr ?? '', message)
  }
  assert.equal((await cluster.tryKubectl('get namespace istio-system')).status, 1)
})

test('--dry-run prints what would be applied, which kubectl takes, and changes nothing', async () => {
  const { status, stdout } = await cluster.lateen('install --set profile=demo --dry-run')
  assert.equal(status, 0)
  for (const name of ['istiod', 'istio-ingressgateway', 'istio-egressgateway'])
    assert.match(stdout, new RegExp(`kind: Deployment\\nmetadata:\\n  name: ${name}\\n`))
  assert.equal((await cluster.tryKubectl('get namespace istio-system')).status, 1)
  const refused = await cluster.tryKubectl('apply --dry-run=client -f -', { input: stdout })
  assert.equal(refused.status, 0, refused.stderr)
})

test('profile empty makes the namespace and nothing else', async () => {
  await install('--set profile=empty')
  await cluster.kubectl('get namespace istio-system')
  assert.equal(await deployments(), '')
})

test('an installation that cannot become ready names what is not, and why', async () => {
  const { status, stdout, stderr } = await cluster.lateen(
    'install --set profile=minimal --set values.pilot.image=nobody/knows:1 --readiness-timeout 2s -y',
  )
  assert.equal(status, 1)
  assert.match(stdout, /✔ Istio core installed/)
  assert.doesNotMatch(stdout, /Installation complete/)
  assert.match(stderr, /timed out while waiting for these to become ready:/)
  assert.match(stderr, /Deployment\/istio-system\/istiod \(0 of 1 replicas are available/)
  assert.match(stderr, /containers with unready status: \[discovery\]/)
  assert.match(stderr, /(ErrImagePull|ImagePullBackOff)/)
  const purged = await cluster.lateen('uninstall --purge -y')
  assert.equal(purged.status, 0, purged.stderr)
})

test('the official definitions, applied before the installation, stay theirs and the mesh works with them', async (t) => {
  if (!existsSync(GATEWAY_CRDS)) return t.skip('needs the official definitions in ../shared')
  await cluster.kubectl(
    `apply --server-side -f ${GATEWAY_CRDS} -f ${ISTIO_CRDS}/customresourcedefinitions.yaml`,
  )
  await cluster.kubectl('wait crd --all --for=condition=Established --timeout=30s')
  const before = await inventory()
  const definition = await definitionOf('httproutes.gateway.networking.k8s.io')
  await install('--set profile=minimal')
  assert.deepEqual(await definitionOf('httproutes.gateway.networking.k8s.io'), definition)
  await expectServing()
  await cluster.kubectl('delete namespace probe --wait=true --timeout=60s')
  await uninstall()
  assert.deepEqual(await settledInventory(before), [])
  await cluster.kubectl(`delete -f ${GATEWAY_CRDS} -f ${ISTIO_CRDS}/customresourcedefinitions.yaml`)
})

test('profile minimal has no gateway; with the mesh’s own definitions traffic flows as well', async () => {
  await install('--set profile=minimal')
  assert.equal(await deployments(), 'istiod')
  await expectServing()
})

test('version tells of client, control plane and proxies, as text and as JSON', async () => {
  const { stdout } = await cluster.lateen('version')
  const [version = ''] = /\d+\.\d+\.\d+/.exec(stdout) ?? []
  assert.equal(
    stdout,
    `client version: ${version}\ncontrol plane version: ${version}\ndata plane version: ${version} (1 proxies)\n`,
  )
  const report = JSON.parse((await cluster.lateen('version -o json')).stdout) as {
    readonly clientVersion: { readonly version: string }
    readonly meshVersion: readonly {
      readonly Component: string
      readonly Info: { readonly version: string }
    }[]
    readonly dataPlaneVersion: readonly { readonly ID: string; readonly IstioVersion: string }[]
  }
  assert.equal(report.clientVersion.version, version)
  assert.deepEqual(
    report.meshVersion.map(({ Component, Info }) => [Component, Info.version]),
    [['pilot', version]],
  )
  assert.match(report.dataPlaneVersion[0]?.ID ?? '', /^web-istio-[a-z0-9]+-[a-z0-9]+\.probe$/)
  assert.equal(report.dataPlaneVersion[0]?.IstioVersion, version)
  const alone = await cluster.lateen('version --remote=false')
  assert.equal(alone.stdout, `client version: ${version}\n`)
})

test('another profile on an installed mesh adds its parts, prunes nothing, and users’ objects stay and are served', async () => {
  const route = await cluster.kubectl('get httproute app -n probe -o jsonpath={.metadata.uid}')
  await install('--set profile=demo')
  assert.equal(await deployments(), 'istio-egressgateway istio-ingressgateway istiod')
  assert.match(
    await cluster.kubectl(`get configmap istio ${SYSTEM} -o jsonpath={.data.mesh}`),
    /accessLogFile: \/dev\/stdout/,
  )
  await expectAnswer()
  await install('--set profile=default')
  assert.equal(await deployments(), 'istio-egressgateway istio-ingressgateway istiod')
  assert.doesNotMatch(
    await cluster.kubectl(`get configmap istio ${SYSTEM} -o jsonpath={.data.mesh}`),
    /accessLogFile/,
  )
  assert.match(await cluster.kubectl(`get hpa ${SYSTEM}`), /istio-ingressgateway/)
  assert.equal(await cluster.kubectl('get httproute app -n probe -o jsonpath={.metadata.uid}'), route)
  await expectAnswer()
})

test('an IstioOperator file is read, and --set goes over it', async () => {
  const file = join(cluster.stateDirectory, 'operator.yaml')
  writeFileSync(file, OPERATOR)
  await install(`-f ${file} --set values.pilot.env.FROM_FLAG=flag --set meshConfig.accessLogEncoding=TEXT`)
  const mesh = await cluster.kubectl(`get configmap istio ${SYSTEM} -o jsonpath={.data.mesh}`)
  assert.match(mesh, /^accessLogFile: \/dev\/stdout$/m)
  assert.match(mesh, /^accessLogEncoding: TEXT$/m)
  assert.match(mesh, /^extensionProviders:\n  - name: otel\n/m)
  const environment = await cluster.kubectl(
    `get deployment istiod ${SYSTEM} -o jsonpath={.spec.template.spec.containers[0].env}`,
  )
  assert.match(environment, /"FROM_FILE","value":"file"/)
  assert.match(environment, /"FROM_FLAG","value":"flag"/)
  const wrong = await cluster.lateen('install -y -f -', { input: OPERATOR.replace('pilot:', 'pilott:') })
  assert.equal(wrong.status, 64)
  assert.match(wrong.stderr, /pilott.*is not a setting/)
})

test('purging removes everything that an installation made, and the next installation works', async () => {
  await cluster.kubectl('delete namespace probe --wait=true --timeout=60s')
  await uninstall()
  const left = await settledInventory([])
  const mesh = left.filter(
    (name) => /istio|gateway|sidecar/.test(name) && !/namespace\/istio-system/.test(name),
  )
  assert.deepEqual(mesh, [])
  await cluster.kubectl('get namespace istio-system')
  const again = await cluster.lateen('uninstall --purge -y')
  assert.equal(again.status, 0, again.stderr)
  await install('--set profile=default')
  assert.equal(await deployments(), 'istio-ingressgateway istiod')
  await expectServing()
})

test('definitions of the Gateway API that an installation made stay as long as somebody’s objects need them', async () => {
  const { stdout } = await cluster.lateen('uninstall --purge -y')
  assert.match(stdout, /Kept .*gateway\.networking\.k8s\.io.*Gateway\/probe\/web/)
  assert.match(await cluster.kubectl('get httproute -n probe'), /app/)
  assert.equal((await cluster.tryKubectl('get crd virtualservices.networking.istio.io')).status, 1)
})

async function install(flags: string): Promise<void> {
  const { status, stdout, stderr } = await cluster.lateen(`install ${flags} -y`)
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /✔ Installation complete\n$/)
}

async function uninstall(): Promise<void> {
  const { status, stdout, stderr } = await cluster.lateen('uninstall --purge -y')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /Removed Deployment\/istio-system\/istiod\.\n/)
  assert.match(stdout, /✔ Uninstall complete\n$/)
}

async function deployments(): Promise<string> {
  return cluster.kubectl(`get deployments ${SYSTEM} -o jsonpath={.items[*].metadata.name}`)
}

async function definitionOf(name: string): Promise<unknown> {
  const { metadata, spec } = JSON.parse(await cluster.kubectl(`get crd ${name} -o json`))
  return { uid: metadata.uid, labels: metadata.labels, spec }
}

/** Every object of the cluster, but for what comes and goes by itself. */
async function inventory(): Promise<readonly string[]> {
  const kinds = (await cluster.kubectl('api-resources --verbs=list -o name')).trim().split('\n')
  const passing = /^(events|pods|endpoints$|endpointslices|leases|replicasets)/
  const wanted = kinds.filter((kind) => !passing.test(kind)).join(',')
  const table = await cluster.kubectl(
    `get ${wanted} -A -o custom-columns=KIND:.kind,NS:.metadata.namespace,NAME:.metadata.name --no-headers`,
  )
  return rows(table)
    .map((row) => row.join('/'))
    .sort()
}

/** What is there beyond `before`, once deletions have come to their end. */
async function settledInventory(before: readonly string[]): Promise<readonly string[]> {
  const known = new Set([...before, 'Namespace/<none>/istio-system'])
  let beyond: readonly string[] = []
  await waitFor(
    'what belonged to the mesh to go',
    async () => {
      beyond = (await inventory()).filter((name) => !known.has(name))
      return beyond.every((name) => !/istio|gateway\.networking/.test(name.replace('istio-system/', '')))
    },
    { deadlineMs: 20_000, everyMs: 200 },
  ).catch(() => {}) // the caller compares, and shows the difference
  return beyond.filter((name) => !/istio-system\/(default|kube-root-ca\.crt)$/.test(name))
}

/** A managed gateway, a route and a backend of the probe's own namespace. */
async function expectServing(): Promise<void> {
  await cluster.kubectl('apply -f -', { input: SERVING })
  await cluster.kubectl('wait gateway/web -n probe --for=condition=Programmed --timeout=30s')
  await expectAnswer()
}

async function expectAnswer(): Promise<void> {
  const address = await cluster.kubectl('get gateway web -n probe -o jsonpath={.status.addresses[0].value}')
  await waitFor(
    'an answer through the gateway',
    async () => (await ask({ address, path: '/' })).status === 200,
    {
      deadlineMs: 20_000,
    },
  )
}

const OPERATOR = `
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: { name: mine, namespace: istio-system }
spec:
  profile: minimal
  meshConfig:
    accessLogFile: /dev/stdout
    accessLogEncoding: JSON
    extensionProviders:
      - name: otel
        opentelemetry: { service: otel.observability.svc.cluster.local, port: 4317 }
  components:
    pilot: { enabled: true }
    ingressGateways: [{ name: istio-ingressgateway, enabled: false }]
  values:
    pilot:
      env: { FROM_FILE: file, FROM_FLAG: file }
`

const SERVING = `
apiVersion: v1
kind: Namespace
metadata: { name: probe }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: app, namespace: probe }
spec:
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: alpine
          command: [python3, -m, http.server, '8080', --directory, /tmp]
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: app, namespace: probe }
spec:
  selector: { app: app }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: probe }
spec:
  gatewayClassName: istio
  listeners: [{ name: http, port: 80, protocol: HTTP }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: app, namespace: probe }
spec:
  parentRefs: [{ name: web }]
  rules: [{ backendRefs: [{ name: app, port: 80 }] }]
`
