/** The article, command by command, with the real kubectl, curl and a browser, on a cluster brought up for it. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { judge } from '../../src/cli/demo/walkthrough.ts'
import { ROUTING_MODES, type RoutingMode } from '../../src/cli/demo/modes.ts'
import { sample, tally, ask } from '../../src/cli/demo/sampling.ts'
import { runCommand } from '../support/command.ts'
import { rows, startCluster, type TestCluster } from '../support/cluster.ts'
import { REPOSITORY } from '../support/source-tree.ts'
import { waitFor } from '../support/wait.ts'

const DEMO = 'samples/demo'
const OFFICIAL_CRDS = join(REPOSITORY, '../shared/crds/gateway-api/v1.4.0/standard')

let cluster: TestCluster
let gateway = ''
let ingress = ''

before(async () => {
  cluster = await startCluster()
})
after(() => cluster?.stop())

describe('the mesh is installed', () => {
  test('install shows its progress and waits until the control plane is ready', async () => {
    const result = await cluster.lateen('install --set profile=default --set values.global.platform=k3s -y', {
      timeoutMs: 120_000,
    })
    assert.equal(result.status, 0, result.stdout + result.stderr)
    assert.match(result.stdout, /✔ Istio core installed/)
    assert.match(result.stdout, /✔ Istiod installed/)
    assert.match(result.stdout, /✔ Ingress gateways installed/)
    assert.match(result.stdout, /✔ Installation complete/)
  })

  test('kubectl get all -n istio-system has the article’s rows', async () => {
    const table = await cluster.kubectl('get all -n istio-system')
    assert.match(table, /pod\/istiod-[a-z0-9]+-[a-z0-9]{5}\s+1\/1\s+Running/)
    assert.match(table, /pod\/istio-ingressgateway-[a-z0-9]+-[a-z0-9]{5}\s+1\/1\s+Running/)
    assert.match(
      table,
      /service\/istio-ingressgateway\s+LoadBalancer\s+10\.43\.\d+\.\d+\s+10\.44\.0\.\d+\s+15021:3\d{4}\/TCP,80:3\d{4}\/TCP,443:3\d{4}\/TCP/,
    )
    assert.match(
      table,
      /service\/istiod\s+ClusterIP\s+10\.43\.\d+\.\d+\s+<none>\s+15010\/TCP,15012\/TCP,443\/TCP,15014\/TCP/,
    )
    assert.match(
      table,
      /service\/istiod-revision-tag-default\s+ClusterIP\s+\S+\s+<none>\s+15010\/TCP,15012\/TCP,443\/TCP,15014\/TCP/,
    )
    for (const name of ['istiod', 'istio-ingressgateway']) {
      assert.match(table, new RegExp(`deployment\\.apps/${name}\\s+1/1\\s+1\\s+1\\s`))
      assert.match(table, new RegExp(`replicaset\\.apps/${name}-[a-z0-9]+\\s+1\\s+1\\s+1\\s`))
    }
  })

  test('the HPAs show what istiod and the gateway use of their requests', async () => {
    await waitFor('figures in both rows', async () => {
      const table = await cluster.kubectl('get hpa -n istio-system')
      return ['istiod', 'istio-ingressgateway'].every((name) =>
        new RegExp(`^${name}\\s+Deployment/${name}\\s+cpu: \\d+%/80%\\s+1\\s+5\\s+1\\s`, 'm').test(table),
      )
    })
  })

  test('installing again changes nothing', async () => {
    const before = await cluster.kubectl('get pods -n istio-system -o name')
    const result = await cluster.lateen('install --set profile=default --set values.global.platform=k3s -y', {
      timeoutMs: 120_000,
    })
    assert.equal(result.status, 0, result.stdout + result.stderr)
    assert.equal(await cluster.kubectl('get pods -n istio-system -o name'), before)
  })

  test('version names client, control plane and proxies', async () => {
    const result = await cluster.lateen('version')
    assert.match(result.stdout, /client version: \S+\ncontrol plane version: \S+/)
  })
})

describe('the demo is deployed', () => {
  test(
    'the official v1.4.0 CRDs apply on top',
    { skip: !existsSync(OFFICIAL_CRDS) && '../shared is not here' },
    async () => {
      const output = await cluster.kubectl(`apply -f ${OFFICIAL_CRDS}`)
      assert.equal(output.trim().split('\n').length, 6, output)
    },
  )

  test('namespace, label, gateway and application are made by the article’s commands', async () => {
    await cluster.kubectl('create namespace demo')
    assert.match(
      await cluster.kubectl('label namespace demo istio-injection=enabled'),
      /namespace\/demo labeled/,
    )
    assert.match(
      await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/gateway.yaml -n demo`),
      /gateway\.gateway\.networking\.k8s\.io\/demo-app-gateway created/,
    )
    await cluster.kubectl(`create -k ${DEMO}/kube/demo/environments/demo`)
    await cluster.kubectl('wait deployments --all --for=condition=Available -n demo --timeout=90s')
    await cluster.kubectl('wait gateway/demo-app-gateway --for=condition=Programmed -n demo --timeout=60s')
  })

  test('kubectl get all -n demo has the article’s rows: 2/2 for the application, 1/1 for the gateway', async () => {
    const table = await waitFor('all rows', async () => {
      const text = await cluster.kubectl('get all -n demo')
      return /deployment.apps\/redis\s+1\/1/.test(text) && text
    })
    const pods = rows(table).filter(([name]) => name?.startsWith('pod/'))
    assert.equal(pods.length, 7, table)
    for (const [name, ready, status] of pods) {
      assert.equal(ready, name?.startsWith('pod/demo-app-gateway-istio-') ? '1/1' : '2/2', table)
      assert.equal(status, 'Running')
    }
    const services: Readonly<Record<string, RegExp>> = {
      backend: /ClusterIP .*3000\/TCP/,
      'backend-v1': /ClusterIP .*3000\/TCP/,
      'backend-v2': /ClusterIP .*3000\/TCP/,
      // On a machine with IPv6 the gateway has an address of each family, as Istio's has.
      'demo-app-gateway-istio':
        /LoadBalancer .*10\.44\.0\.\d+(?:,fd00:\S+)? +15021:3\d{4}\/TCP,80:3\d{4}\/TCP/,
      frontend: /ClusterIP .*80\/TCP/,
      monitor: /ClusterIP .*8000\/TCP/,
      'monitor-v1': /ClusterIP .*8000\/TCP/,
      'monitor-v2': /ClusterIP .*8000\/TCP/,
      redis: /ClusterIP .*6379\/TCP/,
    }
    for (const [name, pattern] of Object.entries(services)) {
      assert.match(table, new RegExp(`service/${name} +${pattern.source}`))
    }
  })

  test('the gateway has an address and serves nothing yet', async () => {
    gateway = await cluster.kubectl(
      'get gateway demo-app-gateway -n demo -o jsonpath={.status.addresses[0].value}',
    )
    ingress = await cluster.kubectl(
      'get svc istio-ingressgateway -n istio-system -o jsonpath={.status.loadBalancer.ingress[0].ip}',
    )
    assert.match(gateway, /^10\.44\.0\.\d+$/)
    const answer = await ask({ address: gateway, path: '/app' })
    assert.equal(answer.status, 404)
    assert.equal(answer.headers['server'], 'istio-envoy')
  })
})

describe('routing modes', () => {
  before(async () => {
    await cluster.kubectl(
      `apply -n demo -f ${DEMO}/routing/istio-api/gateway.yaml -f ${DEMO}/routing/istio-api/destination-rules.yaml`,
    )
  })

  for (const mode of ROUTING_MODES) {
    test(`${mode.api}: ${mode.title}`, async () => {
      const address = mode.api === 'gateway-api' ? gateway : ingress
      const files = mode.manifests.map((file) => `-f ${DEMO}/routing/${file}`).join(' ')
      await cluster.kubectl(`create ${files} -n demo`)
      await untilServed(mode, address)
      for (const probe of mode.probes) {
        const answers = await sample({ ...probe.ask, address }, probe.count)
        assert.deepEqual(judge(tally(answers, probe.nameOf), probe), [], probe.title)
        for (const answer of answers) {
          assert.equal(answer.headers['server'], 'istio-envoy')
          assert.match(answer.headers['x-envoy-upstream-service-time'] ?? '', /^\d+$/)
        }
      }
      await cluster.kubectl(`delete ${files} -n demo`)
      await waitFor(
        'the deleted route to stop',
        async () => (await ask({ address, path: '/api/version' })).status === 404,
      )
    })
  }

  test('the added x-version comes on top of the backend’s own', async () => {
    await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-to-user.yaml -n demo`)
    await waitFor(
      'the route',
      async () => (await ask({ address: gateway, path: '/api/version' })).status === 200,
    )
    const result = await curl(`http://${gateway}/api/version`, '-H', 'x-user: jonathan')
    assert.equal(result.match(/^x-version: 1\.0\.0\r$/gm)?.length, 2, result)
    await cluster.kubectl(`delete -f ${DEMO}/routing/gateway-api/route-to-user.yaml -n demo`)
  })

  test('of two routes with equal matches the older one serves, and its deletion lets the other in', async () => {
    await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-blue.yaml -n demo`)
    await waitFor('blue', async () =>
      (await ask({ address: gateway, path: '/api/version' })).body.includes('1.0.0'),
    )
    await waitForNextSecond() // creationTimestamp has whole seconds
    await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-to-specific-version.yaml -n demo`)
    await cluster.kubectl(
      'wait httproute/demo-app-spec-ver -n demo --for=jsonpath={.status.parents[0].conditions[0].status}=True --timeout=20s',
    )
    const both = tally(await sample({ address: gateway, path: '/api/version' }, 40), (answer) =>
      answer.body.trim(),
    )
    assert.deepEqual([...both.keys()], ['{"version":"1.0.0"}'])
    await cluster.kubectl('delete httproute demo-app-blue-green -n demo')
    await waitFor('the younger route', async () =>
      (await ask({ address: gateway, path: '/api/version' })).body.includes('2.0.0'),
    )
    await cluster.kubectl('delete httproute demo-app-spec-ver -n demo')
  })
})

describe('the article’s curl lines', () => {
  before(async () => {
    await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-to-user.yaml -n demo`)
    await waitFor(
      'the route',
      async () => (await ask({ address: gateway, path: '/api/version' })).status === 200,
    )
  })
  after(() => cluster.kubectl(`delete -f ${DEMO}/routing/gateway-api/route-to-user.yaml -n demo`))

  test('login returns a token, and with it /api/users the list', async () => {
    const credentials = '{"username":"jonathan","password":"123"}'
    const json = ['-H', 'Content-Type: application/json', '-d', credentials]
    const registered = await curl(`http://${gateway}/api/register`, '-X', 'POST', ...json)
    assert.match(registered, /^HTTP\/1\.1 200 OK\r\n/)
    const login = await curl(`http://${gateway}/api/login`, '-X', 'POST', ...json)
    const token = /\{"token":"([\w-]+\.[\w-]+\.[\w-]+)"\}/.exec(login)?.[1]
    assert.ok(token, login)
    const users = await curl(
      `http://${gateway}/api/users`,
      '-H',
      `Authorization: Bearer ${token}`,
      '-H',
      'x-user: jonathan',
    )
    assert.match(users, /\{"total":1,"users":\[\{"username":"jonathan","group":"(alpha|beta)"\}\]\}/)
    for (const answer of [login, users]) {
      assert.match(answer, /^server: istio-envoy\r$/m)
      assert.match(answer, /^x-envoy-upstream-service-time: \d+\r$/m)
      assert.match(answer, /^content-type: text\/plain; charset=utf-8\r$/m)
      assert.match(answer, /^vary: Origin\r$/im)
    }
    assert.match(login, /^x-version: 2\.0\.0\r$/m)
    assert.match(users, /^x-version: 1\.0\.0\r$/m)
  })
})

describe('the sidecars', () => {
  test('carry the traffic: both ends count the requests with Istio’s labels', async () => {
    await cluster.kubectl(`create -f ${DEMO}/routing/gateway-api/route-to-specific-version.yaml -n demo`)
    await waitFor(
      'the route',
      async () => (await ask({ address: gateway, path: '/api/version' })).status === 200,
    )
    const gatewayPod = await podAddress('gateway.networking.k8s.io/gateway-name=demo-app-gateway')
    const backendPod = await podAddress('app=backend,version=v2')
    const atGateway = await metrics(gatewayPod)
    assert.match(
      atGateway,
      /istio_requests_total\{(?=[^}]*reporter="source")(?=[^}]*destination_workload="backend-v2")(?=[^}]*response_code="200")[^}]*\} [1-9]/,
    )
    const atBackend = await metrics(backendPod)
    assert.match(
      atBackend,
      /istio_requests_total\{(?=[^}]*reporter="destination")(?=[^}]*source_workload="demo-app-gateway-istio")(?=[^}]*destination_workload="backend-v2")[^}]*\} [1-9]/,
    )
    assert.match(atBackend, /istio_request_duration_milliseconds_bucket\{/)
    await cluster.kubectl('delete httproute --all -n demo')
  })

  test('let Redis through as TCP', async () => {
    const backendPod = await podAddress('app=backend,version=v1')
    await waitFor('bytes counted', async () => {
      const text = await metrics(backendPod)
      return /istio_tcp_sent_bytes_total\{(?=[^}]*destination_service_name="redis")[^}]*\} [1-9]/.test(text)
    })
  })
})

async function untilServed(mode: RoutingMode, address: string): Promise<void> {
  const probe = mode.probes[0]
  assert.ok(probe)
  await waitFor(
    `${mode.title} to be live`,
    async () => probe.nameOf(await ask({ ...probe.ask, address })) in probe.expected,
  )
}

async function curl(url: string, ...args: readonly string[]): Promise<string> {
  const result = await runCommand('curl', ['-s', '-i', '--max-time', '10', ...args, url])
  assert.equal(result.status, 0, result.stderr)
  return result.stdout
}

async function podAddress(selector: string): Promise<string> {
  return cluster.kubectl(`get pods -n demo -l ${selector} -o jsonpath={.items[0].status.podIP}`)
}

async function metrics(address: string): Promise<string> {
  return (await ask({ address, port: 15090, path: '/stats/prometheus' })).body
}

async function waitForNextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000)
  await waitFor('the next second', () => Math.floor(Date.now() / 1000) > second)
}
