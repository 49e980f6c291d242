/**
 * Istio's traffic policy between services, through real sidecars: what a Sidecar leaves of the mesh, hosts that only the
 * mesh knows, and how clients treat the endpoints of a service.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type EchoMesh, startEchoMesh, untilServed, versionsOf } from '../support/echo/mesh.ts'
import { ECHO_PORTS, type Reply } from '../support/echo/protocol.ts'

describe('between services', () => {
  let mesh: EchoMesh
  before(async () => {
    mesh = await startEchoMesh()
  })
  after(() => mesh?.cluster.stop())

  const ask = (url: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> =>
    mesh.client.call({ url, headers, fresh: true })
  const by =
    (version: string) =>
    ({ status, headers }: Reply) =>
      status === 200 && headers['x-served-by'] === version
  const isStatus =
    (wanted: number) =>
    ({ status }: Reply) =>
      status === wanted
  const podOf = (version: string) =>
    mesh.cluster.kubectl(
      `get pods -n shop -l app=echo,version=${version} -o jsonpath={.items[0].status.podIP}`,
    )

  test('a Sidecar with REGISTRY_ONLY leaves its workload what it names, and nothing else', async () => {
    await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: client, namespace: shop }
spec:
  workloadSelector: { labels: { app: client } }
  egress: [{ hosts: ['./echo-v1.shop.svc.cluster.local', 'istio-system/*'] }]
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
`)
    await untilServed('what is out of scope', () => ask('http://echo-v2/'), isStatus(502))
    assert.ok(by('v1')(await ask('http://echo-v1/')))
    assert.equal((await ask(`http://${await podOf('v2')}:${ECHO_PORTS.http}/`)).status, 502)
    await mesh.remove('sidecar client')
    await untilServed('all of it again', () => ask('http://echo-v2/'), by('v2'))
  })

  test('the oldest Sidecar without a selector holds for its namespace, behind those with one', async () => {
    await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: namespace, namespace: shop }
spec: { egress: [{ hosts: ['~/*'] }], outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
`)
    await untilServed('nothing', () => ask('http://echo-v1/'), isStatus(502))
    await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: client, namespace: shop }
spec: { workloadSelector: { labels: { app: client } }, egress: [{ hosts: ['./*'] }] }
`)
    await untilServed('the namespace', () => ask('http://echo-v1/'), by('v1'))
    await mesh.remove('sidecar namespace client')
  })

  test('a host of a ServiceEntry gets an address, by which pods of the mesh find it', async () => {
    await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: allocated, namespace: shop }
spec:
  hosts: [allocated.example.test]
  resolution: STATIC
  ports:
    - { number: 80, name: http, protocol: HTTP, targetPort: ${ECHO_PORTS.http} }
    - { number: 9000, name: tcp, protocol: TCP, targetPort: ${ECHO_PORTS.greeter} }
  endpoints: [{ address: ${await podOf('v2')} }]
`)
    await untilServed('the host', () => ask('http://allocated.example.test/').catch(notYet), by('v2'))
    const address = await mesh.cluster.kubectl(
      'get serviceentry allocated -n shop -o jsonpath={.status.addresses[0].value}',
    )
    assert.match(address, /^240\.240\.\d+\.\d+$/)
    const command = ['curl', '-s', '--max-time', '1', 'telnet://allocated.example.test:9000'] as const
    const { stdout } = await mesh.client.run(command, '')
    assert.notEqual(stdout, '', 'connections that name no host find it too')
    await mesh.remove('serviceentry allocated')
  })

  test('rules for bytes lead connections elsewhere, by the labels of who connects', async () => {
    const serviceOf = (name: string, version: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: echo, version: ${version} }, ports: [{ name: tcp-bytes, port: 7001, targetPort: ${ECHO_PORTS.http} }] }
---`
    const rulesOf = (app: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: bytes, namespace: shop }
spec:
  hosts: [bytes-v1]
  tcp:
    - match: [{ port: 7001, sourceLabels: { app: ${app} } }]
      route: [{ destination: { host: bytes-v2, port: { number: 7001 } } }]
`
    await mesh.apply(serviceOf('bytes-v1', 'v1') + serviceOf('bytes-v2', 'v2'))
    const url = 'http://bytes-v1.shop.svc.cluster.local:7001/'
    await untilServed('the one that is dialled', () => ask(url), by('v1'))
    await mesh.apply(rulesOf('client'))
    await untilServed('where the rule leads', () => ask(url), by('v2'))
    await mesh.apply(rulesOf('somebody-else'))
    await untilServed('the one that is dialled, again', () => ask(url), by('v1'))
    await mesh.remove('virtualservice bytes')
    await mesh.remove('service bytes-v1 bytes-v2')
  })

  test('what another namespace does not export is not there', async () => {
    const endpoint = await podOf('v2')
    const entry = (exportTo: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: private, namespace: guests }
spec:
  hosts: [private.example.test]
  exportTo: ['${exportTo}']
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${ECHO_PORTS.http} }]
  endpoints: [{ address: ${endpoint} }]
`
    const named = () => ask('http://echo-v1/', { host: 'private.example.test' })
    await mesh.apply(entry('shop'))
    // The address of echo-v1 is dialled, which is meant; the name is of the mesh all the same.
    await untilServed('the name', () => ask('http://private.example.test/').catch(notYet), by('v2'))
    await mesh.apply(entry('.'))
    await untilServed(
      'the name to go',
      () => ask('http://private.example.test/').catch(notYet),
      isStatus(NOT_YET),
    )
    assert.ok(by('v1')(await named()))
    await mesh.remove('serviceentry private', 'guests')
  })

  test('a consistent hash leads the same header to the same endpoint', async () => {
    await mesh.apply(rule('{ loadBalancer: { consistentHash: { httpHeaderName: x-user } } }'))
    const seen = new Set<string>()
    await untilServed('the hash', async () => {
      const replies = await Promise.all(
        Array.from({ length: 8 }, () => ask('http://echo/', { 'x-user': 'one' })),
      )
      const [first] = replies
      assert.ok(first)
      return Object.keys(versionsOf(replies)).length === 1 ? first : { ...first, status: 404 }
    })
    for (let user = 0; user < 24; user++) {
      const replies = await Promise.all(
        Array.from({ length: 3 }, () => ask('http://echo/', { 'x-user': `user-${user}` })),
      )
      const versions = Object.keys(versionsOf(replies))
      assert.equal(versions.length, 1, `user ${user}: ${versions.join(', ')}`)
      seen.add(versions[0] ?? '')
    }
    assert.deepEqual([...seen].toSorted(), ['v1', 'v2'])
    await mesh.remove('destinationrule echo')
  })

  test('an endpoint that fails is left out', async () => {
    await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: half, namespace: shop }
spec:
  hosts: [half.example.test]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints:
    - { address: ${await podOf('v1')}, ports: { http: ${ECHO_PORTS.http} } }
    - { address: ${await podOf('v2')}, ports: { http: 9 } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: half, namespace: shop }
spec:
  hosts: [half.example.test]
  http: [{ retries: { attempts: 0 }, route: [{ destination: { host: half.example.test } }] }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: half, namespace: shop }
spec:
  host: half.example.test
  trafficPolicy:
    loadBalancer: { simple: ROUND_ROBIN }
    outlierDetection: { consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 }
`)
    await untilServed(
      'the broken one left out',
      async () => {
        const replies: Reply[] = []
        for (let i = 0; i < 8; i++) replies.push(await ask('http://half.example.test/').catch(notYet))
        return replies.find(({ status }) => status !== 200) ?? replies[0] ?? (await notYet())
      },
      isStatus(200),
    )
    await mesh.remove('serviceentry half')
  })

  function rule(trafficPolicy: string): string {
    return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo, namespace: shop }
spec: { host: echo, trafficPolicy: ${trafficPolicy} }
`
  }
})

const NOT_YET = 599

/** A name that is not known is no answer. */
async function notYet(): Promise<Reply> {
  return {
    status: NOT_YET,
    headers: {},
    trailers: {},
    body: '',
    bodyBytes: 0,
    bodySha256: '',
    echo: undefined,
  }
}
