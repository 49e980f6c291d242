/** Datagrams and PROXY headers through gateways of a real cluster. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gatewayApiCrds } from '../../src/mesh/resources/index.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'

const OBJECTS = `
apiVersion: v1
kind: Pod
metadata: { name: echo, labels: { app: echo } }
spec:
  containers:
    - name: echo
      image: node:24
      command: [node, -e]
      args:
        - |
          const udp = require('node:dgram').createSocket('udp4')
          udp.on('message', (message, from) => udp.send('echo ' + message, from.port, from.address))
          udp.bind(5300)
          const http = require('node:http')
          http.createServer((request, response) => response.end(request.headers['x-forwarded-for'])).listen(8080)
---
apiVersion: v1
kind: Service
metadata: { name: echo }
spec:
  selector: { app: echo }
  ports:
    - { name: dns, port: 53, targetPort: 5300, protocol: UDP }
    - { name: http, port: 80, targetPort: 8080 }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  gatewayClassName: istio
  infrastructure: { annotations: { proxy.istio.io/config: 'gatewayTopology: { proxyProtocol: {} }' } }
  listeners:
    - { name: dns, port: 53, protocol: UDP }
    - { name: http, port: 80, protocol: HTTP }
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: { name: dns }
spec:
  parentRefs: [{ name: edge, sectionName: dns }]
  rules: [{ backendRefs: [{ name: echo, port: 53 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec:
  parentRefs: [{ name: edge, sectionName: http }]
  rules: [{ backendRefs: [{ name: echo, port: 80 }] }]
`

const ASK = `
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', (message) => { console.log(String(message)); process.exit() })
setInterval(() => socket.send('hello', 53, process.argv[1]), 200)
setTimeout(() => process.exit(1), 5000)
`

let cluster: TestCluster
let kubectl: TestCluster['kubectl']
before(async () => {
  cluster = await startCluster()
  kubectl = cluster.kubectl
  const installed = await cluster.lateen('install --set profile=default -y', { timeoutMs: 120_000 })
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  // UDPRoute came into the standard with a later version than the one that is installed.
  const definitions = gatewayApiCrds({ version: 'v1.6.1', channel: 'standard' }).filter((one) =>
    one.metadata.name.startsWith('udp'),
  )
  await kubectl('apply -f -', { input: definitions.map((one) => JSON.stringify(one)).join('\n---\n') })
  await kubectl('wait crd/udproutes.gateway.networking.k8s.io --for=condition=Established --timeout=20s')
  await kubectl('apply -f -', { input: OBJECTS })
  await kubectl('wait pod/echo --for=condition=Ready --timeout=60s')
  await kubectl('wait gateway/edge --for=condition=Programmed --timeout=60s')
})
after(() => cluster.stop())

async function address(): Promise<string> {
  return kubectl('get gateway edge -o jsonpath={.status.addresses[0].value}')
}

test('a datagram is answered through the gateway, whose status counts its route', async () => {
  const { stdout } = await runCommand(process.execPath, ['-e', ASK, await address()])
  assert.equal(stdout.trim(), 'echo hello')
  const accepted = '{.status.parents[0].conditions[?(@.type=="Accepted")].status}'
  assert.equal(await kubectl(`get udproute dns -o jsonpath=${accepted}`), 'True')
  const counted = '{.status.listeners[?(@.name=="dns")].attachedRoutes}'
  assert.equal(await kubectl(`get gateway edge -o jsonpath=${counted}`), '1')
})

test('a gateway whose annotation says so believes the balancer who its clients are', async () => {
  const url = `http://${await address()}/`
  const header = ['--haproxy-clientip', '203.0.113.9']
  const supported = (await runCommand('curl', ['--help', 'all'])).stdout.includes('haproxy-clientip')
  const told = supported ? header : ['--haproxy-protocol']
  const shown = await waitFor('an answer', async () => {
    const { stdout } = await runCommand('curl', ['-s', '--max-time', '5', ...told, url])
    return stdout === '' ? undefined : stdout
  })
  assert.match(shown, supported ? /^203\.0\.113\.9$/ : /^\d+\.\d+\.\d+\.\d+$/)
  const { stdout } = await runCommand('curl', ['-s', '--max-time', '5', url])
  assert.equal(stdout, '')
})
