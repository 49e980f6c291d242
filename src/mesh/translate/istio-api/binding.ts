import { unreachable } from '../../../base/index.ts'
import type { ListenerName, RouteScope, Visibility } from '../../../model/index.ts'
import type { VirtualService } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { type IstioGatewayState, serverDomains, type ServerState } from './gateway.ts'
import { MESH_GATEWAY, type MeshShare } from './mesh-claim.ts'

/** Where the rules of a VirtualService are laid out once: listeners that are alike, or the sidecars. */
export interface RuleBinding {
  readonly scope: RouteScope
  readonly domains: readonly string[]
  /** `<namespace>/<name>` of an Istio Gateway, or `mesh`: what `match.gateways` is compared with. */
  readonly gateway: string
  /** The port that is dialled, where it is known. */
  readonly port: number | undefined
  readonly httpsRedirect: boolean
  /** What its connections carry once TLS is taken off: in the mesh it can be anything. */
  readonly content: 'http' | 'tls' | 'bytes' | 'any'
}

export interface BindingContext {
  readonly gateway: (key: string) => IstioGatewayState | undefined
  readonly meshShare: (host: string) => MeshShare
}

/** A gateway's name as VirtualServices write it: alone for one of their own namespace. */
export function gatewayKey(reference: string, namespace: string): string {
  return reference === MESH_GATEWAY || reference.includes('/') ? reference : `${namespace}/${reference}`
}

/** What a VirtualService says of where its rules apply. */
export interface BindingPlace {
  /** Fully qualified. */
  readonly hosts: readonly string[]
  readonly gateways: readonly string[]
  readonly visibility: Visibility
}

/** Of rules for requests: in sidecars one VirtualService rules a host. */
export function bindingsOf(
  object: VirtualService,
  where: BindingPlace,
  context: BindingContext,
): readonly RuleBinding[] {
  return bindingsAt(object, where, context, () => meshBindings(where.hosts, context))
}

/**
 * Of rules for connections: in sidecars those of all VirtualServices that a client sees hold, one after the other.
 * @see Istio, pilot/pkg/networking/core: getConfigsForHost
 */
export function connectionBindingsOf(
  object: VirtualService,
  where: BindingPlace,
  context: BindingContext,
): readonly RuleBinding[] {
  const { visibility, hosts } = where
  const clients = visibility.kind === 'all' ? undefined : visibility.namespaces
  return bindingsAt(object, where, context, () =>
    hosts.length === 0 || clients?.length === 0 ? [] : [meshBinding(hosts, clients)],
  )
}

function bindingsAt(
  object: VirtualService,
  where: BindingPlace,
  context: BindingContext,
  inMesh: () => readonly RuleBinding[],
): readonly RuleBinding[] {
  const namespace = namespaceOf(object)
  const gateways = [...new Set(where.gateways.map((reference) => gatewayKey(reference, namespace)))].sort()
  return gateways.flatMap((gateway) =>
    gateway === MESH_GATEWAY ? inMesh() : gatewayBindings(gateway, namespace, where, context),
  )
}

function gatewayBindings(
  gateway: string,
  namespace: string,
  where: { readonly hosts: readonly string[]; readonly visibility: Visibility },
  context: BindingContext,
): readonly RuleBinding[] {
  const { visibility } = where
  const servers = (context.gateway(gateway)?.servers ?? []).flatMap((server) => {
    // The server names that come there say themselves where they lead.
    if (server.listener.tls?.kind === 'auto-passthrough') return []
    const domains = serverDomains(server, where.hosts, namespace)
    return domains.length === 0 ? [] : [{ server, domains }]
  })
  const groups = Map.groupBy(
    servers,
    ({ server, domains }) =>
      `${domains.join(',')}|${server.listener.port}|${server.httpsRedirect}|${contentOf(server)}`,
  )
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const listeners: readonly ListenerName[] = group.map(({ server }) => server.listener.key)
    return [
      {
        scope: {
          kind: 'gateway' as const,
          listeners: listeners.toSorted(),
          ...(visibility.kind === 'all' ? {} : { clientNamespaces: visibility.namespaces }),
        },
        domains: first.domains,
        gateway,
        port: first.server.listener.port,
        httpsRedirect: first.server.httpsRedirect,
        content: contentOf(first.server),
      },
    ]
  })
}

function contentOf({ listener }: ServerState): RuleBinding['content'] {
  switch (listener.protocol) {
    case 'http':
    case 'https':
      return 'http'
    case 'tls':
      return listener.tls?.kind === 'terminate' ? 'bytes' : 'tls'
    case 'tcp':
    // A server of Istio's API is never one of datagrams.
    case 'udp':
      return 'bytes'
    default:
      return unreachable(listener.protocol)
  }
}

/** Hosts that are granted for the same clients share their routes. */
function meshBindings(hosts: readonly string[], context: BindingContext): readonly RuleBinding[] {
  const shares = hosts.map((host) => ({ host, share: context.meshShare(host) }))
  const groups = Map.groupBy(shares, ({ share }) => (share.kind === 'all' ? '*' : share.namespaces.join(',')))
  return [...groups.values()].flatMap((group) => {
    const share = group[0]?.share
    if (share === undefined || (share.kind === 'namespaces' && share.namespaces.length === 0)) return []
    return [
      meshBinding(
        group.map(({ host }) => host),
        share.kind === 'all' ? undefined : share.namespaces,
      ),
    ]
  })
}

function meshBinding(
  domains: readonly string[],
  clientNamespaces: readonly string[] | undefined,
): RuleBinding {
  return {
    scope: { kind: 'mesh', ...(clientNamespaces && { clientNamespaces }) },
    domains,
    gateway: MESH_GATEWAY,
    port: undefined,
    httpsRedirect: false,
    content: 'any',
  }
}
