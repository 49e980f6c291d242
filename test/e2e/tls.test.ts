/** TLS on a real cluster: from Secrets that users make to what clients and backends see. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTestAuthority, type KeyPair } from '../../src/proxy/tls/testing/authority.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { runCommand } from '../support/command.ts'
import { startLoad } from '../support/load.ts'
import { waitFor } from '../support/wait.ts'
import { WEB } from '../support/web.ts'

const authority = createTestAuthority()
let cluster: TestCluster
let kubectl: TestCluster['kubectl']
before(async () => {
  cluster = await startCluster()
  kubectl = cluster.kubectl
  const installed = await cluster.lateen('install --set profile=default -y', { timeoutMs: 120_000 })
  assert.equal(installed.status, 0, installed.stdout + installed.stderr)
  writeFileSync(join(cluster.stateDirectory, 'ca.crt'), authority.certificate)
  await setSecret('backend', authority.issue(['backend.test']))
  await kubectl('apply -f -', { input: `${WEB}---${SECURED}---${GATEWAY}` })
  await kubectl('wait deployment/web --for=condition=Available --timeout=30s')
  await kubectl('wait pod/secured --for=condition=Ready --timeout=30s')
})
after(async () => {
  await cluster.stop()
  authority.close()
})

/** Makes a TLS Secret, or replaces it. */
async function setSecret(name: string, pair: KeyPair): Promise<void> {
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  const input = `apiVersion: v1
kind: Secret
metadata: { name: ${name} }
type: kubernetes.io/tls
data: { tls.crt: ${encode(pair.chain)}, tls.key: ${encode(pair.privateKey)} }
`
  await kubectl('apply -f -', { input })
}

async function setAuthorities(pem: string): Promise<void> {
  const data = `{ ca.crt: ${JSON.stringify(pem)} }`
  await kubectl('apply -f -', {
    input: `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: authorities }\ndata: ${data}\n`,
  })
}

async function addressOf(service: string): Promise<string> {
  return waitFor('an address', async () => {
    const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}'
    return (await kubectl(`get service ${service} -o ${path}`)) || undefined
  })
}

/** @returns what curl prints: the body, then the version and the status */
async function curl(address: string, url: string, ...options: readonly string[]): Promise<string> {
  const { host, port } = /^https?:\/\/(?<host>[^:/]+):(?<port>\d+)/.exec(url)?.groups ?? {}
  const to = ['--resolve', `${host}:${port}:${address}`, '--cacert', join(cluster.stateDirectory, 'ca.crt')]
  const format = ['-s', '--max-time', '5', '-w', ' %{http_version} %{http_code}']
  return (await runCommand('curl', [...format, ...to, ...options, url])).stdout
}

