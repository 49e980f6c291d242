import { createSeededRandom } from '../src/base/index.ts'
import type { ModelObject } from '../src/model/index.ts'
import { createProxyThread } from '../src/proxy/exchange/thread.ts'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  GATEWAY,
  listenerObject,
  meshObject,
  routeObject,
  serviceObject,
  workloadObject,
} from '../src/proxy/testing.ts'
import { listenerName, routeName } from '../src/model/index.ts'
import { type ByteStream, createByteStream } from '../test/simulation/byte-stream.ts'
import { createKernel } from '../test/simulation/kernel.ts'
import { createSimulatedNetwork } from '../test/simulation/network.ts'
import { createScheduler } from '../test/simulation/scheduler.ts'

/** A whole proxy between a client and a server that are made of bytes alone. */
export interface ProxyStage {
  /** A connection to the proxy's port for HTTP, or to that for TLS that is passed on. */
  readonly connect: (port: number) => Wire
  /** Runs until nothing happens any more, or for so long. */
  readonly settle: (ms?: number) => Promise<void>
  /** Connections that the proxy has made to the server. */
  readonly served: Wire[]
  readonly log: () => readonly string[]
  readonly close: () => Promise<void>
}

export interface Wire {
  readonly stream: ByteStream
  /** What has come so far. */
  readonly received: () => Buffer
  readonly ended: () => string
  /** It ends its own side when the other has ended. */
  closesToo: boolean
}

export const HTTP_PORT = 8000
export const TLS_PORT = 8443
const SERVER_PORT = 9000

/** @param onBytes called with what the server gets @param more capacity: bytes that the network holds in one direction; proxyProtocol: a header is awaited */
export async function createProxyStage(
  protocol: 'http' | 'http2' | 'grpc',
  onBytes: (wire: Wire, bytes: Buffer) => void,
  { capacity = 1 << 20, proxyProtocol = false } = {},
): Promise<ProxyStage> {
  const scheduler = createScheduler()
  const whole = { latencyMaxMs: 0, pieceMax: 1, capacity, connect: () => 'accept' as const }
  // Pieces are what is written at once: the network takes them as they are.
  const kernel = createKernel(scheduler, { next: () => 0 }, { ...whole, wholePieces: true })
  const network = createSimulatedNetwork(scheduler, kernel, '10.1.0.1')
  let ids = 0
  const thread = {
    ...createProxyThread({ clock: scheduler, random: createSeededRandom(1) }),
    requestId: () => `id-${ids++}`,
  }
  const proxy = createTestProxy({ network, thread, address: '10.1.0.1', proxyProtocol })
  proxy.accept(changesOf(objectsOf(protocol)))
  while (!proxy.isBound()) await new Promise((resolve) => setImmediate(resolve))
  const served: Wire[] = []

  function wireOf(
    end: Parameters<typeof createByteStream>[1],
    onData: (wire: Wire, bytes: Buffer) => void,
  ): Wire {
    const pieces: Buffer[] = []
    let ended = 'open'
    const wire: Wire = {
      stream: createByteStream(scheduler, end, {
        data(bytes) {
          pieces.push(bytes)
          onData(wire, bytes)
        },
        ended(how) {
          ended = how
          if (how === 'end' && wire.closesToo) wire.stream.finish('close')
        },
      }),
      received: () => Buffer.concat(pieces),
      ended: () => ended,
      closesToo: true,
    }
    return wire
  }

  kernel.listen(SERVER_PORT, { accept: (end) => void served.push(wireOf(end, onBytes)) })
  return {
    served,
    log: () => proxy.logLines,
    connect(port) {
      let wire: Wire | undefined
      const end = kernel.connect({ address: '10.1.0.1', port }, '10.2.0.1', {
        connected: () => wire?.stream.send(''),
        failed: () => {},
      })
      wire = wireOf(end, () => {})
      return wire
    },
    settle: (ms = 0.1) => scheduler.runUntil(scheduler.monotonic() + ms),
    async close() {
      proxy.close()
      await scheduler.runUntil(scheduler.monotonic() + 1)
    },
  }
}

function objectsOf(protocol: 'http' | 'http2' | 'grpc'): ModelObject[] {
  const service = serviceObject('app', {
    ports: [
      { port: 80, name: 'web', protocol },
      { port: 443, name: 'tls', protocol: 'tls' },
    ],
  })
  const workload = workloadObject('app-0', {
    address: '10.3.0.1',
    services: { [service.key]: { ports: { '80': SERVER_PORT, '443': SERVER_PORT }, ready: true } },
  })
  const tls = listenerName(GATEWAY, 'tls')
  const origin = { kind: 'TLSRoute', namespace: 'demo', name: 'tls', rule: 0 }
  return [
    meshObject('%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'),
    service,
    workload,
    listenerObject(HTTP_PORT),
    { ...listenerObject(TLS_PORT), key: tls, protocol: 'tls', tls: { kind: 'passthrough' } },
    routeObject('all', {
      port: HTTP_PORT,
      action: forwardTo(service, {
        retries: { attempts: 0, retryOn: ['503'] },
        timeouts: { requestMs: 20_000 },
      }),
    }),
    {
      type: 'connection-route',
      key: routeName(origin),
      scope: { kind: 'gateway', listeners: [tls] },
      matches: [{ order: [0], serverNames: ['*'] }],
      destinations: [{ weight: 1, target: { kind: 'service', service: service.key, port: 443 } }],
      origin,
    },
  ]
}
