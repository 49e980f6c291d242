import type { KubeObject } from '../../kube/index.ts'
import { hostCovers } from '../../model/index.ts'
import type { MeshSettings } from './settings.ts'

/** The key of an object in its source: `namespace/name`, or the name alone for cluster-scoped kinds. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** The namespace of a namespaced object; files may leave it out and then mean `default`. */
export function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? 'default'
}

/** `<name>.<namespace>.svc.<cluster domain>` */
export function serviceHostname(name: string, namespace: string, settings: MeshSettings): string {
  return `${name}.${namespace}.svc.${settings.clusterDomain}`.toLowerCase()
}

/**
 * A host as Istio's kinds write it: a name without a dot means a Service of the object's own namespace.
 * Wildcards and names with dots stand for themselves.
 */
export function resolveShortHost(host: string, namespace: string, settings: MeshSettings): string {
  const lower = host.toLowerCase()
  if (lower === '' || lower.includes('.') || lower.startsWith('*')) return lower
  return serviceHostname(lower, namespace, settings)
}

export { hostCovers }

/** What two host patterns have in common: the narrower of the two, or nothing. */
export function intersectHosts(a: string, b: string): string | undefined {
  if (hostCovers(a, b)) return b
  return hostCovers(b, a) ? a : undefined
}

/** The patterns that cover a host, most specific first: the host itself, `*.b.c`, `*.c`, `*`. */
export function coveringPatterns(host: string): readonly string[] {
  const patterns = [host]
  let rest = host.startsWith('*.') ? host.slice(2) : host
  for (let dot = rest.indexOf('.'); dot >= 0; dot = rest.indexOf('.')) {
    rest = rest.slice(dot + 1)
    if (`*.${rest}` !== host) patterns.push(`*.${rest}`)
  }
  if (host !== '*') patterns.push('*')
  return patterns
}
