import assert from 'node:assert/strict'
import { once } from 'node:events'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { createTestAuthority, type KeyPair, type TestAuthority } from '../proxy/tls/testing/authority.ts'
import { createServeBench, type ServeBench } from './testing.ts'

describe('certificates that are named by files', () => {
  let bench: ServeBench
  let folder = ''
  let authority: TestAuthority
  let stranger: TestAuthority
  let client: KeyPair
  /** Of the clients that the backend has seen. */
  const shown: string[] = []
  let closeBackend: () => void = () => {}

  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  function writePair(name: string, { chain, privateKey }: KeyPair): void {
    write(`${name}.pem`, chain)
    write(`${name}.key`, privateKey)
  }

  before(async () => {
    authority = createTestAuthority()
    stranger = createTestAuthority('another authority')
    folder = mkdtempSync(join(tmpdir(), 'lateen-files-'))
    client = authority.issue(['client.example'])
    const own = authority.issue(['backend.example'])
    const backend = createServer(
      { cert: own.chain, key: own.privateKey, ca: authority.certificate, requestCert: true },
      (asked, response) => {
        shown.push((asked.socket as TLSSocket).getPeerX509Certificate()?.serialNumber ?? '')
        response.end('served')
      },
    ).listen(0, '127.0.0.1')
    await once(backend, 'listening')
    closeBackend = () => {
      backend.close()
      backend.closeAllConnections()
    }
    writePair('server', authority.issue(['shop.example']))
    writePair('egress', authority.issue(['egress.example']))
    write('ca.pem', authority.certificate)
    write('revoked.pem', authority.revoke([]))
    bench = await createServeBench()
    bench.write('gateway.yaml', configuration(bench.port, (backend.address() as AddressInfo).port, folder))
    bench.write(
      'rule.yaml',
      rule(
        `tls: { mode: MUTUAL, clientCertificate: ${folder}/egress.pem, privateKey: ${folder}/egress.key, caCertificates: ${folder}/ca.pem, sni: backend.example }`,
      ),
    )
    await bench.start()
  })
  after(async () => {
    await bench.stop()
    closeBackend()
    authority.close()
    stranger.close()
    rmSync(folder, { recursive: true })
  })

  /** @returns the status, and the number of the certificate that was shown; nothing where there is no connection */
  function get(pair: KeyPair | 'nothing' = client): Promise<readonly [status: number, serial: string]> {
    return new Promise((resolve) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: bench.port,
          servername: 'shop.example',
          headers: { host: 'shop.example' },
          ca: authority.certificate,
          agent: false,
          ...(pair !== 'nothing' && { cert: pair.chain, key: pair.privateKey }),
        },
        (response) => {
          const socket = response.socket as TLSSocket
          const serial = socket.getPeerX509Certificate()?.serialNumber ?? ''
          response.resume().on('end', () => resolve([response.statusCode ?? 0, serial]))
        },
      )
      outgoing.on('error', () => resolve([0, '']))
      outgoing.end()
    })
  }

  test('serve a gateway, check its clients, and are shown to a backend that wants one', async () => {
    await bench.until('an answer', async () => (await get())[0] === 200)
    assert.equal(shown.at(-1), serialOf(join(folder, 'egress.pem')))
    assert.equal((await get('nothing'))[0], 0)
    assert.equal((await get(stranger.issue(['client.example'])))[0], 0)
  })

  test('are taken up when they change, once they belong together', async () => {
    const [, before] = await get()
    const renewed = authority.issue(['shop.example'])
    write('server.pem', renewed.chain)
    await bench.until('word of the key', () => bench.log().includes('the private key is not that of'))
    assert.equal((await get())[1], before)
    write('server.key', renewed.privateKey)
    await bench.until('the new one', async () => (await get())[1] !== before)
    assert.doesNotMatch(bench.log(), /PRIVATE KEY/)
    const egress = authority.issue(['egress.example'])
    writePair('egress', egress)
    await bench.until('the new one towards the backend', async () => {
      await get()
      return shown.at(-1) === serialOf(join(folder, 'egress.pem'))
    })
  })

  test('a list of those that are revoked is heeded', async () => {
    const revoked = authority.issue(['revoked.example'])
    assert.equal((await get(revoked))[0], 200)
    write('revoked.pem', authority.revoke([revoked]))
    await bench.until('the refusal', async () => (await get(revoked))[0] === 0)
    assert.equal((await get())[0], 200)
  })

  test('where the authorities of a backend cannot be read there is no connection, and the machine’s do not stand in', async () => {
    bench.write(
      'rule.yaml',
      rule('tls: { mode: SIMPLE, caCertificates: /nowhere/ca.pem, sni: backend.example }'),
    )
    await bench.until('the refusal', async () => (await get())[0] === 503)
    assert.match(bench.log(), /there is nothing in \/nowhere\/ca\.pem/)
    assert.match(bench.log(), /no connection is made to [^\n]*\/nowhere\/ca\.pem cannot be read/)
  })
})

function serialOf(file: string): string {
  return new X509Certificate(readFileSync(file)).serialNumber
}

function rule(policy: string): string {
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: backend, namespace: default }
spec: { host: backend.example, trafficPolicy: { ${policy} } }
`
}

function configuration(port: number, backendPort: number, folder: string): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: backend, namespace: default }
spec:
  hosts: [backend.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${backendPort} } }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: default }
spec:
  selector: { istio: front }
  servers:
    - port: { number: ${port}, name: https, protocol: HTTPS }
      hosts: [shop.example]
      tls:
        mode: MUTUAL
        serverCertificate: ${folder}/server.pem
        privateKey: ${folder}/server.key
        caCertificates: ${folder}/ca.pem
        caCrl: ${folder}/revoked.pem
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec:
  hosts: [shop.example]
  gateways: [front]
  http: [{ route: [{ destination: { host: backend.example } }] }]
`
}
