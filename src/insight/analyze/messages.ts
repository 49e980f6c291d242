import type { KubeObject } from '../../kube/index.ts'

export type Level = 'Error' | 'Warning' | 'Info'

/** Worst first. */
export const LEVELS = ['Error', 'Warning', 'Info'] as const satisfies readonly Level[]

/**
 * The messages by Istio's codes, in istioctl's words, because scripts and people look for them. A text stands for
 * `%s`, `%d` and `%v`, a list for Go's `[a b]`; `%q` is quoted by the template.
 */
const CATALOGUE = {
  IST0101: {
    level: 'Error',
    text: (kind: string, name: string) => `Referenced ${kind} not found: ${quote(name)}`,
  },
  IST0102: {
    level: 'Info',
    text: (namespace: string) =>
      `The namespace is not enabled for Istio injection. Run 'kubectl label namespace ${namespace} istio-injection=enabled' to enable it, or 'kubectl label namespace ${namespace} istio-injection=disabled' to explicitly mark it as not needing injection.`,
  },
  IST0103: {
    level: 'Warning',
    text: (pod: string) =>
      `The pod ${pod} is missing the Istio proxy. This can often be resolved by restarting or redeploying the workload.`,
  },
  IST0106: { level: 'Error', text: (error: string) => `Schema validation error: ${error}` },
  IST0109: {
    level: 'Error',
    text: (virtualServices: string, host: string) =>
      `The VirtualServices ${virtualServices} associated with mesh gateway define the same host ${host} which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource.`,
  },
  IST0110: {
    level: 'Error',
    text: (sidecars: string, namespace: string, pod: string) =>
      `The Sidecars ${sidecars} in namespace ${quote(namespace)} select the same workload pod ${quote(pod)}, which can lead to undefined behavior.`,
  },
  IST0111: {
    level: 'Error',
    text: (sidecars: string, namespace: string) =>
      `The Sidecars ${sidecars} in namespace ${quote(namespace)} have no workload selector, which can lead to undefined behavior.`,
  },
  IST0112: {
    level: 'Error',
    text: (host: string, ports: string) =>
      `This VirtualService routes to a service ${quote(host)} that exposes multiple ports ${ports}. Specifying a port in the destination is required to disambiguate.`,
  },
  IST0116: {
    level: 'Warning',
    text: (deployment: string, port: string, services: string) =>
      `This deployment ${deployment} is associated with multiple services using port ${port} but different protocols: ${services}`,
  },
  IST0118: {
    level: 'Info',
    text: (name: string, port: string, targetPort: string) =>
      `Port name ${name} (port: ${port}, targetPort: ${targetPort}) doesn't follow the naming convention of Istio port.`,
  },
  IST0123: {
    level: 'Warning',
    text: (labels: string) =>
      `The namespace has more than one type of injection labels ${labels}, which may lead to undefined behavior. Make sure only one injection label exists.`,
  },
  IST0128: {
    level: 'Warning',
    text: (rule: string, namespace: string, mode: string, host: string) =>
      `DestinationRule ${rule} in namespace ${namespace} has TLS mode set to ${mode} but no caCertificates are set to validate server identity for host: ${host}`,
  },
  IST0129: {
    level: 'Warning',
    text: (rule: string, namespace: string, mode: string, host: string, port: string) =>
      `DestinationRule ${rule} in namespace ${namespace} has TLS mode set to ${mode} but no caCertificates are set to validate server identity for host: ${host} at port ${port}`,
  },
  IST0130: {
    level: 'Warning',
    text: (rule: string, reason: string) => `VirtualService rule ${rule} not used (${reason}).`,
  },
  IST0131: {
    level: 'Info',
    text: (rule: string, match: string, duplicate: string) =>
      `VirtualService rule ${rule} match ${match} is not used (duplicate/overlapping match in rule ${duplicate}).`,
  },
  IST0132: {
    level: 'Warning',
    text: (hosts: string, virtualService: string, gateway: string) =>
      `one or more host ${hosts} defined in VirtualService ${virtualService} not found in Gateway ${gateway}.`,
  },
  IST0134: { level: 'Warning', text: () => 'ServiceEntry addresses are required for this protocol.' },
  IST0137: {
    level: 'Warning',
    text: (deployment: string, services: string, targetPort: string, ports: string) =>
      `This deployment ${deployment} is associated with multiple services ${services} using targetPort ${quote(targetPort)} but different ports: ${ports}.`,
  },
  IST0138: {
    level: 'Warning',
    text: (gateways: string) =>
      `Duplicate certificate in multiple gateways ${gateways} may cause 404s if clients re-use HTTP2 connections.`,
  },
  IST0140: {
    level: 'Warning',
    text: (withSubset: string, onGateway: string) =>
      `Subset in virtual service ${withSubset} has no effect on ingress gateway ${onGateway} requests`,
  },
  IST0145: {
    level: 'Error',
    text: (gateways: string, selector: string, port: string, hosts: string) =>
      `Conflict with gateways ${gateways} (workload selector ${selector}, port ${port}, hosts ${hosts}).`,
  },
  IST0149: {
    level: 'Error',
    text: (key: string, gateway: string, pod: string) =>
      `The virtual service uses the JWT claim based routing (key: ${key}) but found no request authentication for the gateway (${gateway}) pod (${pod}). The request authentication must first be applied for the gateway pods to validate the JWT token and make the claims available for routing.`,
  },
  IST0150: {
    level: 'Warning',
    text: () =>
      'Port name for ExternalName service is invalid. Proxy may prevent tcp named ports and unmatched traffic for ports serving TCP protocol from being forwarded correctly',
  },
  IST0162: {
    level: 'Warning',
    text: (port: string, selector: string) =>
      `The gateway is listening on a target port (port ${port}) that is not defined in the Service associated with its workload instances (Pod selector ${selector}). If you need to access the gateway port through the gateway Service, it will not be available.`,
  },
  IST0165: {
    level: 'Warning',
    text: (virtualService: string, gateway: string) =>
      `Gateway reference in VirtualService ${virtualService} is to an implementation-generated internal Gateway: ${gateway}.`,
  },
  IST0171: {
    level: 'Warning',
    text: (type: string, reason: string, message: string) =>
      `A condition with a negative status is present: type=${type}, reason=${reason}, message=${message}.`,
  },
  IST0173: {
    level: 'Error',
    text: (subset: string) =>
      `The Subset ${subset} defined in the DestinationRule does not select any pods. Which may lead to 503 UH (NoHealthyUpstream).`,
  },
  IST0174: {
    level: 'Warning',
    text: (host: string) =>
      `The host ${host} defined in the DestinationRule does not match any services in the mesh.`,
  },
  IST0177: {
    level: 'Warning',
    text: (entries: string, host: string, port: string, protocols: string) =>
      `ServiceEntries (${entries}) define the same host ${quote(host)} and port ${port} with conflicting protocols (${protocols}).`,
  },
  // Not one of Istio's: there a patch that does nothing is nobody's business.
  IST0127: { level: 'Warning', text: (labels: string) => `No matching workloads for labels ${labels}` },
  LAT0001: { level: 'Warning', text: (problem: string) => `Not served: ${problem}.` },
} as const satisfies Readonly<Record<string, { level: Level; text: (...args: readonly string[]) => string }>>

export type Code = keyof typeof CATALOGUE

/** One thing that an analyzer has to say about one object. */
export interface Message {
  readonly code: Code
  readonly level: Level
  readonly text: string
  readonly object: KubeObject
}

export function createMessage<C extends Code>(
  code: C,
  object: KubeObject,
  ...args: Parameters<(typeof CATALOGUE)[C]['text']>
): Message {
  const { level, text }: { level: Level; text: (...args: readonly string[]) => string } = CATALOGUE[code]
  return { code, level, text: text(...args), object }
}

/** A list as Go prints it. */
export function goList(items: readonly (string | number)[]): string {
  return `[${items.join(' ')}]`
}

function quote(text: string): string {
  return JSON.stringify(text)
}
