import { textTable } from './text-table.ts'

/** A proxy as the control plane's `/debug/syncz` tells of it. */
export interface ProxySync {
  readonly cluster_id: string
  /** `pod.namespace` */
  readonly proxy: string
  readonly proxy_type: string
  readonly istio_version: string
  readonly istiod: string
  readonly types: Readonly<Record<string, { readonly status: 'SYNCED' | 'STALE' | 'ERROR' }>>
}

/** In istioctl's columns; of a type that is not in sync it is said what it is. */
export function statusTable(rows: readonly ProxySync[]): string {
  const cells = rows
    .toSorted((a, b) => (a.proxy < b.proxy ? -1 : 1))
    .map((row) => [row.proxy, row.cluster_id, row.istiod, row.istio_version, typesText(row)])
  return textTable([['NAME', 'CLUSTER', 'ISTIOD', 'VERSION', 'SUBSCRIBED TYPES'], ...cells])
}

function typesText({ types }: ProxySync): string {
  const names = Object.entries(types).map(([name, { status }]) =>
    status === 'SYNCED' ? name : `${name} ${status}`,
  )
  return `${names.length} (${names.join(', ')})`
}
