import { type CelInput, celMap } from '@bufbuild/cel'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { lineValue } from './message-fields.ts'
import type { LogRecord } from './record.ts'

/** A member of an attribute's map, made when an expression asks for it. */
type Attribute = (record: LogRecord) => CelInput | undefined

const int = (value: number): bigint => BigInt(Math.floor(value))
const text = (value: string): string | undefined => (value === '-' || value === '' ? undefined : value)
const queryOf = (path: string): string => (path.includes('?') ? path.slice(path.indexOf('?') + 1) : '')

function portOf(address: string): bigint | undefined {
  const port = Number(address.slice(address.lastIndexOf(':') + 1))
  return Number.isInteger(port) && address !== '-' ? BigInt(port) : undefined
}

/** @see Envoy, "Attributes" */
const REQUEST: Readonly<Record<string, Attribute>> = {
  path: (record) => text(record.originalPath ?? record.path),
  url_path: (record) => text((record.originalPath ?? record.path).split('?', 1)[0] as string),
  query: (record) => queryOf(record.originalPath ?? record.path),
  host: (record) => text(record.authority),
  scheme: (record) => text(record.scheme),
  method: (record) => text(record.method),
  headers: (record) => fields((name) => requestField(record, name)),
  referer: (record) => record.header('referer'),
  useragent: (record) => record.header('user-agent'),
  time: (record) => timestampFromMs(record.startTime),
  id: (record) => text(record.requestId),
  protocol: (record) => text(record.protocol),
  duration: (record) => ({
    $typeName: 'google.protobuf.Duration',
    seconds: BigInt(Math.floor(record.durationMs / 1000)),
    nanos: Math.floor((record.durationMs % 1000) * 1_000_000),
  }),
  size: (record) => int(record.bytesReceived),
  total_size: (record) => int((record.head?.length ?? 0) + record.bytesReceived),
}

const RESPONSE: Readonly<Record<string, Attribute>> = {
  code: (record) => int(record.status),
  code_details: (record) => text(record.details),
  flags: (record) => int(record.flags),
  grpc_status: (record) => (record.grpcStatus === '' ? undefined : BigInt(record.grpcStatus)),
  headers: (record) => fields((name) => record.responseFields?.[name]),
  trailers: (record) => fields((name) => lineValue(record.responseTrailers, name)),
  size: (record) => int(record.bytesSent),
  total_size: (record) => int(record.responseHeadBytes + record.bytesSent),
}

const SOURCE: Readonly<Record<string, Attribute>> = {
  address: ({ stream }) => text(`${stream.remoteAddress}:${stream.remotePort}`),
  port: ({ stream }) => BigInt(stream.remotePort),
}

const DESTINATION: Readonly<Record<string, Attribute>> = {
  address: ({ stream }) => text(`${stream.localAddress}:${stream.localPort}`),
  port: ({ stream }) => BigInt(stream.localPort),
}

const CONNECTION: Readonly<Record<string, Attribute>> = {
  mtls: (record) => record.context?.downstreamTls?.()?.peer !== undefined,
  requested_server_name: (record) => text(record.requestedServerName ?? ''),
  tls_version: (record) => record.context?.downstreamTls?.()?.version,
  subject_peer_certificate: (record) => record.context?.downstreamTls?.()?.peer?.subject,
  uri_san_peer_certificate: (record) => record.context?.downstreamTls?.()?.peer?.uris[0],
  dns_san_peer_certificate: (record) => record.context?.downstreamTls?.()?.peer?.dnsNames[0],
  termination_details: (record) => text(record.terminationDetails),
}

const UPSTREAM: Readonly<Record<string, Attribute>> = {
  address: (record) => text(record.upstreamHost),
  port: (record) => portOf(record.upstreamHost),
  local_address: (record) => text(record.upstreamLocal),
  transport_failure_reason: (record) => text(record.transportFailure),
  request_attempt_count: (record) => int(record.attempt),
}

const XDS: Readonly<Record<string, Attribute>> = {
  cluster_name: (record) => text(record.clusterName),
  route_name: (record) => text(record.routeName),
}

/** What expressions may name. */
export const ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, Attribute>>>> = {
  request: REQUEST,
  response: RESPONSE,
  source: SOURCE,
  destination: DESTINATION,
  connection: CONNECTION,
  upstream: UPSTREAM,
  xds: XDS,
}

/** @returns one attribute, as far as the record has it */
export function attributeOf(name: string, record: LogRecord): CelInput {
  const members = ATTRIBUTES[name] ?? {}
  return celMap(
    lookupMap(
      (member) => (Object.hasOwn(members, member) ? members[member]?.(record) : undefined),
      Object.keys(members),
    ),
  )
}

function requestField(record: LogRecord, name: string): string | undefined {
  switch (name) {
    case ':method':
      return record.method
    case ':path':
      return record.path
    case ':authority':
      return record.authority
    default:
      return record.header(name)
  }
}

/** Fields are found by their names; which there are is not told. */
function fields(read: (name: string) => string | undefined): CelInput {
  return celMap(lookupMap((name) => read(name.toLowerCase()), []))
}

type NativeMap = ReadonlyMap<string, CelInput>

/** A map whose values are made when they are looked up. */
function lookupMap(read: (name: string) => CelInput | undefined, names: readonly string[]): NativeMap {
  const entries = (): [string, CelInput][] =>
    names.flatMap((name): [string, CelInput][] => {
      const value = read(name)
      return value === undefined ? [] : [[name, value]]
    })
  const whole = (): NativeMap => new Map(entries())
  return {
    get: (name) => (typeof name === 'string' ? read(name) : undefined),
    has: (name) => typeof name === 'string' && read(name) !== undefined,
    get size() {
      return whole().size
    },
    forEach: (callback) => whole().forEach(callback),
    entries: () => whole().entries(),
    keys: () => whole().keys(),
    values: () => whole().values(),
    [Symbol.iterator]: () => whole()[Symbol.iterator](),
  }
}
