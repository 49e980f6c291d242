import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { type ConnectionMatch, type ModelObject, routeName, type Service } from '../model/index.ts'
import { createPlainNetwork } from './net/network.ts'
import {
  changesOf,
  createTestProxy,
  meshObject,
  rawServer,
  serviceObject,
  type TestProxy,
  workloadObject,
} from './testing.ts'
import { createTestAuthority, type TestAuthority } from './tls/testing/authority.ts'

describe('a sidecar, for what is no HTTP', () => {
  const closers: (() => void)[] = []
  let authority: TestAuthority
  let proxy: TestProxy
  let original = { address: '203.0.113.7', port: 443 }

  before(async () => {
    authority = createTestAuthority()
    closers.push(authority.close)
    proxy = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => original }),
      ports: { outbound: 0, inbound: 0 },
      node: { ...createTestProxy().node, role: 'sidecar' },
    })
    closers.push(() => proxy.close())
    await proxy.start()
    const far = await endpoint('far')
    const routed = await endpoint('routed')
    const plain = await rawServer((socket) => socket.write('plain'))
    closers.push(plain.close)
    const outside = external('far.example', [443])
    const named = external('other.example', [443])
    const bytes = serviceObject('bytes', {
      ports: [{ port: 6379, name: 'tcp', protocol: 'tcp' }],
      addresses: ['10.43.0.60'],
    })
    const objects: readonly ModelObject[] = [
      { ...meshObject(), outbound: 'registry-only' } as ModelObject,
      outside,
      named,
      bytes,
      member('far', outside, 443, far),
      member('routed', named, 443, routed),
      connectionRoute('tls', named, 443, { serverNames: ['*.routed.example'], port: 443 }),
      connectionRoute('tcp', named, 443, { hosts: [bytes.hostname], port: 6380 }),
      member('plain', bytes, 6379, plain.port),
    ]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
  })
  after(() => {
    for (const close of closers) close()
  })

  /** A TLS server that greets with its name. */
  async function endpoint(name: string): Promise<number> {
    const pair = authority.issue(['far.example', '*.routed.example'])
    const server = createServer({ cert: pair.chain, key: pair.privateKey }, (socket) => {
      socket.on('error', () => {})
      socket.write(name)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => server.close())
    return (server.address() as { port: number }).port
  }

  /** As a ServiceEntry makes it: known by its name, at no address. */
  function external(hostname: string, ports: readonly number[]): Service {
    const declared = ports.map((port) => ({ port, name: 'tls', protocol: 'tls' as const }))
    const service = serviceObject('entry', { ports: declared })
    return { ...service, key: `demo/${hostname}` as Service['key'], hostname, resolution: 'dns' }
  }

  function member(name: string, service: Service, port: number, target: number): ModelObject {
    const ports = { [String(port)]: target }
    return workloadObject(name, { address: '127.0.0.1', services: { [service.key]: { ports, ready: true } } })
  }

  function connectionRoute(
    name: string,
    service: Service,
    port: number,
    match: Omit<ConnectionMatch, 'order'>,
  ): ModelObject {
    const origin = { kind: 'VirtualService', namespace: 'demo', name, rule: 0 }
    return {
      type: 'connection-route',
      key: routeName(origin, name),
      scope: { kind: 'mesh' },
      matches: [{ order: [name], ...match }],
      destinations: [{ weight: 1, target: { kind: 'service', service: service.key, port } }],
      origin,
    }
  }

  async function dial(servername: string): Promise<string> {
    const port = proxy.sidecar?.ports().outbound ?? 0
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername, ca: authority.certificate })
    const [data] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return data.toString()
  }

  test('TLS to an address that nobody knows goes to the service that it names', async () => {
    original = { address: '203.0.113.7', port: 443 }
    assert.equal(await dial('far.example'), 'far')
  })

  test('a route for the server name goes first', async () => {
    assert.equal(await dial('a.routed.example'), 'routed')
  })

  test('TLS that names nobody who is known is not let out', async () => {
    await assert.rejects(dial('unknown.example'))
  })

  test('bytes go to the service that was dialled, routes for other ports aside', async () => {
    original = { address: '10.43.0.60', port: 6379 }
    const socket = connectTcp(proxy.sidecar?.ports().outbound ?? 0, '127.0.0.1')
    const [data] = (await once(socket, 'data')) as [Buffer]
    assert.equal(data.toString(), 'plain')
    socket.destroy()
  })
})
