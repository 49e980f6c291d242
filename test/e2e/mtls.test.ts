/**
 * Mutual TLS between workloads with real kubectl: what is on the wire, who is at the other end, what STRICT and DISABLE
 * do, and what identities may do by AuthorizationPolicy.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Caller, type EchoMesh, startEchoMesh, untilServed } from '../support/echo/mesh.ts'
import { ECHO_IMAGE } from '../support/echo/manifests.ts'
import { ECHO_PORTS } from '../support/echo/protocol.ts'
import { waitFor } from '../support/wait.ts'

const RELAY_PORT = 9999
const IDENTITY = 'spiffe://cluster.local/ns/shop/sa/default'

/** Takes one connection, hands it on, and prints what went each way as base64. */
const RELAY = `
  const net = require('node:net'); const [host, port] = process.argv.slice(1)
  const seen = { there: [], back: [] }
  const server = net.createServer((near) => {
    server.close()
    const far = net.connect(Number(port), host)
    const copy = (from, to, into) => { from.on('data', (bytes) => { into.push(bytes); to.write(bytes) }); from.on('error', () => {}) }
    copy(near, far, seen.there); copy(far, near, seen.back)
    far.on('close', () => near.destroy()); near.on('close', () => far.destroy())
  }).listen(${RELAY_PORT})
  const text = (parts) => Buffer.concat(parts).toString('base64')
  setInterval(() => { if (seen.back.length > 0 && Buffer.concat(seen.back).length > 200) { console.log(JSON.stringify({ there: text(seen.there), back: text(seen.back) })); process.exit() } }, 100)
`

const peers = (name: string, spec: string): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`

const policyOf = (name: string, spec: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`

