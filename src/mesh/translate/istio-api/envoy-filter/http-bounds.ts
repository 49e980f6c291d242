import type { HttpBounds, HttpBoundsPlace, TrafficSide } from '../../../../model/index.ts'
import { listenerPlace, sidesOf } from './patch-match.ts'
import {
  integerOf,
  isRecord,
  memberOf,
  millisecondsOf,
  type Node,
  onlyMembers,
  otherMembers,
  textOf,
  unwrapTyped,
} from './read.ts'

export type BoundsTerms = Omit<
  HttpBounds,
  'type' | 'key' | 'selector' | 'sides' | 'place' | 'order' | 'origin'
>

export interface BoundsPatch {
  readonly kind: 'bounds'
  readonly sides: readonly TrafficSide[]
  readonly place: HttpBoundsPlace
  readonly terms: BoundsTerms
}

interface PatchParts {
  readonly operation: string
  readonly value: Node | undefined
}

const CONNECTION_MANAGER_TYPE =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const PROTOCOL_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** Envoy's own bound on the bytes of a head. */
const HEAD_KB_MAX = 8192
const HEAD_FIELDS_MAX = 10_000

/**
 * What Istio's users set of the HTTP connection manager, for want of a setting of Istio's: bounds of requests. Other
 * members have no effect, which is said; they do not change what these mean.
 */
export function readConnectionManagerPatch(
  node: Node,
  match: Node | undefined,
  { operation, value }: PatchParts,
): BoundsPatch | undefined {
  if (operation !== 'MERGE') node.faults.add(`${node.path}.patch.operation`, 'must be MERGE')
  if (value !== undefined) onlyMembers(value, ['name', 'typed_config'])
  const typed = value && memberOf(value, 'typed_config')
  const config = typed && unwrapTyped(typed, CONNECTION_MANAGER_TYPE)
  if (config === undefined) {
    if (typed === undefined) node.faults.add(`${node.path}.patch.value.typed_config`, 'is needed')
    return undefined
  }
  const place = listenerPlace(match)
  const common = memberOf(config, 'common_http_protocol_options')
  otherMembers(config, [
    '@type',
    'max_request_headers_kb',
    'request_headers_timeout',
    'request_timeout',
    'stream_idle_timeout',
    'common_http_protocol_options',
  ])
  if (common !== undefined) otherMembers(common, ['max_headers_count', 'idle_timeout'])
  const terms = {
    ...bytesOf(memberOf(config, 'max_request_headers_kb')),
    ...fieldsOf(common && memberOf(common, 'max_headers_count')),
    ...timeOf('headTimeoutMs', memberOf(config, 'request_headers_timeout')),
    ...timeOf('requestTimeoutMs', memberOf(config, 'request_timeout')),
    ...timeOf('streamIdleTimeoutMs', memberOf(config, 'stream_idle_timeout')),
    ...timeOf('idleTimeoutMs', common && memberOf(common, 'idle_timeout')),
  }
  return patchOf(config, { sides: sidesOf(match), place: placeOfListener(place), terms })
}

/** Of clusters: how large the head of a response may be. */
export function readClusterPatch(
  node: Node,
  match: Node | undefined,
  { operation, value }: PatchParts,
): BoundsPatch | undefined {
  const extensions = value && memberOf(value, 'typed_extension_protocol_options')
  const options =
    extensions && isRecord(extensions.value) && Object.hasOwn(extensions.value, PROTOCOL_OPTIONS)
      ? {
          ...extensions,
          path: `${extensions.path}[${PROTOCOL_OPTIONS}]`,
          value: extensions.value[PROTOCOL_OPTIONS],
        }
      : undefined
  if (value === undefined || options === undefined) {
    node.faults.add(
      `${node.path}.patch.value`,
      `is not supported: of a cluster only ${PROTOCOL_OPTIONS} in typed_extension_protocol_options is`,
    )
    return undefined
  }
  if (operation !== 'MERGE') node.faults.add(`${node.path}.patch.operation`, 'must be MERGE')
  otherMembers(value, ['typed_extension_protocol_options'])
  const config = unwrapTyped(options, `type.googleapis.com/${PROTOCOL_OPTIONS}`)
  if (config === undefined) return undefined
  otherMembers(config, ['@type', 'common_http_protocol_options'])
  const common = memberOf(config, 'common_http_protocol_options')
  if (common !== undefined) otherMembers(common, ['max_headers_count', 'max_response_headers_kb'])
  const terms = {
    ...bytesOf(common && memberOf(common, 'max_response_headers_kb')),
    ...fieldsOf(common && memberOf(common, 'max_headers_count')),
  }
  return patchOf(config, { ...clusterPlace(match), terms })
}

