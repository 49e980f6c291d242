import { type Container, parseQuantity, type Pod } from '../../../kube/index.ts'

/** What the downward API can tell beyond the pod object itself. */
export interface NodeFacts {
  readonly nodeName: string
  /** IPv4 first. */
  readonly hostIps: readonly string[]
  readonly podIps: readonly string[]
  /** Stands for a limit that the container does not set. */
  readonly allocatable: Readonly<Record<string, string>>
}

/** @returns undefined when the path names nothing that the downward API has */
export function readField(pod: Pod, facts: NodeFacts, fieldPath: string): string | undefined {
  const { metadata, spec } = pod
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath)
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? ''
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return formatMap(metadata.labels)
    case 'metadata.annotations':
      return formatMap(metadata.annotations)
    case 'spec.nodeName':
      return facts.nodeName
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default'
    case 'status.hostIP':
      return facts.hostIps[0] ?? ''
    case 'status.hostIPs':
      return facts.hostIps.join(',')
    case 'status.podIP':
      return facts.podIps[0] ?? ''
    case 'status.podIPs':
      return facts.podIps.join(',')
    default:
      return undefined
  }
}

/** `limits.cpu` and the like in units of the divisor, rounded up. @returns undefined for what is not a resource */
export function readResource(
  container: Container | undefined,
  facts: NodeFacts,
  reference: { readonly resource: string; readonly divisor?: string },
): string | undefined {
  const [kind, ...rest] = reference.resource.split('.')
  const name = rest.join('.')
  if (container === undefined || (kind !== 'limits' && kind !== 'requests')) return undefined
  const { limits, requests } = container.resources ?? {}
  const fallback = kind === 'limits' ? facts.allocatable[name] : '0'
  const text = (kind === 'limits' ? limits?.[name] : requests?.[name]) ?? fallback ?? '0'
  const divisorText = reference.divisor ?? '1'
  const value = parseQuantity(text)?.nanos
  const divisor = parseQuantity(divisorText === '0' ? '1' : divisorText)?.nanos
  if (value === undefined || divisor === undefined || divisor <= 0n) return undefined
  return String((value + divisor - 1n) / divisor)
}

/** The file format of the downward API: sorted `key="value"` lines with Go's quoting. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')
}