async function serialOf(address: string, name: string): Promise<string> {
  const shown = await runCommand('sh', [
    '-c',
    `openssl s_client -connect ${address}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
  ])
  return shown.stdout.trim()
}

const condition = (type: string, reason: string): string =>
  `--for=jsonpath={.status.listeners[0].conditions[?(@.type=="${type}")].reason}=${reason}`

test('a listener waits for its Secret and serves as soon as it is there', async () => {
  await kubectl(`wait gateway/edge ${condition('ResolvedRefs', 'InvalidCertificateRef')} --timeout=20s`)
  await setSecret('shop', authority.issue(['shop.test']))
  await kubectl(`wait gateway/edge ${condition('Programmed', 'Programmed')} --timeout=20s`)
  const address = await addressOf('edge-istio')
  const url = 'https://shop.test:443/'
  await waitFor('the page', async () => (await curl(address, url)) === 'first 2 200')
  assert.equal(await curl(address, url, '--http1.1'), 'first 1.1 200')
  assert.equal(await curl(address, 'https://other.test:443/'), ' 0 000')
})

test('a Secret that changes is shown to new connections at once', async () => {
  const address = await addressOf('edge-istio')
  const before = await serialOf(address, 'shop.test')
  await setSecret('shop', authority.issue(['shop.test']))
  await waitFor('the new certificate', async () => {
    const serial = await serialOf(address, 'shop.test')
    return serial !== '' && serial !== before
  })
})

/** Asks for the page steadily, over connections that are kept and over new ones. */
function startLoads(address: string, path: string) {
  const loads = [false, true].map((opensEach) =>
    startLoad({
      host: address,
      path,
      headers: { host: 'shop.test' },
      tls: { ca: authority.certificate, servername: 'shop.test' },
      opensEach,
      perSecond: 60,
      requestsMax: 6000,
      nameOf(status) {
        assert.equal(status, 200)
        return 'page'
      },
    }),
  )
  const sent = (): number => Math.min(...loads.map((load) => load.sent()))
  return {
    /** Some more requests have left over both kinds of connections. */
    async goesOn(): Promise<void> {
      const before = sent()
      await waitFor('more requests', () => sent() > before + 20)
    },
    async failures(): Promise<readonly string[]> {
      const reports = await Promise.all(loads.map((load) => load.stop()))
      return reports.flatMap(({ failures }) => failures)
    },
  }
}

test('no request fails while a Secret is replaced again and again', async () => {
  const address = await addressOf('edge-istio')
  const load = startLoads(address, '/')
  for (let i = 0; i < 6; i++) {
    const renewed = authority.issue(['shop.test'], { isRsa: i % 2 === 1 })
    await setSecret('shop', renewed)
    const { serialNumber } = new X509Certificate(renewed.chain)
    await waitFor(
      'the new certificate',
      async () => (await serialOf(address, 'shop.test')) === `serial=${serialNumber}`,
    )
    await load.goesOn()
  }
  assert.deepEqual(await load.failures(), [])
})

test('the key is with the gateway alone, and shown by nobody', async () => {
  const pods = await kubectl('get pods -A -l gateway.networking.k8s.io/gateway-name=edge -o name')
  const dump = await kubectl(`exec ${pods.trim()} -- curl -s http://127.0.0.1:15000/config_dump`).catch(
    () => '',
  )
  assert.doesNotMatch(dump, /PRIVATE KEY/)
  const logs = await kubectl('logs -n istio-system deployment/istiod --tail=-1')
  assert.doesNotMatch(logs, /PRIVATE KEY/)
})

test('TLS is passed through by its server name', async () => {
  await kubectl('apply -f -', { input: PASSTHROUGH })
  const address = await waitFor('an address', async () => {
    const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}'
    return (await kubectl(`get service istio-ingressgateway -n istio-system -o ${path}`)) || undefined
  })
  const answer = await waitFor('the backend', async () => {
    const text = await curl(address, 'https://backend.test:443/')
    return text.startsWith('secured') ? text : undefined
  })
  assert.match(answer, /^secured .*200$/)
})

test('a BackendTLSPolicy has the gateway speak TLS, and check whom it speaks to', async () => {
  const input = (hostname: string) => BACKEND_TLS.replace('HOSTNAME', hostname)
  await setAuthorities(authority.certificate)
  await kubectl('apply -f -', { input: input('backend.test') })
  const accepted = '--for=jsonpath={.status.ancestors[0].conditions[?(@.type=="Accepted")].reason}=Accepted'
  await kubectl(`wait backendtlspolicy/secured ${accepted} --timeout=20s`)
  const address = await addressOf('edge-istio')
  const url = 'https://shop.test:443/secured'
  await waitFor('the secured backend', async () => (await curl(address, url)) === 'secured 2 200')

  const load = startLoads(address, '/secured')
  const another = createTestAuthority()
  for (const bundle of [[another, authority], [authority, another], [authority]]) {
    await setAuthorities(bundle.map(({ certificate }) => certificate).join(''))
    await load.goesOn()
  }
  another.close()
  assert.deepEqual(await load.failures(), [], 'while the authorities change')
  await kubectl('apply -f -', { input: input('other.test') })
  await waitFor('the refusal', async () => (await curl(address, url)).endsWith(' 503'))
})

