/** Who asks: what a proxy says of itself in its first request. */
export interface ProxyNode {
  /** `<role>~<ip>~<pod>.<namespace>~<namespace>.svc.<cluster domain>`, Istio's form. */
  readonly id: string
  readonly role: 'sidecar' | 'router'
  readonly namespace: string
  readonly podName: string
  readonly serviceAccount: string
  readonly labels: Readonly<Record<string, string>>
  readonly ips: readonly string[]
  /** Istio's cluster id, e.g. `Kubernetes`. */
  readonly cluster: string
  readonly version: string
}

/** The node's metadata on the wire (Envoy's `Node.metadata`), under Istio's names. */
export interface NodeMetadata {
  readonly NAMESPACE: string
  readonly NAME: string
  readonly SERVICE_ACCOUNT: string
  readonly LABELS: Readonly<Record<string, string>>
  readonly INSTANCE_IPS: string
  readonly CLUSTER_ID: string
  readonly ISTIO_VERSION: string
}

export function nodeId(parts: {
  readonly role: ProxyNode['role']
  readonly ip: string
  readonly podName: string
  readonly namespace: string
  readonly clusterDomain: string
}): string {
  const { role, ip, podName, namespace, clusterDomain } = parts
  return `${role}~${ip}~${podName}.${namespace}~${namespace}.svc.${clusterDomain}`
}

export function metadataOf(node: ProxyNode): NodeMetadata {
  return {
    NAMESPACE: node.namespace,
    NAME: node.podName,
    SERVICE_ACCOUNT: node.serviceAccount,
    LABELS: node.labels,
    INSTANCE_IPS: node.ips.join(','),
    CLUSTER_ID: node.cluster,
    ISTIO_VERSION: node.version,
  }
}

/** Reads a node from the wire. @returns undefined when the id is not in Istio's form */
export function parseNode(id: string, metadata: unknown): ProxyNode | undefined {
  const [role, ip, podAndNamespace] = id.split('~')
  if ((role !== 'sidecar' && role !== 'router') || ip === undefined || podAndNamespace === undefined)
    return undefined
  const fields = isRecord(metadata) ? metadata : {}
  const dot = podAndNamespace.lastIndexOf('.')
  if (dot < 0) return undefined
  const ips = textOf(fields['INSTANCE_IPS'])
  return {
    id,
    role,
    namespace: textOf(fields['NAMESPACE']) || podAndNamespace.slice(dot + 1),
    podName: textOf(fields['NAME']) || podAndNamespace.slice(0, dot),
    serviceAccount: textOf(fields['SERVICE_ACCOUNT']),
    labels: labelsOf(fields['LABELS']),
    ips: ips === '' ? [ip] : ips.split(','),
    cluster: textOf(fields['CLUSTER_ID']),
    version: textOf(fields['ISTIO_VERSION']),
  }
}

function labelsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
