import type { ConfigMap, Service as KubeService } from '../../../kube/index.ts'
import { type GatewayName, gatewayName, type Listener, listenerName } from '../../../model/index.ts'
import type { Gateway, GatewayAddress, ListenerSet } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import type { MeshSettings } from '../settings.ts'
import { type BackendCertificate, backendCertificate } from './backend-certificate.ts'
import type { CertificateContext } from './certificate-reference.ts'
import { frontendValidation, insecurePlaces } from './client-validation.ts'
import { type DeploymentOverlays, gatewayParameters } from './gateway-parameters.ts'
import { byPrecedence, denialOf, type ListenerSetState } from './listener-set.ts'
import { isServable, type ListenerState } from './listener-state.ts'
import { type ListenerGroup, listenerStates } from './listener-states.ts'

/** A Gateway of our class, as far as it can be judged without its routes and its deployment's state. */
export interface GatewayState {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly gateway: GatewayName
  readonly namespace: string
  readonly name: string
  readonly generation: number
  /** Its own. */
  readonly listeners: readonly ListenerState[]
  /** In their order of precedence; with those that it does not take. */
  readonly sets: readonly ListenerSetState[]
  /** Whether anything is said of ListenerSets. */
  readonly mentionsSets: boolean
  /** Where clients need no good certificate although one is asked for, as paths under `spec`. */
  readonly insecurePlaces: readonly string[]
  readonly placement: Placement
  readonly requestedAddresses: readonly GatewayAddress[]
  /** What its owner lays over what is deployed for it. */
  readonly overlays: DeploymentOverlays
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

export interface GatewayContext extends CertificateContext {
  /** Those whose parent the Gateway is. */
  readonly sets: readonly ListenerSet[]
  readonly namespaceLabels: (name: string) => Readonly<Record<string, string>>
  readonly configMap: (key: string) => ConfigMap | undefined
  readonly settings: MeshSettings
}

export function translateGateway(object: Gateway, context: GatewayContext): GatewayState {
  const namespace = namespaceOf(object)
  const { name, generation = 0 } = object.metadata
  const { listeners, tls, allowedListeners } = object.spec
  const gateway = gatewayName('Gateway', namespace, name)
  const parameters = gatewayParameters(object, context.configMap)
  const shown = backendCertificate(object.spec, namespace, context)
  const referrer = { kind: 'Gateway', namespace } as const
  const sets = byPrecedence(context.sets).map((set) => ({
    set,
    denied: denialOf(set, object, context.namespaceLabels),
  }))
  const own = {
    owner: { ...referrer, name },
    listeners,
    keyOf: (listener: string) => listenerName(gateway, listener),
  }
  const groups = [
    own,
    ...sets.map(({ set, denied }) => groupOf(gateway, set, denied === undefined ? set.spec.listeners : [])),
  ]
  const clients = frontendValidation(tls?.frontend, referrer, context)
  const [ownStates = [], ...setStates] = listenerStates(groups, { ...context, clients })
  return {
    key: `${namespace}/${name}`,
    gateway,
    namespace,
    name,
    generation,
    listeners: ownStates,
    sets: sets.map(({ set, denied }, i) => ({
      key: `${namespaceOf(set)}/${set.metadata.name}`,
      namespace: namespaceOf(set),
      name: set.metadata.name,
      generation: set.metadata.generation ?? 0,
      denied,
      listeners: setStates[i] ?? [],
    })),
    mentionsSets: allowedListeners !== undefined || sets.length > 0,
    insecurePlaces: insecurePlaces(tls?.frontend),
    placement: placementOf(object, namespace, context.settings),
    requestedAddresses: (object.spec.addresses ?? []).filter((address) => (address.value ?? '') !== ''),
    overlays: typeof parameters === 'string' ? {} : parameters,
    fault: faultOf(object, parameters),
    ...(shown === undefined ? {} : { backendCertificate: shown }),
  }
}

function groupOf(
  gateway: GatewayName,
  set: ListenerSet,
  listeners: ListenerGroup['listeners'],
): ListenerGroup {
  const { name } = set.metadata
  const namespace = namespaceOf(set)
  return {
    owner: { kind: 'ListenerSet', namespace, name },
    listeners,
    keyOf: (listener) => listenerName(gateway, `${namespace}/${name}/${listener}`),
  }
}

/** All that the Gateway's proxies listen for: its own listeners, then those of its ListenerSets. */
export function allListeners({ listeners, sets }: GatewayState): readonly ListenerState[] {
  return [...listeners, ...sets.flatMap((set) => set.listeners)]
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

function faultOf(object: Gateway, parameters: DeploymentOverlays | string): GatewayFault | undefined {
  const unknown = object.spec.addresses?.find(
    (address) => address.type !== undefined && address.type !== 'IPAddress' && address.type !== 'Hostname',
  )
  if (unknown !== undefined) {
    return {
      reason: 'UnsupportedAddress',
      message: `Address type ${unknown.type} is not known; use IPAddress or Hostname`,
    }
  }
  return typeof parameters === 'string' ? { reason: 'InvalidParameters', message: parameters } : undefined
}

const MODEL_PROTOCOLS: Readonly<Record<string, Listener['protocol']>> = {
  HTTP: 'http',
  HTTPS: 'https',
  TLS: 'tls',
  TCP: 'tcp',
  UDP: 'udp',
}

/** The listeners that proxies get: those that serve, once it is known which proxies those are. */
export function modelListeners(
  state: GatewayState,
  service: (key: string) => KubeService | undefined,
): readonly Listener[] {
  const selector = selectorOf(state, service)
  // Parameters are about what is deployed: what runs goes on serving while they cannot be used.
  if (selector === undefined || state.fault?.reason === 'UnsupportedAddress') return []
  const shown = state.backendCertificate?.reference
  return allListeners(state)
    .filter(isServable)
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
      origin: listener.owner,
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
