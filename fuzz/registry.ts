/**
 * fuzz: every parser that reads what strangers send, by name, with the laws that hold whatever they send.
 *   node scripts/fuzz.ts NAME [SEED [RUNS]]
 * `smoke` runs all of them briefly with a fixed seed; `canary` holds a bug and must fail, which proves that bugs are
 * found. An input that once broke a law stays in `corpus/NAME/`.
 */
import * as connections from './targets/connections.ts'
import * as http2 from './targets/http2.ts'
import * as kubernetes from './targets/kubernetes.ts'
import * as objects from './targets/objects.ts'
import * as proxyProtocol from './targets/proxy-protocol.ts'
import * as texts from './targets/texts.ts'
import * as tls from './targets/tls.ts'
import * as wire from './targets/wire.ts'
import type { FuzzTarget } from './target.ts'

/** A parser with a bug three bytes deep: only mutations of its seed find it. */
const canary: FuzzTarget = {
  seeds: ['hello 12'],
  words: ['!'],
  check(input) {
    const text = input.toString('latin1')
    if (text.startsWith('he') && text.includes('!') && !text.includes('2'))
      throw new Error('the canary sings')
  },
}

export const TARGETS: Readonly<Record<string, FuzzTarget>> = {
  'access-log': texts.accessLog,
  'log-filter': texts.logFilter,
  'trace-context': texts.traceContext,
  bodies: objects.bodies,
  canary,
  capture: texts.capture,
  cel: texts.cel,
  chunked: wire.chunked,
  'client-hello': tls.clientHello,
  'connection-grpc-web': connections.grpcWebConnection,
  'connection-http1-downstream': connections.http1DownstreamConnection,
  'connection-http1-upstream': connections.http1UpstreamConnection,
  'connection-http2-downstream': connections.http2DownstreamConnection,
  'connection-http2-upstream': connections.http2UpstreamConnection,
  'connection-proxy-header': connections.proxyHeaderConnection,
  'connection-tls': connections.tlsInspectionConnection,
  dns: wire.dns,
  duration: texts.durations,
  hpack: http2.hpack,
  'http2-client': http2.http2Client,
  'http2-server': http2.http2Server,
  json: objects.json,
  jsonpath: texts.jsonPaths,
  kubeconfig: texts.kubeconfig,
  manifests: kubernetes.manifests,
  model: wire.model,
  patches: objects.patches,
  protobuf: objects.protobuf,
  'proxy-protocol': proxyProtocol.proxyProtocol,
  quantity: texts.quantities,
  'request-head': wire.requestHead,
  'request-parts': kubernetes.requestParts,
  'response-head': wire.responseHead,
  schedules: kubernetes.schedules,
  schema: texts.schemas,
  selectors: texts.selectors,
  spdy: wire.spdy,
}

/** Settles what a target left to promises. @throws when one of them broke a law */
export const settle = (): Promise<void> => objects.bodies.settle()