/** @returns undefined where it says nothing that is served, as what it says instead is among the faults */
function patchOf(config: Node, patch: Omit<BoundsPatch, 'kind'>): BoundsPatch | undefined {
  if (Object.keys(patch.terms).length > 0) return { kind: 'bounds', ...patch }
  config.faults.add(config.path, 'has none of the members that are supported')
  return undefined
}

function placeOfListener({ port }: { readonly port?: number }): HttpBoundsPlace {
  return { kind: 'listener', ...(port === undefined ? {} : { port }) }
}

/** Istio's name of a cluster: `outbound|80|v1|backend.demo.svc.cluster.local`. */
const CLUSTER_NAME = /^(inbound|outbound)\|(\d{1,5})\|([^|]*)\|([^|]*)$/

function clusterPlace(match: Node | undefined): Pick<BoundsPatch, 'sides' | 'place'> {
  if (match !== undefined) onlyMembers(match, ['context', 'cluster'])
  const sides = sidesOf(match)
  const cluster = match && memberOf(match, 'cluster')
  // As YAML has it where nothing is below.
  if (cluster === undefined || cluster.value === null) return { sides, place: { kind: 'cluster' } }
  onlyMembers(cluster, ['name', 'service', 'portNumber', 'subset'])
  const name = memberOf(cluster, 'name')
  const parts = CLUSTER_NAME.exec(textOf(name) ?? '')
  if (name !== undefined && parts === null) {
    name.faults.add(name.path, 'must be <inbound or outbound>|<port>|<subset>|<host>')
  }
  const [, side, namedPort = '', namedSubset = '', namedHost = ''] = parts ?? []
  const service = textOf(memberOf(cluster, 'service'))
  const hostname = (service ?? namedHost).toLowerCase()
  const subset = textOf(memberOf(cluster, 'subset')) ?? namedSubset
  const port = integerOf(memberOf(cluster, 'portNumber'), 0) ?? Number(namedPort)
  const served = sides.filter((one) => side === undefined || (one === 'inbound') === (side === 'inbound'))
  if (served.length === 0 && sides.length > 0) cluster.faults.add(cluster.path, 'is not in the context')
  return {
    sides: served,
    place: {
      kind: 'cluster',
      ...(hostname === '' ? {} : { hostname }),
      ...(port === 0 ? {} : { port }),
      ...(subset === '' ? {} : { subset }),
    },
  }
}

function bytesOf(node: Node | undefined): { readonly headBytesMax?: number } {
  const kb = atMost(node, HEAD_KB_MAX)
  return kb === undefined ? {} : { headBytesMax: kb * 1024 }
}

function fieldsOf(node: Node | undefined): { readonly headFieldsMax?: number } {
  const headFieldsMax = atMost(node, HEAD_FIELDS_MAX)
  return headFieldsMax === undefined ? {} : { headFieldsMax }
}

function atMost(node: Node | undefined, max: number): number | undefined {
  const count = integerOf(node, 1)
  if (node === undefined || count === undefined || count <= max) return count
  node.faults.add(node.path, `must be ${max} at most`)
  return undefined
}

function timeOf<Name extends keyof BoundsTerms>(
  name: Name,
  node: Node | undefined,
): { readonly [K in Name]?: number } {
  const ms = millisecondsOf(node, 0)
  return ms === undefined ? {} : ({ [name]: ms } as { readonly [K in Name]: number })
}
