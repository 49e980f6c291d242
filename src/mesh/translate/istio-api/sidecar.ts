import {
  type EgressListener,
  type InboundBounds,
  type IngressEndpoint,
  type IngressListener,
  type ScopedHosts,
  type Service,
  type Sidecar,
  sidecarName,
} from '../../../model/index.ts'
import { isIp } from '../../../kube/index.ts'
import type {
  IstioCaptureMode,
  IstioConnectionPool,
  IstioEgressListener,
  IstioIngressListener,
  Sidecar as IstioSidecar,
} from '../../resources/index.ts'
import { namespaceOf, resolveShortHost } from '../names.ts'
import { namedProtocol } from '../protocol.ts'
import type { MeshSettings } from '../settings.ts'
import { translateConnectionPool, translateConnectTimeout } from './connection-pool.ts'
import { isVisible } from '../visibility.ts'

export interface SidecarResult {
  readonly key: string
  readonly sidecar: Sidecar
  readonly problems: readonly string[]
}

export interface SidecarContext {
  /** As clients in a namespace see it. */
  readonly serviceByHost: (namespace: string, hostname: string) => Service | undefined
  readonly settings: MeshSettings
}

type Spec = NonNullable<IstioSidecar['spec']>

/** @see Istio, Sidecar: the root namespace's without a selector is the whole mesh's */
export function translateSidecar(object: IstioSidecar, context: SidecarContext): SidecarResult {
  const namespace = namespaceOf(object)
  const { name, creationTimestamp = '' } = object.metadata
  const spec = object.spec ?? {}
  const problems: string[] = []
  const labels = spec.workloadSelector?.labels ?? {}
  const isOfMesh = namespace === context.settings.rootNamespace && Object.keys(labels).length === 0
  const mode = spec.outboundTrafficPolicy?.mode
  const inboundBounds = boundsOf(spec.inboundConnectionPool, 'spec.inboundConnectionPool', problems)
  const egressProxy = egressProxyOf(spec, namespace, { context, problems })
  return {
    key: `${namespace}/${name}`,
    sidecar: {
      type: 'sidecar',
      key: sidecarName(namespace, name),
      scope: { ...(!isOfMesh && { namespace }), labels },
      createdAt: creationTimestamp,
      egress: egressOf(spec, problems),
      ingress: (spec.ingress ?? []).flatMap((listener, index) => ingressOf(listener, index, problems)),
      ...(inboundBounds !== undefined && { inboundBounds }),
      // An empty policy is protobuf's way of naming its first mode.
      ...(spec.outboundTrafficPolicy !== undefined && {
        outbound: mode === 'ALLOW_ANY' ? 'allow-any' : 'registry-only',
      }),
      ...(egressProxy !== undefined && { egressProxy }),
      origin: { kind: 'Sidecar', namespace, name },
    },
    problems,
  }
}

/** Nothing written means every service of every namespace. */
function egressOf(spec: Spec, problems: string[]): readonly EgressListener[] {
  const written = spec.egress ?? []
  if (written.length === 0) return [{ hosts: [{ namespace: '*', host: '*' }] }]
  return written.map((listener, index) => {
    const path = `spec.egress[${index}]`
    const { number = 0, protocol = '' } = listener.port ?? {}
    const bind = number === 0 ? undefined : bindOf(listener, path, problems)
    if (number === 0 && (listener.bind ?? '') !== '')
      problems.push(`${path}.bind has no effect without a port`)
    return {
      ...(number !== 0 && { port: number }),
      ...(bind !== undefined && {
        bind: { address: bind, port: number, protocol: namedProtocol(protocol, number) },
      }),
      hosts: (listener.hosts ?? []).flatMap((host, i) => hostsOf(host, `${path}.hosts[${i}]`, problems)),
    }
  })
}

/** `<namespace>/<host>`; a namespace of `~` means none. */
function hostsOf(text: string, path: string, problems: string[]): readonly ScopedHosts[] {
  const slash = text.indexOf('/')
  const [namespace, host] = [text.slice(0, Math.max(slash, 0)), text.slice(slash + 1).toLowerCase()]
  if (namespace === '~') return []
  if (namespace !== '' && /^(\*|\*\.[^*\s/:]+|[^*\s/:]+)$/.test(host)) return [{ namespace, host }]
  problems.push(`${path}: ${text} is not <namespace>/<host>, such as demo/*; nothing is known by it`)
  return []
}

