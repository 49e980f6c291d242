import type { Visibility } from '../../model/index.ts'

/**
 * Istio's `exportTo`: `*` every namespace, `.` the object's own, `~` none, otherwise the namespaces named.
 * @param fallback what is meant where nothing is given (MeshConfig); absent: every namespace
 */
export function visibilityOf(
  given: readonly string[] | undefined,
  namespace: string,
  fallback: readonly string[] = ['*'],
): Visibility {
  const exportTo = given === undefined || given.length === 0 ? fallback : given
  if (exportTo.length === 0 || exportTo.includes('*')) return { kind: 'all' }
  const named = exportTo.filter((entry) => entry !== '~').map((entry) => (entry === '.' ? namespace : entry))
  return { kind: 'namespaces', namespaces: [...new Set(named)].sort() }
}

export function isVisible(visibility: Visibility, namespace: string): boolean {
  return visibility.kind === 'all' || visibility.namespaces.includes(namespace)
}
