import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../base/index.ts'
import { createTestAuthority, type KeyPair, type TestAuthority } from '../proxy/tls/testing/authority.ts'
import { serveFolder } from './testing.ts'

describe('lateen serve with TLS', () => {
  const lines: string[] = []
  const abort = new AbortController()
  const backend = createServer((_request, response) => response.end('served'))
  let authority: TestAuthority
  let folder = ''
  let ports: readonly [number, number] = [0, 0]
  let ended: Promise<void> = Promise.resolve()

  before(async () => {
    authority = createTestAuthority()
    folder = mkdtempSync(join(tmpdir(), 'lateen-serve-tls-'))
    backend.listen(0, '127.0.0.1')
    await once(backend, 'listening')
    ports = [await freePort(), await freePort()]
    writeFileSync(join(folder, 'gateways.yaml'), gateways(ports, portOf(backend)))
    writeSecret(authority.issue(['shop.example']))
    const served = serveFolder({ folder, lines, level: 'debug', signal: abort.signal })
    ended = served.ended
    await served.ready
  })
  after(async () => {
    abort.abort()
    await ended
    backend.close()
    authority.close()
    rmSync(folder, { recursive: true })
  })

  function writeSecret({ chain, privateKey }: KeyPair): void {
    const indent = (text: string) => text.trim().replaceAll('\n', '\n    ')
    // One for each API: what a gateway of the other may have must not stand in for it.
    const secrets = ['shop', 'shop-of-api'].map(
      (name) => `apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: edge }
type: kubernetes.io/tls
stringData:
  tls.crt: |
    ${indent(chain)}
  tls.key: |
    ${indent(privateKey)}
`,
    )
    writeFileSync(join(folder, 'secret.yaml'), secrets.join('---\n'))
  }

  /** @returns the body, and the number of the certificate that was shown */
  function get(port: number): Promise<readonly [body: string, serial: string]> {
    return new Promise((resolve, reject) => {
      const names = { servername: 'shop.example', headers: { host: 'shop.example' } }
      const options = { ...names, host: '127.0.0.1', port, ca: authority.certificate, agent: false }
      const outgoing = request(options, (response) => {
        const { socket } = response as unknown as { socket: import('node:tls').TLSSocket }
        const serial = socket.getPeerX509Certificate()?.serialNumber ?? ''
        response.on('data', (chunk: Buffer) => resolve([chunk.toString(), serial]))
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  }

  test('a Secret in the files serves the gateways of both APIs', async () => {
    for (const port of ports) assert.equal((await get(port))[0], 'served')
  })

  test('a new certificate is taken up, and no key is ever printed', async () => {
    const [, before] = await get(ports[0])
    const renewed = authority.issue(['shop.example'])
    writeSecret(renewed)
    const deadline = Date.now() + 10_000
    while ((await get(ports[0]))[1] === before) {
      assert.ok(Date.now() < deadline, lines.join(''))
      await systemClock.sleep(5)
    }
    writeSecret({ chain: renewed.chain, privateKey: renewed.privateKey.slice(0, 60) })
    while (!lines.some((line) => line.includes('tls.key is no private key'))) {
      assert.ok(Date.now() < deadline, lines.join(''))
      await systemClock.sleep(5)
    }
    assert.equal((await get(ports[0]))[0], 'served')
    const secret = renewed.privateKey.split('\n')[1] ?? ''
    assert.doesNotMatch(lines.join(''), /PRIVATE KEY/)
    assert.ok(!lines.join('').includes(secret.slice(0, 20)))
  })
})

function portOf(server: ReturnType<typeof createServer>): number {
  return (server.address() as { port: number }).port
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

function gateways([first, second]: readonly [number, number], backendPort: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: backend, namespace: edge }
spec:
  hosts: [backend.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${backendPort} } }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: istio, namespace: edge }
spec:
  selector: { istio: edge }
  servers:
    - port: { number: ${first}, name: https, protocol: HTTPS }
      hosts: [shop.example]
      tls: { mode: SIMPLE, credentialName: shop }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: edge }
spec:
  hosts: [shop.example]
  gateways: [istio]
  http: [{ route: [{ destination: { host: backend.example } }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: api, namespace: edge }
spec:
  gatewayClassName: istio
  listeners:
    - { name: https, port: ${second}, protocol: HTTPS, tls: { certificateRefs: [{ name: shop-of-api }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop, namespace: edge }
spec:
  parentRefs: [{ name: api }]
  rules:
    - backendRefs: [{ group: networking.istio.io, kind: Hostname, name: backend.example, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: unused, namespace: edge }
spec:
  parentRefs: [{ name: elsewhere }]
  hostnames: [raw.example]
  rules: [{ backendRefs: [{ name: nobody, port: 443 }] }]
`
}
