import type { Service as KubeService } from '../../../kube/index.ts'
import { type GatewayName, gatewayName, type Listener, listenerName } from '../../../model/index.ts'
import type { Gateway, GatewayAddress } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import type { MeshSettings } from '../settings.ts'
import { type BackendCertificate, backendCertificate } from './backend-certificate.ts'
import type { CertificateContext } from './certificates.ts'
import { type ListenerState, listenerStates } from './listener-state.ts'

/** A Gateway of our class, as far as it can be judged without its routes and its deployment's state. */
export interface GatewayState {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly gateway: GatewayName
  readonly namespace: string
  readonly name: string
  readonly generation: number
  readonly listeners: readonly ListenerState[]
  readonly placement: Placement
  readonly requestedAddresses: readonly GatewayAddress[]
  readonly fault: GatewayFault | undefined
  /** Absent: it names none. */
  readonly backendCertificate?: BackendCertificate
}

/** Which proxies serve a Gateway. */
export type Placement =
  /** Ours to deploy, under this name in the Gateway's namespace. */
  | { readonly kind: 'managed'; readonly name: string; readonly serviceAccount: string }
  /** `spec.addresses` names Services of gateways that somebody else runs, as `<namespace>/<name>`. */
  | { readonly kind: 'existing'; readonly services: readonly string[] }

export interface GatewayFault {
  readonly reason: 'UnsupportedAddress' | 'InvalidParameters'
  readonly message: string
}

export const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name'
const SERVICE_ACCOUNT = 'gateway.istio.io/service-account'
const NAME_OVERRIDE = 'gateway.istio.io/name-override'

export function translateGateway(
  object: Gateway,
  settings: MeshSettings,
  certificates: CertificateContext,
): GatewayState {
  const namespace = namespaceOf(object)
  const { name, generation = 0 } = object.metadata
  const gateway = gatewayName('Gateway', namespace, name)
  const shown = backendCertificate(object.spec, namespace, certificates)
  return {
    key: `${namespace}/${name}`,
    gateway,
    namespace,
    name,
    generation,
    listeners: listenerStates(object.spec, {
      namespace,
      keyOf: (listener) => listenerName(gateway, listener),
      certificates,
    }),
    placement: placementOf(object, namespace, settings),
    requestedAddresses: (object.spec.addresses ?? []).filter((address) => (address.value ?? '') !== ''),
    fault: faultOf(object),
    ...(shown === undefined ? {} : { backendCertificate: shown }),
  }
}

/** What the proxies of a managed Gateway run as. */
export function deploymentServiceAccount(object: Gateway): string {
  return object.metadata.annotations?.[SERVICE_ACCOUNT] ?? deploymentName(object)
}

/** Istio's name for what it deploys: the Gateway's and its class's, unless an annotation says otherwise. */
export function deploymentName(object: Gateway): string {
  return (
    object.metadata.annotations?.[NAME_OVERRIDE] ?? `${object.metadata.name}-${object.spec.gatewayClassName}`
  )
}

function placementOf(object: Gateway, namespace: string, settings: MeshSettings): Placement {
  const hosts = (object.spec.addresses ?? []).filter((address) => address.type === 'Hostname')
  if (hosts.length === 0) {
    return {
      kind: 'managed',
      name: deploymentName(object),
      serviceAccount: deploymentServiceAccount(object),
    }
  }
  const suffix = `.svc.${settings.clusterDomain}`
  const services = hosts.flatMap(({ value = '' }) => {
    if (!value.includes('.')) return [`${namespace}/${value}`]
    const [name, serviceNamespace] = value.endsWith(suffix) ? value.slice(0, -suffix.length).split('.') : []
    return name === undefined || serviceNamespace === undefined ? [] : [`${serviceNamespace}/${name}`]
  })
  return { kind: 'existing', services }
}

function faultOf(object: Gateway): GatewayFault | undefined {
  const unknown = object.spec.addresses?.find(
    (address) => address.type !== undefined && address.type !== 'IPAddress' && address.type !== 'Hostname',
  )
  if (unknown !== undefined) {
    return {
      reason: 'UnsupportedAddress',
      message: `Address type ${unknown.type} is not known; use IPAddress or Hostname`,
    }
  }
  const parameters = object.spec.infrastructure?.parametersRef
  if (parameters === undefined) return undefined
  return {
    reason: 'InvalidParameters',
    message: `infrastructure.parametersRef ${parameters.kind}/${parameters.name} is not served yet; remove it`,
  }
}

const MODEL_PROTOCOLS: Readonly<Record<string, Listener['protocol']>> = {
  HTTP: 'http',
  HTTPS: 'https',
  TLS: 'tls',
  TCP: 'tcp',
  UDP: 'udp',
}

/** Without a certificate there is nothing to serve; the listener's conditions say why there is none. */
function servesProtocol({ protocol, tls }: ListenerState): boolean {
  return tls !== undefined || (protocol !== 'HTTPS' && protocol !== 'TLS')
}

/** The listeners that proxies get: those that serve, once it is known which proxies those are. */
export function modelListeners(
  state: GatewayState,
  service: (key: string) => KubeService | undefined,
): readonly Listener[] {
  const selector = selectorOf(state, service)
  if (selector === undefined || state.fault !== undefined) return []
  const shown = state.backendCertificate?.reference
  return state.listeners
    .filter((listener) => listener.fault === undefined && servesProtocol(listener))
    .map((listener) => ({
      type: 'listener',
      key: listener.key,
      gateway: state.gateway,
      selector,
      port: listener.port,
      protocol: MODEL_PROTOCOLS[listener.protocol] ?? 'http',
      ...(listener.tls === undefined ? {} : { tls: listener.tls }),
      hostnames: [listener.hostname ?? '*'],
      isolated: true,
      ...(shown === undefined ? {} : { backendCertificate: shown }),
      origin: { kind: 'Gateway', namespace: state.namespace, name: state.name },
    }))
}

function selectorOf(
  state: GatewayState,
  service: (key: string) => KubeService | undefined,
): Listener['selector'] | undefined {
  if (state.placement.kind === 'managed') {
    return { namespace: state.namespace, labels: { [GATEWAY_NAME_LABEL]: state.name } }
  }
  for (const key of state.placement.services) {
    const labels = service(key)?.spec.selector
    if (labels !== undefined) return { namespace: key.split('/', 1)[0] ?? '', labels }
  }
  return undefined
}
