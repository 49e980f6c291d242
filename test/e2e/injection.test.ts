/** Injection on a real cluster: who gets a sidecar, what the sidecar does for its pod, and how both end. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { grpcCollector } from '../../src/proxy/tracing/testing.ts'
import { rows, startCluster, type TestCluster } from '../support/cluster.ts'
import { type CommandResult, runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
  const installed = await cluster.lateen(
    'install --set profile=minimal --set meshConfig.accessLogFile=/dev/stdout -y',
  )
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  await cluster.kubectl('apply -f -', { input: NAMESPACES })
})
after(() => cluster?.stop())

const TRACING = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: tracing }
spec:
  tracing:
    - providers: [{ name: otel }]
      randomSamplingPercentage: 100
      customTags: { team: { literal: { value: probe } } }
`

const SIDECAR = ['istio-init', 'istio-proxy']

test('labels of namespace and pod decide who gets a sidecar', async () => {
  const cases: readonly (readonly [string, string, string, boolean])[] = [
    ['a namespace that enables injection', 'enabled', '', true],
    ['a namespace that says nothing', 'plain', '', false],
    ['a namespace that disables it', 'disabled', '', false],
    ['a namespace of the revision', 'revision', '', true],
    ['a namespace of another revision', 'stranger', '', false],
    [
      'a pod that asks for it in a namespace that says nothing',
      'plain',
      '-l sidecar.istio.io/inject=true',
      true,
    ],
    ['a pod that refuses it', 'enabled', '-l sidecar.istio.io/inject=false', false],
    ['a pod that asks for it where it is disabled', 'disabled', '-l sidecar.istio.io/inject=true', false],
    ['a pod of the revision in a namespace that says nothing', 'plain', '-l istio.io/rev=default', true],
    ['a pod of another revision', 'plain', '-l istio.io/rev=canary', false],
    ['a pod on the host’s network', 'enabled', `--overrides={"spec":{"hostNetwork":true}}`, false],
    ['a pod of kube-system', 'kube-system', '-l sidecar.istio.io/inject=true', false],
  ]
  const outcomes = await Promise.all(
    cases.map(([, namespace, flags]) =>
      cluster.kubectl(
        `run probe -n ${namespace} --image=alpine ${flags} --dry-run=server -o jsonpath={.spec.initContainers[*].name}`,
      ),
    ),
  )
  for (const [index, [what, , , injected]] of cases.entries())
    assert.equal(outcomes[index], injected ? SIDECAR.join(' ') : '', what)
})

test('a pod without a sidecar is 1/1; after labelling the namespace and a restart it is 2/2', async () => {
  await cluster.kubectl('apply -n plain -f -', { input: WEB })
  await cluster.kubectl('rollout status deployment/web -n plain --timeout=60s')
  assert.match(await cluster.kubectl('get pods -n plain -l app=web'), /web-\S+\s+1\/1\s+Running\s+0\s/)
  await cluster.kubectl('label namespace plain istio-injection=enabled')
  await cluster.kubectl('rollout restart deployment/web -n plain')
  await cluster.kubectl('rollout status deployment/web -n plain --timeout=60s')
  await waitFor('the new pod alone', async () =>
    /^web-\S+\s+2\/2\s+Running\s+0\s/.test(
      (await cluster.kubectl('get pods -n plain -l app=web --no-headers')).trim(),
    ),
  )
  await cluster.kubectl('label namespace plain istio-injection-')
})

test('an injected pod carries Istio’s labels and annotations, and logs without -c are the application’s', async () => {
  await cluster.kubectl('apply -n enabled -f -', { input: WEB })
  await cluster.kubectl('rollout status deployment/web -n enabled --timeout=60s')
  const { metadata, spec } = await podOf('enabled', 'app=web')
  assert.equal(metadata.labels['security.istio.io/tlsMode'], 'istio')
  assert.equal(metadata.labels['service.istio.io/canonical-name'], 'web')
  assert.equal(metadata.labels['service.istio.io/canonical-revision'], 'v7')
  assert.equal(metadata.annotations['istio.io/rev'], 'default')
  assert.equal(metadata.annotations['prometheus.io/port'], '15020')
  assert.deepEqual(JSON.parse(metadata.annotations['sidecar.istio.io/status'] ?? '').initContainers, SIDECAR)
  assert.equal(spec.initContainers?.[1]?.restartPolicy, 'Always')
  assert.match(await cluster.kubectl(`logs -n enabled ${metadata.name}`), /^web is starting$/m)
  const log = await cluster.kubectl(`logs -n enabled ${metadata.name} -c istio-proxy`)
  assert.doesNotMatch(log, /web is starting/)
  assert.ok(log.trim().split('\n').length > 1)
})

test('the access log of both sidecars has Istio’s default text format', async () => {
  const address = await cluster.kubectl('get service web -n enabled -o jsonpath={.spec.clusterIP}')
  await cluster.kubectl('apply -n enabled -f -', { input: CLIENT })
  await cluster.kubectl('wait pod/client -n enabled --for=condition=Ready --timeout=60s')
  const client = await podOf('enabled', 'app=client')
  const web = await podOf('enabled', 'app=web')
  await waitFor('an answer through both sidecars', async () => {
    const answer = await inPod(client, [
      'curl',
      '-s',
      '-H',
      'host: web.enabled',
      '-H',
      'x-request-id: find-me',
      '-A',
      'probe/1',
      `http://${address}/v?q=1`,
    ])
    return answer.stdout === 'served'
  })
  const line = async (pod: string) =>
    waitFor(`the line of ${pod}`, async () =>
      (await cluster.kubectl(`logs -n enabled ${pod} -c istio-proxy`))
        .split('\n')
        .findLast((text) => text.includes('"find-me"')),
    )
  const common = String.raw`^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "GET /v\?q=1 HTTP/1\.1" 200 - via_upstream - "-" 0 6 \d+ \d+ "-" "probe/1" "find-me" "web\.enabled" `
  const { clientIp, webIp } = { clientIp: client.status.podIP, webIp: web.status.podIP }
  assert.match(
    await line('client'),
    new RegExp(
      `${common}"${webIp}:8080" outbound\\|80\\|\\|web\\.enabled\\.svc\\.cluster\\.local ${clientIp}:\\d+ ${address}:80 ${clientIp}:\\d+ - default$`,
    ),
  )
  assert.match(
    await line(web.metadata.name),
    new RegExp(
      `${common}"${webIp}:8080" inbound\\|8080\\|\\| 127\\.0\\.0\\.6:\\d+ ${webIp}:8080 ${clientIp}:\\d+ \\S+ default$`,
    ),
  )
})

test('both sidecars take part in one trace, and a tap shows a request on its way', async () => {
  const collector = await grpcCollector()
  try {
    const mesh = await cluster.kubectl('get configmap istio -n istio-system -o jsonpath={.data.mesh}')
    const providers = [{ name: 'otel', opentelemetry: { service: '127.0.0.1', port: collector.port } }]
    const config = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: `${mesh}\nextensionProviders: ${JSON.stringify(providers)}\n` },
    }
    await cluster.kubectl('apply --server-side --force-conflicts -f -', { input: JSON.stringify(config) })
    await cluster.kubectl('apply -n enabled -f -', { input: TRACING })
    const client = await podOf('enabled', 'app=client')
    const web = await podOf('enabled', 'app=web')
    const address = await cluster.kubectl('get service web -n enabled -o jsonpath={.spec.clusterIP}')
    const call = [
      'curl',
      '-s',
      '-H',
      'host: web.enabled',
      '-H',
      'x-probe: tapped',
      `http://${address}/traced`,
    ]
    let answer: CommandResult | undefined
    const tap = `tap ${web.metadata.name} -n enabled --path /traced --header x-probe:tapped --limit 1 -o json`
    const tapping = cluster.lateen(tap, { timeoutMs: 20_000 }).then((result) => (answer = result))
    const spans = await waitFor('the spans of both sidecars', async () => {
      await inPod(client, call)
      const byTrace = Map.groupBy(collector.spans, ({ traceId }) => traceId)
      return [...byTrace.values()].find((all) => all.length === 2)
    })
    const outgoing = spans.find(({ kind }) => kind === 'client')
    const incoming = spans.find(({ kind }) => kind === 'server')
    assert.equal(incoming?.parentId, outgoing?.spanId)
    assert.equal(outgoing?.name, 'web.enabled.svc.cluster.local:80/*')
    assert.equal(incoming?.tags['istio.canonical_service'], 'web')
    assert.equal(incoming?.tags['team'], 'probe')
    // It begins to look some time after it was started.
    while (answer === undefined) await inPod(client, call)
    const { status, stdout, stderr } = await tapping
    assert.equal(status, 0, stderr)
    const { lateen } = JSON.parse(stdout) as { lateen: Readonly<Record<string, unknown>> }
    assert.equal(lateen['role'], 'inbound')
    assert.equal(lateen['status'], 200)
  } finally {
    collector.close()
  }
})

test('metrics and health are served to all, the admin interface inside the pod only', async () => {
  const client = await podOf('enabled', 'app=client')
  const address = client.status.podIP
  for (const port of [15020, 15090])
    assert.match(
      await get(`http://${address}:${port}/stats/prometheus`),
      /^istio_requests_total\{.*reporter="source"/m,
    )
  assert.equal(await statusOf(`http://${address}:15021/healthz/ready`), '200')
  // What is not excluded from capture goes to the sidecar, which finds nobody at the pod's own address.
  assert.equal(await statusOf(`http://${address}:15000/server_info`), '503')
  const inside = await inPod(client, ['curl', '-s', 'http://127.0.0.1:15000/server_info'])
  assert.match(inside.stdout, /"state": ?"LIVE"/)
  const istiod = (await podOf('istio-system', 'app=istiod')).status.podIP
  const metrics = await get(`http://${istiod}:15014/metrics`)
  for (const name of [
    'pilot_xds',
    'pilot_xds_pushes',
    'pilot_proxy_convergence_time_bucket',
    'pilot_services',
    'pilot_info',
  ])
    assert.match(metrics, new RegExp(`^${name}(\\{| )`, 'm'))
})

test('an EnvoyFilter bounds what a workload is sent, and lets go of it', async () => {
  const address = await cluster.kubectl('get service web -n enabled -o jsonpath={.spec.clusterIP}')
  const client = await podOf('enabled', 'app=client')
  const fields = Array.from({ length: 40 }, (_, i) => ['-H', `x-${i}: v`]).flat()
  const call = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', ...fields, `http://${address}/`]
  const answer = async () => (await inPod(client, call)).stdout
  assert.equal(await answer(), '200')
  await cluster.kubectl('apply -n enabled -f -', { input: BOUNDS })
  await waitFor('requests with many fields to be refused', async () => (await answer()) === '431')
  await cluster.kubectl('delete envoyfilter bounds -n enabled')
  await waitFor('requests with many fields to be let through', async () => (await answer()) === '200')
})

test('probes reach the application through the proxy, which knows what the kubelet cannot see', async () => {
  await cluster.kubectl('apply -n enabled -f -', { input: PROBED })
  await cluster.kubectl('wait pod/probed -n enabled --for=condition=Ready --timeout=60s')
  const { spec } = JSON.parse(await cluster.kubectl('get pod probed -n enabled -o json')) as {
    readonly spec: {
      readonly containers: readonly Readonly<Record<string, { readonly httpGet?: unknown }>>[]
      readonly initContainers: readonly { readonly env?: readonly { name: string; value?: string }[] }[]
    }
  }
  for (const [member, word] of [
    ['readinessProbe', 'readyz'],
    ['livenessProbe', 'livez'],
    ['startupProbe', 'startupz'],
  ] as const) {
    const path = `/app-health/app/${word}`
    assert.deepEqual(spec.containers[0]?.[member]?.httpGet, { path, port: 15020, scheme: 'HTTP' })
  }
  const { value } = spec.initContainers[1]?.env?.find(({ name }) => name === 'ISTIO_KUBE_APP_PROBERS') ?? {}
  assert.deepEqual(JSON.parse(value ?? ''), {
    '/app-health/app/livez': {
      httpGet: { path: '/live', port: 8080, scheme: 'HTTP' },
      timeoutSeconds: 1,
    },
    '/app-health/app/readyz': { tcpSocket: { port: 8081 }, timeoutSeconds: 1 },
    '/app-health/app/startupz': { tcpSocket: { port: 8080 }, timeoutSeconds: 1 },
  })
  const pod = await podOf('enabled', 'app=probed')
  // The sidecar takes connections for 8081 too, whoever listens there.
  await inPod(pod, ['curl', '-s', 'http://127.0.0.1:8080/close'])
  await cluster.kubectl('wait pod/probed -n enabled --for=condition=Ready=false --timeout=30s')
  await inPod(pod, ['curl', '-s', 'http://127.0.0.1:8080/sick'])
  await waitFor('a restart of the application alone', async () => {
    const counts =
      'jsonpath={.status.containerStatuses[0].restartCount}{.status.initContainerStatuses[1].restartCount}'
    return (await cluster.kubectl(`get pod probed -n enabled -o ${counts}`)) === '10'
  })
  await cluster.kubectl('wait pod/probed -n enabled --for=condition=Ready --timeout=60s')
  await cluster.kubectl('delete pod probed -n enabled')
})

test('a Job completes although the sidecar of its pod would go on', async () => {
  await cluster.kubectl('apply -n enabled -f -', { input: TASK })
  await cluster.kubectl('wait job/task -n enabled --for=condition=Complete --timeout=60s')
  const [row] = rows(await cluster.kubectl('get pods -n enabled -l job-name=task'))
  assert.deepEqual(row?.slice(1, 3), ['0/2', 'Completed'])
  assert.match(await cluster.kubectl('logs -n enabled -l job-name=task -c task'), /^served$/m)
})

test('when a pod is deleted, the sidecar serves until the application has ended', async () => {
  await cluster.kubectl('apply -n enabled -f -', { input: LEAVING })
  await cluster.kubectl('wait pod/leaving -n enabled --for=condition=Ready --timeout=60s')
  const following = cluster.tryKubectl('logs -n enabled leaving -c app --follow')
  await cluster.kubectl('delete pod leaving -n enabled --timeout=60s')
  const { status, stdout, stderr } = await following
  assert.equal(stdout, 'asked to end\nthe sidecar says 200, the Service served\n')
  assert.equal(status, 0, stderr)
})

test('without a control plane an injected pod is refused in Kubernetes’ words, and others are not concerned', async () => {
  await cluster.kubectl('scale deployment istiod -n istio-system --replicas=0')
  await waitFor(
    'istiod to be gone',
    async () => (await cluster.kubectl('get pods -n istio-system -l app=istiod -o name')) === '',
  )
  const refused = await cluster.tryKubectl('run late -n enabled --image=alpine --command -- sleep 60')
  assert.equal(refused.status, 1)
  assert.match(
    refused.stderr,
    /^Error from server \(InternalError\): Internal error occurred: failed calling webhook "namespace\.sidecar-injector\.istio\.io": failed to call webhook: Post "https:\/\/istiod-revision-tag-default\.istio-system\.svc:443\/inject\?timeout=10s": /,
  )
  await cluster.kubectl('run late -n disabled --image=alpine --command -- sleep 60')
  await cluster.kubectl('wait pod/late -n disabled --for=condition=Ready --timeout=30s')
  assert.equal(await askThroughSidecars(), 'served', 'what runs goes on')
  await cluster.kubectl('scale deployment istiod -n istio-system --replicas=1')
  await cluster.kubectl('rollout status deployment/istiod -n istio-system --timeout=60s')
  await waitFor(
    'the webhook to answer again',
    async () =>
      (await cluster.tryKubectl('run late -n enabled --image=alpine --command -- sleep 60')).status === 0,
  )
  await cluster.kubectl('wait pod/late -n enabled --for=condition=Ready --timeout=60s')
})

test('the end of the node proxy is a restart of each sidecar, and all is well again', async () => {
  const columns = 'NAME:.metadata.name,RESTARTS:.status.initContainerStatuses[1].restartCount'
  const restarts = () => cluster.kubectl(`get pods -n enabled -l app -o custom-columns=${columns}`)
  const before = counts(await restarts())
  const { pid } = JSON.parse(readFileSync(join(cluster.stateDirectory, 'run/node-proxy.pid'), 'utf8'))
  process.kill(pid, 'SIGKILL')
  await waitFor('every sidecar to be counted as restarted', async () => {
    const now = counts(await restarts())
    return [...before].every(([pod, count]) => (now.get(pod) ?? 0) === count + 1)
  })
  await cluster.kubectl('wait pods -n enabled -l app --for=condition=Ready --timeout=60s')
  assert.equal(await askThroughSidecars(), 'served')
})

function counts(table: string): ReadonlyMap<string, number> {
  return new Map(rows(table).map(([pod = '', count]) => [pod, Number(count)]))
}

async function askThroughSidecars(): Promise<string> {
  const address = await cluster.kubectl('get service web -n enabled -o jsonpath={.spec.clusterIP}')
  const client = await podOf('enabled', 'app=client')
  const { stdout, stderr } = await inPod(client, ['curl', '-sS', '--max-time', '10', `http://${address}/`])
  return stdout + stderr
}

interface PodView {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly initContainers?: readonly { readonly name: string; readonly restartPolicy?: string }[]
  }
  readonly status: { readonly podIP: string }
}

async function podOf(namespace: string, selector: string): Promise<PodView> {
  const { items } = JSON.parse(
    await cluster.kubectl(
      `get pods -n ${namespace} -l ${selector} --field-selector=status.phase=Running -o json`,
    ),
  ) as { readonly items: readonly PodView[] }
  assert.equal(items.length, 1, `pods of ${namespace} with ${selector}`)
  return items[0]!
}

/** Runs a program of the machine in the pod's network. */
function inPod(pod: PodView, command: readonly string[]): Promise<CommandResult> {
  const short = pod.metadata.uid.replaceAll('-', '').slice(0, 12)
  const name = readdirSync('/run/netns').find((file) => file.startsWith('lateen-') && file.endsWith(short))
  assert.ok(name, `the network namespace of ${pod.metadata.name}`)
  return runCommand('nsenter', [`--net=/run/netns/${name}`, ...command])
}

