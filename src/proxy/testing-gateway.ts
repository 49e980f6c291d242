import assert from 'node:assert/strict'
import type { AppProtocol, ModelObject, RouteAction, RouteFilter, RouteMatch } from '../model/index.ts'
import type { ProxyInstanceOptions } from './instance.ts'
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

/** A gateway with one route to one server. */
export interface TestGateway {
  readonly port: number
  readonly proxy: TestProxy
  /** The one line of the access log, once it is there. */
  readonly logged: (lines?: number) => Promise<string>
  readonly close: () => void
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
}): Promise<TestGateway> {
  const port = await freePort()
  const proxy = createTestProxy(options.instance)
  const protocol = options.protocol ?? 'http'
  const service = serviceObject('s', { ports: [{ port: 80, name: protocol, protocol }] })
  const workload = workloadObject('s-1', {
    address: '127.0.0.1',
    services: { [service.key]: { ports: { '80': options.upstreamPort }, ready: true } },
  })
  const route = routeObject('r', {
    port,
    action: forwardTo(service, options.forward),
    ...(options.filters && { filters: options.filters }),
    ...(options.match && { match: options.match }),
  })
  const log =
    options.log ?? '%PROTOCOL% %REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
  const mesh = meshObject(log)
  const objects = [options.mesh?.(mesh) ?? mesh, service, workload, listenerObject(port), route]
  assert.deepEqual(proxy.accept(changesOf(objects)), [])
  await until(() => proxy.isBound(), 'the port is bound')
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
