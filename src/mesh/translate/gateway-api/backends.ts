import type { Destination, Service } from '../../../model/index.ts'
import type { BackendRef } from '../../resources/index.ts'
import { GATEWAY_GROUP, ISTIO_NETWORKING_GROUP } from '../../resources/index.ts'
import { isVisible } from '../visibility.ts'
import { isGranted } from './grants.ts'
import type { RouteContext } from './route-context.ts'

/** Gateway API: requests that fall on a reference that does not resolve get a 500. */
const UNRESOLVED_STATUS = 500

/** For gRPC it is UNAVAILABLE, which is what 503 stands for. */
export function unresolvedStatus(kind: string): number {
  return kind === 'GRPCRoute' ? 503 : UNRESOLVED_STATUS
}

export interface RefFault {
  readonly reason: 'InvalidKind' | 'BackendNotFound' | 'RefNotPermitted' | 'UnsupportedProtocol'
  readonly message: string
}

export interface BackendResult {
  readonly target: Destination
  readonly fault: RefFault | undefined
}

export function resolveBackend(
  ref: BackendRef,
  from: { readonly kind: string; readonly namespace: string },
  context: RouteContext,
): BackendResult {
  const { group = '', kind = 'Service', namespace = from.namespace, name } = ref
  const isHostname = group === ISTIO_NETWORKING_GROUP && kind === 'Hostname'
  if (!isHostname && (group !== '' || kind !== 'Service')) {
    const full = group === '' ? kind : `${kind}.${group}`
    return unresolved('InvalidKind', `Backend ${name} is a ${full}; only Service is served`)
  }
  const granted =
    namespace === from.namespace ||
    context.grants === undefined ||
    isGranted(
      { from: { group: GATEWAY_GROUP, ...from }, to: { group, kind, name } },
      context.grants(namespace),
    )
  if (!granted) {
    const need = `a ReferenceGrant in ${namespace} for ${from.kind} from ${from.namespace} is needed`
    return unresolved('RefNotPermitted', `Backend ${namespace}/${name} may not be used: ${need}`)
  }
  return isHostname
    ? toHostname(ref, from, context)
    : toService(ref, from.kind, { label: `${namespace}/${name}`, service: context.service(namespace, name) })
}

function toService(
  ref: BackendRef,
  routeKind: string,
  { label, service }: { readonly label: string; readonly service: Service | undefined },
): BackendResult {
  if (service === undefined) return unresolved('BackendNotFound', `Service ${label} does not exist`)
  const { port } = ref
  const named = service.ports.filter((candidate) => candidate.port === port)
  if (port === undefined || named.length === 0) {
    const known = service.ports.map((candidate) => candidate.port).join(', ')
    return unresolved(
      'BackendNotFound',
      `Service ${label} has no port ${port ?? '(none given)'}; it has ${known}`,
    )
  }
  const isUdp = routeKind === 'UDPRoute'
  if (!named.some(({ protocol }) => (protocol === 'udp') === isUdp)) {
    const [has, needs] = isUdp ? ['TCP', 'UDP'] : ['UDP', 'TCP']
    return unresolved(
      'UnsupportedProtocol',
      `Port ${port} of Service ${label} is of ${has}; a ${routeKind} needs one of ${needs}`,
    )
  }
  return { target: { kind: 'service', service: service.key, port }, fault: undefined }
}

/** Istio's own kind of backend: any host that the mesh knows and the route's namespace may see. */
function toHostname(
  ref: BackendRef,
  { kind, namespace }: { readonly kind: string; readonly namespace: string },
  context: RouteContext,
): BackendResult {
  const service = context.serviceByHost(ref.name.toLowerCase())
  const visible = service !== undefined && isVisible(service.visibility, namespace) ? service : undefined
  return toService(ref, kind, { label: ref.name, service: visible })
}

function unresolved(reason: RefFault['reason'], message: string): BackendResult {
  return {
    target: { kind: 'unresolved', status: UNRESOLVED_STATUS, reason },
    fault: { reason, message },
  }
}

/** What a route's ResolvedRefs says. */
export function resolvedOutcome(faults: readonly RefFault[]) {
  const [first] = faults
  if (first === undefined) {
    return { status: true, reason: 'ResolvedRefs', message: 'All references resolved' }
  }
  const messages = [...new Set(faults.map((fault) => fault.message))]
  return { status: false, reason: first.reason, message: messages.join('; ') }
}
