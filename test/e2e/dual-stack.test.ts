/** Two families of addresses: pods, Services, names and ports of a machine that has IPv6. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { waitFor } from '../support/wait.ts'

const SETTING = '/proc/sys/net/ipv6/conf/all/disable_ipv6'
const hasIpv6 = existsSync(SETTING) && readFileSync(SETTING, 'latin1').trim() === '0'
const skip = hasIpv6 ? false : 'this machine has no IPv6'

let cluster: TestCluster
let kubectl: TestCluster['kubectl']
before(async () => {
  if (skip) return
  cluster = await startCluster()
  kubectl = cluster.kubectl
  await kubectl('apply -f -', { input: OBJECTS })
  await kubectl('wait pod/server pod/client pod/captured --for=condition=Ready --timeout=20s')
  await waitFor('the endpoints of both families', async () => {
    const found = await kubectl(
      'get endpointslices -l kubernetes.io/service-name=both -o jsonpath={..addresses}',
    )
    return found.includes('10.42.') && found.includes('fd00:10:42:')
  })
})
after(() => (skip ? undefined : cluster.stop()))

const SERVER = `
  const { createServer } = require('node:http')
  createServer((request, response) => response.end(request.socket.localAddress)).listen(8080, '::')`

const OBJECTS = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    pod('server', { command: ['node', '-e', SERVER], ports: [{ name: 'web', containerPort: 8080 }] }),
    pod('client', { command: ['sleep', '1000'] }),
    {
      ...pod('captured', { command: ['sleep', '1000'] }),
      spec: {
        terminationGracePeriodSeconds: 0,
        initContainers: [
          {
            name: 'istio-init',
            image: 'docker.io/istio/proxyv2:1.28.0',
            args: 'istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b * -d 15090'.split(' '),
          },
        ],
        containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000'] }],
      },
    },
    service('both', { type: 'NodePort', ipFamilyPolicy: 'PreferDualStack' }),
    service('headless', { clusterIP: 'None', ipFamilyPolicy: 'RequireDualStack' }),
    service('changes', {}),
    service('balanced', { type: 'LoadBalancer', ipFamilyPolicy: 'PreferDualStack' }),
    service('six', { ipFamilies: ['IPv6'] }),
  ],
})

function pod(name: string, container: object) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox', ...container }],
    },
  }
}

function service(name: string, spec: object) {
  const ports = [{ name: 'http', port: 80, targetPort: 'web' }]
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: 'server' }, ports, ...spec },
  }
}

const get = (path: string, what: string) => kubectl(`get ${what} -o jsonpath={${path}}`)

async function listOf(path: string, what: string): Promise<readonly string[]> {
  return JSON.parse(await get(path, what)) as readonly string[]
}

/** @returns the address at which the server was reached */
const fromPod = (words: string, name = 'client') =>
  kubectl(`exec ${name} -c main -- curl -sS --max-time 5 ${words}`)

async function fromMachine(url: string): Promise<string> {
  const { stdout, stderr } = await runCommand('curl', ['-sS', '--max-time', '5', url])
  assert.equal(stderr, '')
  return stdout
}

const IPV4 = /^::ffff:10\.42\.0\.\d+$/
const IPV6 = /^fd00:10:42::\w+$/

test('a pod has an address of each family, IPv4 first, and reaches others by both', { skip }, async () => {
  const ips = JSON.parse(await get('.status.podIPs', 'pod server')) as readonly { readonly ip: string }[]
  const [first, second] = ips.map(({ ip }) => ip)
  assert.match(first ?? '', /^10\.42\./)
  assert.match(second ?? '', IPV6)
  assert.equal(await get('.status.podIP', 'pod server'), first)
  assert.equal(await fromPod(`http://[${second}]:8080`), second)
  assert.equal(await fromMachine(`http://[${second}]:8080`), second)
  const hosts = await kubectl('exec server -- cat /etc/hosts')
  for (const ip of [first, second]) assert.ok(hosts.includes(`\n${ip}\tserver\n`), hosts)
  const node = await kubectl('get node lateen -o jsonpath={.spec.podCIDRs}{.status.addresses[*].address}')
  assert.equal(node, '["10.42.0.0/16","fd00:10:42::/112"]10.42.0.1 fd00:10:42::1 lateen')
})

