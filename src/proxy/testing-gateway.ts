import assert from 'node:assert/strict'
import { type Credential, credentialName } from '../model/index.ts'
import type {
  AppProtocol,
  Listener,
  ModelObject,
  RouteAction,
  RouteFilter,
  RouteMatch,
  Service,
  Workload,
} from '../model/index.ts'
import type { ProxyInstanceOptions } from './instance.ts'
import { createPlainNetwork } from './net/network.ts'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'

/** A proxy in front of one server. */
export interface TestGateway {
  readonly port: number
  readonly proxy: TestProxy
  /** The one line of the access log, once it is there. */
  readonly logged: (lines?: number) => Promise<string>
  readonly close: () => void
}

/** The outbound side of a sidecar, whose application calls one service. */
export async function startSidecar(options: {
  readonly upstreamPort: number
  readonly protocol?: AppProtocol
  readonly forward?: Partial<Extract<RouteAction, { kind: 'forward' }>>
  readonly log: string
}): Promise<TestGateway> {
  const protocol = options.protocol ?? 'http'
  const address = '10.43.0.50'
  const service = serviceObject('s', {
    ports: [{ port: 80, name: protocol, protocol }],
    addresses: [address],
  })
  const proxy = createTestProxy({
    role: 'sidecar',
    network: createPlainNetwork({ originalDestination: () => ({ address, port: 80 }) }),
    ports: { outbound: 0, inbound: 0 },
  })
  await proxy.start()
  const workload = workloadOf(service, options.upstreamPort)
  const action = forwardTo(service, options.forward)
  const route = routeObject('r', { mesh: true, domains: [service.hostname], action })
  const objects = options.forward === undefined ? [] : [route]
  assert.deepEqual(proxy.accept(changesOf([meshObject(options.log), service, workload, ...objects])), [])
  return testGateway(proxy, proxy.sidecar?.ports().outbound ?? 0)
}

function workloadOf(service: Service, port: number): Workload {
  return workloadObject('s-1', {
    address: '127.0.0.1',
    services: { [service.key]: { ports: { '80': port }, ready: true } },
  })
}

function testGateway(proxy: TestProxy, port: number): TestGateway {
  return {
    port,
    proxy,
    async logged(lines = 1) {
      await until(() => proxy.logLines.length >= lines, 'it is logged')
      return proxy.logLines.join('').trimEnd()
    },
    close: () => proxy.close(),
  }
}

function securedWith(listener: Listener, certificate: NonNullable<Credential['certificate']>): ModelObject[] {
  const credential: Credential = {
    type: 'credential',
    key: credentialName('Secret', 'demo', 'own'),
    holders: [{ namespace: 'demo', serviceAccounts: ['gw'] }],
    certificate,
    origin: { kind: 'Secret', namespace: 'demo', name: 'own' },
  }
  const certificates = [{ source: 'Secret' as const, name: 'own' }]
  const tls = { kind: 'terminate', certificates, clients: { kind: 'none' } } as const
  return [credential, { ...listener, protocol: 'https', tls }]
}

export async function startGateway(options: {
  readonly upstreamPort: number
  readonly protocol?: AppProtocol
  readonly forward?: Partial<Extract<RouteAction, { kind: 'forward' }>>
  readonly filters?: readonly RouteFilter[]
  readonly match?: Omit<Partial<RouteMatch>, 'order'>
  readonly log?: string
  readonly mesh?: (mesh: ModelObject) => ModelObject
  readonly instance?: Partial<ProxyInstanceOptions>
  /** It serves HTTPS with this certificate. */
  readonly certificate?: NonNullable<Credential['certificate']>
}): Promise<TestGateway> {
  const port = await freePort()
  const proxy = createTestProxy(options.instance)
  const protocol = options.protocol ?? 'http'
  const service = serviceObject('s', { ports: [{ port: 80, name: protocol, protocol }] })
  const workload = workloadOf(service, options.upstreamPort)
  const route = routeObject('r', {
    port,
    action: forwardTo(service, options.forward),
    ...(options.filters && { filters: options.filters }),
    ...(options.match && { match: options.match }),
  })
  const log =
    options.log ?? '%PROTOCOL% %REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
  const mesh = meshObject(log)
  const listener = listenerObject(port)
  const secured = options.certificate && securedWith(listener, options.certificate)
  const objects = [options.mesh?.(mesh) ?? mesh, service, workload, ...(secured ?? [listener]), route]
  assert.deepEqual(proxy.accept(changesOf(objects)), [])
  await until(() => proxy.isBound(), 'the port is bound')
  return testGateway(proxy, port)
}
