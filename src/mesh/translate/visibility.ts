import type { Visibility } from '../../model/index.ts'

/**
 * Istio's `exportTo`: `*` every namespace, `.` the object's own, `~` none, otherwise the namespaces named.
 * Nothing given means every namespace.
 */
export function visibilityOf(exportTo: readonly string[] | undefined, namespace: string): Visibility {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return { kind: 'all' }
  const named = exportTo.filter((entry) => entry !== '~').map((entry) => (entry === '.' ? namespace : entry))
  return { kind: 'namespaces', namespaces: [...new Set(named)].sort() }
}

export function isVisible(visibility: Visibility, namespace: string): boolean {
  return visibility.kind === 'all' || visibility.namespaces.includes(namespace)
}
