import type { Gateway, GatewayAddress } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'
import { allListeners, deploymentName, deploymentServiceAccount, type GatewayState } from './gateway.ts'
import type { DeploymentOverlays } from './gateway-parameters.ts'

/** What is to be deployed for a managed Gateway. */
export interface GatewayDeployment {
  /** `<namespace>/<name of the Gateway>` */
  readonly key: string
  readonly namespace: string
  /** Of the Deployment, the Service and (unless overridden) the ServiceAccount. */
  readonly name: string
  readonly serviceAccount: string
  readonly gateway: Gateway
  readonly ports: readonly GatewayPort[]
  /** For everything that is deployed, beside the labels that tie it to its Gateway. */
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly serviceType: 'LoadBalancer' | 'ClusterIP' | 'NodePort'
  readonly loadBalancerIP?: string
  /** Its parameters cannot be used: what is deployed stays as it is, and nothing new is. */
  readonly isHeld?: true
  /** What its owner lays over these. */
  readonly overlays?: DeploymentOverlays
}

export interface GatewayPort {
  readonly name: string
  readonly port: number
  readonly protocol: 'TCP' | 'UDP'
  readonly appProtocol: string
}

const SERVICE_TYPE = 'networking.istio.io/service-type'
/** Instructions to the mesh or to kubectl, which mean nothing on what is deployed. */
const OWN_ANNOTATIONS = /^(kubectl\.kubernetes\.io\/last-applied-configuration$|gateway\.istio\.io\/)/
const STATUS_PORT: GatewayPort = { name: 'status-port', port: 15021, protocol: 'TCP', appProtocol: 'tcp' }

/** @returns undefined when the Gateway's addresses name Services that somebody else runs */
export function gatewayDeployment(object: Gateway, state: GatewayState): GatewayDeployment | undefined {
  const { addresses = [], infrastructure } = object.spec
  if (addresses.some((address) => address.type === 'Hostname')) return undefined
  const namespace = namespaceOf(object)
  const own = object.metadata.annotations ?? {}
  const name = deploymentName(object)
  const requested = addresses.find(isRequestedAddress)?.value
  const annotations = infrastructure === undefined ? own : (infrastructure.annotations ?? {})
  return {
    key: `${namespace}/${object.metadata.name}`,
    namespace,
    name,
    serviceAccount: deploymentServiceAccount(object),
    gateway: withoutStatus(object),
    ports: portsOf(state),
    labels: infrastructure === undefined ? (object.metadata.labels ?? {}) : (infrastructure.labels ?? {}),
    annotations: Object.fromEntries(
      Object.entries(annotations).filter(([key]) => !OWN_ANNOTATIONS.test(key)),
    ),
    serviceType: serviceTypeOf(own[SERVICE_TYPE]),
    ...(requested === undefined ? {} : { loadBalancerIP: requested }),
    ...(state.fault?.reason === 'InvalidParameters' ? { isHeld: true } : {}),
    ...(Object.keys(state.overlays).length === 0 ? {} : { overlays: state.overlays }),
  }
}

/** What changes with every status write must not cause work. */
function withoutStatus(object: Gateway): Gateway {
  const { status: _status, ...rest } = object
  const { resourceVersion: _version, managedFields: _fields, ...metadata } = rest.metadata
  return { ...rest, metadata }
}

/** A load balancer can be asked for one address. */
function isRequestedAddress({ type = 'IPAddress', value = '' }: GatewayAddress): boolean {
  return type === 'IPAddress' && value !== ''
}

/** What lacks its certificate today may have it tomorrow: only listeners that cannot be have no port. */
function portsOf(state: GatewayState): readonly GatewayPort[] {
  const ports = new Map<string, GatewayPort>([[`TCP ${STATUS_PORT.port}`, STATUS_PORT]])
  for (const { name, port, protocol: application, fault } of allListeners(state)) {
    if (fault?.kind === 'unsupported-protocol') continue
    const protocol = application === 'UDP' ? 'UDP' : 'TCP'
    const id = `${protocol} ${port}`
    if (ports.has(id)) continue
    ports.set(id, {
      name: portName(name, `${protocol === 'UDP' ? 'udp-' : ''}port-${port}`, ports),
      port,
      protocol,
      appProtocol: application.toLowerCase(),
    })
  }
  return [...ports.values()]
}

/** A listener's name may be longer and may have dots; a port's name is a DNS label of at most 63 characters. */
function portName(listener: string, otherwise: string, taken: ReadonlyMap<string, GatewayPort>): string {
  const label = listener
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 63)
    .replace(/-+$/, '')
  const isTaken = [...taken.values()].some((other) => other.name === label)
  return label === '' || isTaken ? otherwise : label
}

function serviceTypeOf(text: string | undefined): GatewayDeployment['serviceType'] {
  return text === 'ClusterIP' || text === 'NodePort' ? text : 'LoadBalancer'
}