/** Captured connections come without a listener of their own: only what is not captured needs an address to dial. */
function bindOf(
  listener: IstioEgressListener | IstioIngressListener,
  path: string,
  problems: string[],
): string | undefined {
  const { bind = '', captureMode = 'DEFAULT' } = listener
  if (bind.startsWith('unix://')) {
    problems.push(`${path}.bind ${bind}: sockets of the machine are not served`)
    return undefined
  }
  if (bind !== '' && !isIp(bind)) {
    problems.push(`${path}.bind ${bind} is not an IP address; nothing is bound`)
    return undefined
  }
  return isBound(bind, captureMode) ? bind || defaultBind(listener) : undefined
}

function isBound(bind: string, captureMode: IstioCaptureMode): boolean {
  if (captureMode === 'NONE') return true
  return captureMode === 'DEFAULT' && bind.startsWith('127.')
}

/** Istio: applications dial their own listeners on the loopback, others the workload's. */
function defaultBind(listener: IstioEgressListener | IstioIngressListener): string {
  return 'hosts' in listener ? '127.0.0.1' : '0.0.0.0'
}

function ingressOf(
  listener: IstioIngressListener,
  index: number,
  problems: string[],
): readonly IngressListener[] {
  const path = `spec.ingress[${index}]`
  const { number = 0, protocol = '' } = listener.port ?? {}
  if (number === 0) {
    problems.push(`${path}.port has no number; the listener is not used`)
    return []
  }
  const bounds = boundsOf(listener.connectionPool, `${path}.connectionPool`, problems)
  const bind = bindOf(listener, path, problems)
  const written = endpointOf(listener, path)
  // Where it was dialled is the sidecar itself.
  const endpoint: IngressEndpoint =
    bind !== undefined && written.kind === 'dialled'
      ? { kind: 'refused', reason: `${path} is bound and has no defaultEndpoint` }
      : written
  if (endpoint.kind === 'refused')
    problems.push(`${endpoint.reason}; connections to port ${number} are refused`)
  return [
    {
      port: number,
      protocol: namedProtocol(protocol, number),
      ...(bind !== undefined && { bind }),
      ...(bounds !== undefined && { bounds }),
      endpoint,
    },
  ]
}

/** Given at all, it takes the place of what a wider object says. */
function boundsOf(
  pool: IstioConnectionPool | undefined,
  path: string,
  problems: string[],
): InboundBounds | undefined {
  if (pool === undefined) return undefined
  const connections = translateConnectionPool(pool, path, problems)
  const connectTimeoutMs = translateConnectTimeout(pool, path, problems)
  return {
    ...(connections !== undefined && { connections }),
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
  }
}

/** What cannot be done as written is refused: the application would get what its author meant for someone else. */
function endpointOf(listener: IstioIngressListener, path: string): IngressEndpoint {
  if (listener.tls !== undefined)
    return { kind: 'refused', reason: `${path}.tls is not served: the sidecar has no certificate for it` }
  const text = listener.defaultEndpoint ?? ''
  if (text === '') return { kind: 'dialled' }
  if (text.startsWith('unix://'))
    return {
      kind: 'refused',
      reason: `${path}.defaultEndpoint ${text}: sockets of the machine are not served`,
    }
  const colon = text.lastIndexOf(':')
  const address = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const port = Number(text.slice(colon + 1))
  if (!isIp(address) || !Number.isInteger(port) || port < 1 || port > 65535)
    return { kind: 'refused', reason: `${path}.defaultEndpoint ${text} is not <address>:<port>` }
  const isOwn = address === '0.0.0.0' || address === '::'
  return { kind: 'at', port, ...(!isOwn && { address }) }
}

function egressProxyOf(
  spec: Spec,
  namespace: string,
  { context, problems }: { readonly context: SidecarContext; readonly problems: string[] },
): Sidecar['egressProxy'] {
  const proxy = spec.outboundTrafficPolicy?.egressProxy
  if (proxy === undefined) return undefined
  const path = 'spec.outboundTrafficPolicy.egressProxy'
  const host = resolveShortHost(proxy.host, namespace, context.settings)
  const service = context.serviceByHost(namespace, host)
  const port = proxy.port?.number ?? (service?.ports.length === 1 ? service.ports[0]?.port : undefined)
  if (service === undefined || !isVisible(service.visibility, namespace) || port === undefined) {
    problems.push(
      service === undefined
        ? `${path}.host ${host} is not known; it is not used`
        : `${path}.port is not given, and ${host} has several; it is not used`,
    )
    return undefined
  }
  const subset = proxy.subset ?? ''
  return { kind: 'service', service: service.key, port, ...(subset !== '' && { subset }) }
}