test('a gateway of one’s own, injected, serves with the certificate of a volume, and with the next one', async () => {
  await setSecret('own', authority.issue(['own.test']))
  await kubectl('apply -f -', { input: OWN_GATEWAY })
  await kubectl('wait deployment/own --for=condition=Available --timeout=30s')
  const address = await addressOf('own')
  const url = 'https://own.test:443/'
  await waitFor('the page', async () => (await curl(address, url)) === 'first 2 200')
  const before = await serialOf(address, 'own.test')
  await setSecret('own', authority.issue(['own.test']))
  await waitFor('the next certificate', async () => {
    const serial = await serialOf(address, 'own.test')
    return serial !== '' && serial !== before
  })
})

/** As Istio's documentation has it: the proxy's container stands in the pod, and injection fills it in. */
const OWN_GATEWAY = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: own }
spec:
  selector: { matchLabels: { istio: own } }
  template:
    metadata:
      annotations: { inject.istio.io/templates: gateway }
      labels: { istio: own, sidecar.istio.io/inject: 'true' }
    spec:
      containers:
        - name: istio-proxy
          image: auto
          volumeMounts: [{ name: certs, mountPath: /etc/certs, readOnly: true }]
      volumes: [{ name: certs, secret: { secretName: own } }]
---
apiVersion: v1
kind: Service
metadata: { name: own }
spec: { type: LoadBalancer, selector: { istio: own }, ports: [{ name: https, port: 443 }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: own }
spec:
  selector: { istio: own }
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [own.test]
      tls: { mode: SIMPLE, serverCertificate: /etc/certs/tls.crt, privateKey: /etc/certs/tls.key }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: own }
spec:
  hosts: [own.test]
  gateways: [own]
  http: [{ route: [{ destination: { host: web } }] }]
`

/** Speaks TLS itself, and HTTP inside of it. */
const SECURED = `
apiVersion: v1
kind: Pod
metadata: { name: secured, labels: { app: secured } }
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{ name: tls, secret: { secretName: backend } }]
  containers:
    - name: secured
      image: alpine
      volumeMounts: [{ name: tls, mountPath: /tls }]
      command: [python3, -c]
      args:
        - |
          import http.server, ssl
          class Handler(http.server.BaseHTTPRequestHandler):
              protocol_version = "HTTP/1.1"
              def do_GET(self):
                  body = b"secured"
                  self.send_response(200)
                  self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
              def log_message(self, *args): pass
          server = http.server.ThreadingHTTPServer(("", 8443), Handler)
          context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
          context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
          server.socket = context.wrap_socket(server.socket, server_side=True)
          server.serve_forever()
      ports: [{ name: https, containerPort: 8443 }]
      readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: secured }
spec: { selector: { app: secured }, ports: [{ name: https, port: 443, targetPort: 8443 }] }
`

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  gatewayClassName: istio
  listeners:
    - { name: https, port: 443, protocol: HTTPS, hostname: shop.test, tls: { certificateRefs: [{ name: shop }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  parentRefs: [{ name: edge }]
  rules:
    - backendRefs: [{ name: web, port: 80 }]
`

const BACKEND_TLS = `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: secured }
spec:
  targetRefs: [{ group: '', kind: Service, name: secured }]
  validation: { hostname: HOSTNAME, caCertificateRefs: [{ group: '', kind: ConfigMap, name: authorities }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: secured }
spec:
  parentRefs: [{ name: edge }]
  rules:
    - matches: [{ path: { value: /secured } }]
      backendRefs: [{ name: secured, port: 443 }]
`

const PASSTHROUGH = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: through }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 443, name: tls, protocol: TLS }, hosts: [backend.test], tls: { mode: PASSTHROUGH } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: through }
spec:
  hosts: [backend.test]
  gateways: [through]
  tls:
    - match: [{ port: 443, sniHosts: [backend.test] }]
      route: [{ destination: { host: secured, port: { number: 443 } } }]
`