async function get(url: string): Promise<string> {
  return (await runCommand('curl', ['-s', '--max-time', '5', url])).stdout
}

async function statusOf(url: string): Promise<string> {
  return (await runCommand('curl', ['-s', '--max-time', '5', '-o', '/dev/null', '-w', '%{http_code}', url]))
    .stdout
}

const NAMESPACES = `
apiVersion: v1
kind: Namespace
metadata: { name: enabled, labels: { istio-injection: enabled } }
---
apiVersion: v1
kind: Namespace
metadata: { name: disabled, labels: { istio-injection: disabled } }
---
apiVersion: v1
kind: Namespace
metadata: { name: plain }
---
apiVersion: v1
kind: Namespace
metadata: { name: revision, labels: { istio.io/rev: default } }
---
apiVersion: v1
kind: Namespace
metadata: { name: stranger, labels: { istio.io/rev: canary } }
`

const WEB = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web, version: v7 } }
    spec:
      terminationGracePeriodSeconds: 3
      containers:
        - name: web
          image: alpine
          command: [python3, -u, -c]
          args:
            - |
              import http.server
              class Handler(http.server.BaseHTTPRequestHandler):
                  protocol_version = "HTTP/1.1"
                  def do_GET(self):
                      self.send_response(200); self.send_header("content-length", "6"); self.end_headers(); self.wfile.write(b"served")
                  def log_message(self, *args): pass
              print("web is starting")
              http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
          ports: [{ containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
`

const BOUNDS = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: bounds }
spec:
  workloadSelector: { labels: { app: web } }
  configPatches:
    - applyTo: NETWORK_FILTER
      match:
        context: SIDECAR_INBOUND
        listener:
          portNumber: 8080
          filterChain: { filter: { name: envoy.filters.network.http_connection_manager } }
      patch:
        operation: MERGE
        value:
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            common_http_protocol_options: { max_headers_count: 30 }
`

const PROBED = `
apiVersion: v1
kind: Pod
metadata: { name: probed, labels: { app: probed } }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: app
      image: alpine
      command: [python3, -u, -c]
      args:
        - |
          import http.server, socket
          other = socket.create_server(("", 8081))
          sick = False
          class Handler(http.server.BaseHTTPRequestHandler):
              def do_GET(self):
                  global sick
                  if self.path == "/close": other.close()
                  if self.path == "/sick": sick = True
                  self.send_response(500 if sick else 200); self.end_headers()
              def log_message(self, *args): pass
          http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
      startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 60 }
      livenessProbe: { httpGet: { path: /live, port: 8080 }, periodSeconds: 1, failureThreshold: 2 }
      readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1, failureThreshold: 2 }
`

const CLIENT = `
apiVersion: v1
kind: Pod
metadata: { name: client, labels: { app: client } }
spec:
  terminationGracePeriodSeconds: 1
  containers: [{ name: app, image: alpine, command: [sleep, '3600'] }]
`

const TASK = `
apiVersion: batch/v1
kind: Job
metadata: { name: task }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: task, image: curlimages/curl, command: [curl, -s, 'http://web/'] }]
`

const LEAVING = `
apiVersion: v1
kind: Pod
metadata: { name: leaving }
spec:
  terminationGracePeriodSeconds: 20
  containers:
    - name: app
      image: curlimages/curl
      command: [sh, -c]
      args:
        - |
          leave() {
            echo asked to end
            sleep 1
            echo "the sidecar says $(curl -s -o /dev/null -w '%{http_code}' http://localhost:15021/healthz/ready), the Service $(curl -s http://web/)"
            exit 0
          }
          trap leave TERM
          while :; do sleep 0.1; done
`
