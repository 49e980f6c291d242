import type { KubeObject } from '../../../kube/index.ts'
import type { Service, ServiceName } from '../../../model/index.ts'
import type { GRPCRoute, ParentReference } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import type { RouteContext } from './route-context.ts'

/** Where a route is attached to a Service (GEP-1294): what its clients ask of these ports, the route rules. */
export interface MeshBinding {
  readonly service: ServiceName
  readonly hostname: string
  /** Undefined: every port, those to come included. */
  readonly ports: readonly number[] | undefined
  /** Whose clients: all, when the route is beside the service; otherwise those beside the route. */
  readonly clientNamespace: string | undefined
}

interface ServiceParent {
  readonly mesh?: MeshBinding
  readonly denied: { readonly reason: string; readonly message: string } | undefined
}

export function bindService(route: KubeObject, ref: ParentReference, context: RouteContext): ServiceParent {
  const own = namespaceOf(route)
  const { namespace = own, name } = ref
  const title = `Service ${namespace}/${name}`
  const service = context.service(namespace, name)
  if (service === undefined) return deny('NoMatchingParent', `${title} does not exist`)
  const asked = portsOf(ref, service)
  if (asked.length === 0) {
    return deny('NoMatchingParent', `${title} has no such port: ${describePort(ref)}`)
  }
  const rivals = route.kind === 'GRPCRoute' ? [] : context.grpcRoutesOf(namespace, name)
  const taken = takenPorts(rivals, { own, namespace, name, service })
  const ports = asked.filter((port) => !taken.has(port))
  if (ports.length === 0) {
    const winners = [...new Set(taken.values())].map((winner) => `${own}/${winner}`).join(', ')
    const remedy = 'a port takes routes of one kind, and those of gRPC go first'
    return deny('Conflicted', `GRPCRoute ${winners} has port ${asked.join(', ')} of ${title}: ${remedy}`)
  }
  const isWhole = ref.port === undefined && ref.sectionName === undefined && ports.length === asked.length
  return {
    mesh: {
      service: service.key,
      hostname: service.hostname,
      ports: isWhole ? undefined : ports,
      clientNamespace: namespace === own ? undefined : own,
    },
    denied: undefined,
  }
}

/** `<namespace>/<name>` of the Services among a route's parents. */
export function parentServices(route: GRPCRoute): readonly string[] {
  const refs = (route.spec.parentRefs ?? []).filter(isService)
  return [...new Set(refs.map((ref) => `${ref.namespace ?? namespaceOf(route)}/${ref.name}`))]
}

export function isService(ref: ParentReference): boolean {
  return ref.group === '' && ref.kind === 'Service'
}

/**
 * GEP-1294, Route types: of the kinds that meet at a port only one counts, GRPCRoute before HTTPRoute. Routes of a
 * producer and of a consumer never meet.
 * @returns the name of the GRPCRoute by port
 */
function takenPorts(
  rivals: readonly GRPCRoute[],
  at: { readonly own: string; readonly namespace: string; readonly name: string; readonly service: Service },
): ReadonlyMap<number, string> {
  const taken = new Map<number, string>()
  for (const rival of rivals.filter((one) => namespaceOf(one) === at.own)) {
    for (const ref of rival.spec.parentRefs ?? []) {
      const isSame = isService(ref) && ref.name === at.name && (ref.namespace ?? at.own) === at.namespace
      if (!isSame) continue
      for (const port of portsOf(ref, at.service)) taken.set(port, rival.metadata.name)
    }
  }
  return taken
}

function portsOf({ port, sectionName }: ParentReference, service: Service): readonly number[] {
  const meant = service.ports.filter(
    (one) =>
      (port === undefined || one.port === port) && (sectionName === undefined || one.name === sectionName),
  )
  return [...new Set(meant.map((one) => one.port))]
}

function describePort({ port, sectionName }: ParentReference): string {
  const parts = [
    ...(sectionName === undefined ? [] : [`named ${sectionName}`]),
    ...(port === undefined ? [] : [`on port ${port}`]),
  ]
  return parts.join(' ')
}

function deny(reason: string, message: string): ServiceParent {
  return { denied: { reason, message } }
}