describe('mutual TLS in a cluster', () => {
  let mesh: EchoMesh
  let clerk: Caller
  let echoIp: string
  before(async () => {
    mesh = await startEchoMesh()
    echoIp = await mesh.cluster.kubectl(
      'get pods -n shop -l app=echo,version=v1 -o jsonpath={.items[0].status.podIP}',
    )
    await mesh.apply(CLERK)
    await mesh.cluster.kubectl('rollout status deployment/clerk -n shop --timeout=60s')
    clerk = await mesh.callerOf('shop', 'clerk')
  })
  after(() => mesh?.cluster.stop())

  const callEcho = (caller: Caller, path = '/', method = 'GET') =>
    caller.call({ url: `http://echo-v1.shop${path}`, method, fresh: true })
  /** @returns 0 for a connection that was refused */
  const statusOf = (caller: Caller, path?: string, method?: string): Promise<number> =>
    callEcho(caller, path, method).then(
      ({ status }) => status,
      () => 0,
    )
  const until = (what: string, caller: Caller, wanted: number, path?: string) =>
    waitFor(what, async () => {
      const status = await statusOf(caller, path)
      if (status === wanted) return true
      throw new Error(`the last answer was ${status}`)
    })

  /** What a sidecar sends to a workload of which it believes that it has one as well. */
  async function capture(): Promise<{ readonly there: Buffer; readonly back: Buffer }> {
    const relay = mesh.guest.run(['node', '-e', RELAY, echoIp, String(ECHO_PORTS.http)])
    await untilServed(
      'the call through the relay',
      () => mesh.client.call({ url: 'http://wire.test/secret-path', fresh: true }),
      ({ status }) => status === 200,
    )
    const { status, stdout, stderr } = await relay
    assert.equal(status, 0, stderr)
    const seen = JSON.parse(stdout) as { readonly there: string; readonly back: string }
    return { there: Buffer.from(seen.there, 'base64'), back: Buffer.from(seen.back, 'base64') }
  }

  test('without being asked for, what passes between two pods is TLS', async () => {
    await mesh.apply(wire(mesh.guest.address))
    const { there, back } = await capture()
    for (const bytes of [there, back]) {
      assert.deepEqual([...bytes.subarray(0, 2)], [22, 3], 'a record of a TLS handshake')
      assert.equal(bytes.includes('secret-path'), false)
      assert.equal(bytes.includes('HTTP/1.1'), false)
    }
    assert.ok(there.includes('istio-http/1.1'))
    assert.ok(there.includes('outbound_.80_._.wire.test'))
  })

  test('a pod proves its identity, and wants the other’s proven', async () => {
    const words = `openssl s_client -connect ${echoIp}:${ECHO_PORTS.http} -alpn istio -servername a </dev/null`
    const asked = await mesh.guest.run([
      'sh',
      '-c',
      `${words} | openssl x509 -noout -ext subjectAltName -dates`,
    ])
    assert.ok(asked.stdout.includes(`URI:${IDENTITY}`), asked.stdout + asked.stderr)
    const { stdout, stderr } = await mesh.guest.run([
      'sh',
      '-c',
      `(sleep 1) | ${words.replace(' </dev/null', '')}`,
    ])
    assert.match(stdout + stderr, /certificate required|Acceptable client certificate/)
  })

  test('the application is told who calls, and the proxies count it', async () => {
    const { echo } = await callEcho(mesh.client)
    assert.match(
      echo?.headers['x-forwarded-client-cert'] ?? '',
      new RegExp(`By=${IDENTITY};.*URI=${IDENTITY}`),
    )
    const { echo: fromOutside } = await callEcho(mesh.guest)
    assert.equal(fromOutside?.headers['x-forwarded-client-cert'], undefined)
  })

  test('STRICT refuses plain connections and takes those of the mesh, until it is taken back', async () => {
    await mesh.apply(peers('echo', '{ selector: { matchLabels: { app: echo } }, mtls: { mode: STRICT } }'))
    await until('the refusal', mesh.guest, 0)
    assert.equal(await statusOf(mesh.client), 200)
    await mesh.remove('peerauthentication echo')
    await until('plain connections again', mesh.guest, 200)
  })

  test('of a workload that wants TLS one port may be open', async () => {
    await mesh.apply(
      peers(
        'echo',
        `{ selector: { matchLabels: { app: echo } }, mtls: { mode: STRICT }, portLevelMtls: { '${ECHO_PORTS.http}': { mode: DISABLE } } }`,
      ),
    )
    const greet = async (): Promise<string> => {
      const { stdout } = await mesh.guest.run([
        'node',
        '-e',
        `require('node:net').connect(${ECHO_PORTS.greeter}, '${echoIp}', function () { this.write('hello\\n') }).on('data', (b) => { console.log('' + b); process.exit() }).on('close', () => process.exit())`,
      ])
      return stdout.trim()
    }
    await waitFor('the greeter to be closed', async () => (await greet()) === '')
    assert.equal(await statusOf(mesh.guest), 200)
    assert.equal(await statusOf(mesh.client), 200)
    await mesh.remove('peerauthentication echo')
  })

  test('DISABLE sends plain text', async () => {
    await mesh.apply(peers('default', '{ mtls: { mode: DISABLE } }'))
    const plain = await waitFor('plain text', async () => {
      const { there } = await capture()
      if (there.includes('GET /secret-path')) return there
      throw new Error('it is TLS still')
    })
    assert.doesNotMatch(plain.toString('latin1'), /istio-http/)
    await mesh.remove('peerauthentication default')
  })

  test('policies go by proven identities, for HTTP and for bytes', async () => {
    const ofClerk = `from: [{ source: { principals: [cluster.local/ns/shop/sa/clerk] } }]`
    const selector = 'selector: { matchLabels: { app: echo, version: v1 } }'
    await mesh.apply(
      policyOf(
        'by-identity',
        `{ ${selector}, rules: [{ ${ofClerk}, to: [{ operation: { methods: [GET], paths: [/for-clerks*] } }] }, { from: [{ source: { namespaces: [shop] } }], to: [{ operation: { paths: [/for-all] } }] }] }`,
      ),
    )
    await until('the refusal', mesh.guest, 403, '/for-all')
    const TABLE: readonly [caller: Caller, path: string, method: string, expected: number][] = [
      [clerk, '/for-clerks/a', 'GET', 200],
      [clerk, '/for-clerks/a', 'POST', 403],
      [clerk, '/for-all', 'POST', 200],
      [mesh.client, '/for-clerks/a', 'GET', 403],
      [mesh.client, '/for-all', 'GET', 200],
      [mesh.guest, '/for-clerks/a', 'GET', 403],
    ]
    for (const [caller, path, method, expected] of TABLE)
      assert.equal(await statusOf(caller, path, method), expected, `${method} ${path} ${caller.address}`)
    const greet = async (caller: Caller): Promise<string> => {
      const { stdout } = await caller.run([
        'node',
        '-e',
        `require('node:net').connect(${ECHO_PORTS.greeter}, 'greeter-tcp.shop').on('data', (b) => { console.log('' + b); process.exit() }).on('close', () => process.exit()).on('error', () => {})`,
      ])
      return stdout.trim()
    }
    await mesh.apply(
      policyOf(
        'bytes',
        `{ ${selector}, action: DENY, rules: [{ from: [{ source: { notPrincipals: [cluster.local/ns/shop/sa/clerk] } }], to: [{ operation: { ports: ['${ECHO_PORTS.greeter}'] } }] }] }`,
      ),
    )
    await mesh.remove('authorizationpolicy by-identity')
    await waitFor('the refusal', async () => (await greet(mesh.client)) === '')
    assert.notEqual(await greet(clerk), '')
    await mesh.remove('authorizationpolicy bytes')
  })

  test('proxy-status and proxy-config show what proxies have, in istioctl’s columns', async () => {
    const pod = await mesh.cluster.kubectl(
      'get pods -n shop -l app=client -o jsonpath={.items[0].metadata.name}',
    )
    const lateen = async (line: string): Promise<string> => {
      const { status, stdout, stderr } = await mesh.cluster.lateen(line)
      assert.equal(status, 0, stderr)
      return stdout
    }
    const listed = await lateen('ps')
    assert.match(listed, /^NAME +CLUSTER +ISTIOD +VERSION +SUBSCRIBED TYPES\n/)
    assert.match(listed, new RegExp(`^${pod}\\.shop +Kubernetes +istiod-\\S+ +\\S+ +\\d+ \\(.*service`, 'm'))
    const clusters = await lateen(`pc clusters ${pod}.shop --fqdn echo-v1.shop`)
    assert.match(clusters, /^echo-v1\.shop\.svc\.cluster\.local +80 +- +outbound +EDS$/m)
    const address = echoIp.replaceAll('.', String.raw`\.`)
    assert.match(
      await lateen(`pc ep ${pod} -n shop --address ${echoIp}`),
      new RegExp(
        `^${address}:8080 +HEALTHY +outbound\\|80\\|\\|echo-v1\\.shop\\.svc\\.cluster\\.local$`,
        'm',
      ),
    )
    assert.match(
      await lateen(`pc secret ${pod}.shop`),
      /^Workload\/shop\/default +Cert Chain +ACTIVE +true +[0-9a-f]+ +\S+Z +\S+Z$/m,
    )
    assert.match(
      await lateen(`pc l ${pod}.shop --port 15001`),
      /^0\.0\.0\.0 +15001 +ALL +PassthroughCluster$/m,
    )
    const unknown = await mesh.cluster.lateen(`proxy-config endpoints nobody.shop`)
    assert.notEqual(unknown.status, 0)
    assert.match(unknown.stderr, /the proxy of nobody\.shop does not answer/)
  })
})

/** A workload that is said to have a sidecar, where a relay listens. */
const wire = (address: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: wire, namespace: shop }
spec:
  hosts: [wire.test]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints:
    - { address: ${address}, ports: { http: ${RELAY_PORT} }, labels: { security.istio.io/tlsMode: istio } }
`

const CLERK = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: clerk, namespace: shop }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: clerk, namespace: shop }
spec:
  selector: { matchLabels: { app: clerk } }
  template:
    metadata: { labels: { app: clerk } }
    spec:
      serviceAccountName: clerk
      containers:
        - name: echo
          image: ${ECHO_IMAGE}
          readinessProbe: { tcpSocket: { port: ${ECHO_PORTS.control} }, periodSeconds: 1 }
`