test('a Service answers at each of its addresses, and by its name', { skip }, async () => {
  const [first = '', second = ''] = await listOf('.spec.clusterIPs', 'service both')
  assert.match(await fromPod(`http://${first}`), IPV4)
  assert.match(await fromPod(`http://[${second}]`), IPV6)
  assert.match(await fromPod('-4 http://both'), IPV4)
  assert.match(await fromPod('-6 http://both'), IPV6)
  assert.match(await fromPod('-6 http://both', 'server'), IPV6, 'a pod reaches itself')
  assert.match(await fromPod('http://six'), IPV6)
})

test('a node port answers at ::1 as at 127.0.0.1', { skip }, async () => {
  const port = await get('.spec.ports[0].nodePort', 'service both')
  assert.match(await fromMachine(`http://127.0.0.1:${port}`), IPV4)
  assert.match(await fromMachine(`http://[::1]:${port}`), IPV6)
  assert.match(await fromMachine(`http://[fd00:10:42::1]:${port}`), IPV6)
})

test('a load balancer has an address of each family', { skip }, async () => {
  const found = await waitFor('the addresses', async () => {
    const addresses = (await get('.status.loadBalancer.ingress[*].ip', 'service balanced')).split(' ')
    return addresses.length === 2 && addresses
  })
  assert.match(await fromMachine(`http://${found[0]}`), IPV4)
  assert.match(await fromMachine(`http://[${found[1]}]`), IPV6)
})

test('a headless Service names the pods’ addresses of both families', { skip }, async () => {
  const address = (await get('.status.podIPs[1].ip', 'pod server')).trim()
  const found = await kubectl('exec client -- getent ahostsv6 headless')
  assert.ok(found.startsWith(`${address} `), found)
  assert.match(await kubectl('exec client -- getent ahostsv4 headless'), /^10\.42\./)
  assert.match(await fromPod('-6 http://headless:8080'), IPV6)
})

test('the policy gives a second address and takes it away', { skip }, async () => {
  const [first] = await listOf('.spec.clusterIPs', 'service changes')
  const patch = (policy: string) =>
    kubectl(`patch service changes -p {"spec":{"ipFamilyPolicy":"${policy}"}}`)
  const typesOf = async () =>
    (await get('.items[*].addressType', 'endpointslices -l kubernetes.io/service-name=changes'))
      .split(' ')
      .sort()
  await patch('RequireDualStack')
  const both = await listOf('.spec.clusterIPs', 'service changes')
  assert.equal(both[0], first)
  await waitFor('the second slice', async () => (await typesOf()).join() === 'IPv4,IPv6')
  await waitFor('the second address', async () => IPV6.test(await fromPod(`http://[${both[1]}]`)))
  await patch('SingleStack')
  assert.deepEqual(await listOf('.spec.clusterIPs', 'service changes'), [first])
  await waitFor('the end of the second slice', async () => (await typesOf()).join() === 'IPv4')
  await waitFor('the end of the second address', async () => {
    const url = `http://[${both[1]}]`
    return /refused|connect/.test((await runCommand('curl', ['-sS', '--max-time', '5', url])).stderr)
  })
})

test('a pod whose traffic is captured has no IPv6 that would escape its proxy', { skip }, async () => {
  assert.match(await get('.status.podIPs[*].ip', 'pod captured'), /^10\.42\.[\d.]+$/)
  const addresses = await kubectl('exec captured -c main -- cat /proc/net/if_inet6')
  assert.deepEqual(
    addresses
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/).at(-1)),
    ['lo'],
  )
})
