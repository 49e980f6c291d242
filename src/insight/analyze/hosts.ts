import type { KubeObject } from '../../kube/index.ts'
import { type AnalysisContext, namespaceOf } from './context.ts'
import { field, labelsAt, listAt, numberAt, textAt, textsAt } from './read.ts'

/** Something that a host name can lead to: a Service, or a ServiceEntry. */
export interface KnownHost {
  readonly object: KubeObject
  readonly ports: readonly number[]
}

/** The hosts of the mesh by `scope/name`, the scope being `*` or the namespace that may see them. */
export type HostMap = ReadonlyMap<string, KnownHost>

const ALL = '*'
const LOCAL = '.'
const CLUSTER_DOMAIN = 'svc.cluster.local'

/** A name without a dot is a Service of the object's own namespace; all others stand for themselves. */
export function toFqdn(namespace: string, host: string): string {
  return host.startsWith('*') || host.includes('.') ? host : `${host}.${namespace}.${CLUSTER_DOMAIN}`
}

/** The namespaces that an `exportTo` opens an object to; none given: all. */
export function exportScopes(exportTo: readonly string[], namespace: string): readonly string[] {
  if (exportTo.length === 0 || exportTo.includes(ALL)) return [ALL]
  return [...new Set(exportTo.map((scope) => (scope === LOCAL ? namespace : scope)))]
}

export function collectHosts(context: AnalysisContext): HostMap {
  const hosts = new Map<string, KnownHost>()
  for (const object of context.of('serviceEntry')) {
    const namespace = namespaceOf(object)
    const known = {
      object,
      ports: listAt(object, 'spec', 'ports').map((port) => numberAt(port, 'number') ?? 0),
    }
    for (const scope of exportScopes(textsAt(object, 'spec', 'exportTo'), namespace)) {
      for (const host of textsAt(object, 'spec', 'hosts'))
        hosts.set(`${scope}/${toFqdn(namespace, host)}`, known)
    }
  }
  for (const object of context.of('service')) {
    const namespace = namespaceOf(object)
    const known = {
      object,
      ports: listAt(object, 'spec', 'ports').map((port) => numberAt(port, 'port') ?? 0),
    }
    const annotation = labelsAt(object, 'metadata', 'annotations')['networking.istio.io/exportTo']
    const exportTo = annotation === undefined ? [] : annotation.split(',').map((scope) => scope.trim())
    for (const scope of exportScopes(exportTo, namespace)) {
      hosts.set(`${scope}/${object.metadata.name}.${namespace}.${CLUSTER_DOMAIN}`, known)
    }
  }
  return hosts
}

/** What a host in an object of a namespace means; wildcard hosts of ServiceEntries count last. */
export function findHost(
  hosts: HostMap,
  host: string,
  from: { readonly namespace: string; readonly exportTo: readonly string[] },
): KnownHost | undefined {
  const fqdn = toFqdn(from.namespace, host)
  const scopes = from.exportTo.length === 0 ? [from.namespace] : exportScopes(from.exportTo, from.namespace)
  for (const scope of [ALL, ...scopes]) {
    const known = hosts.get(`${scope}/${fqdn}`)
    if (known !== undefined) return known
  }
  for (const [key, known] of hosts) {
    const slash = key.indexOf('/')
    const scope = key.slice(0, slash)
    const name = key.slice(slash + 1)
    if (!name.startsWith('*') || (scope !== ALL && scope !== from.namespace)) continue
    if (host.replace(/^\*/, '').endsWith(name.slice(1))) return known
  }
  return undefined
}

/** The same name for a host however it is written, for comparing references: `namespace/name` of a Service. */
export function hostIdentity(namespace: string, host: string): string {
  const parts = /^(.+)\.([^.]+)\.svc\.cluster\.local$/.exec(host)
  return parts === null ? `${namespace}/${host}` : `${parts[2]}/${parts[1]}`
}

/** Whether two host names, each of which may be a wildcard, have a name in common (Istio, host.Name.Matches). */
export function hostsOverlap(a: string, b: string): boolean {
  const aWild = a.startsWith('*')
  const bWild = b.startsWith('*')
  if (aWild && bWild) return a.length < b.length ? b.endsWith(a.slice(1)) : a.endsWith(b.slice(1))
  if (aWild) return b.endsWith(a.slice(1))
  return bWild ? a.endsWith(b.slice(1)) : a === b
}

/** A destination of a VirtualService with the part of it that it is in. */
export interface VirtualServiceDestination {
  readonly host: string
  readonly subset: string | undefined
  readonly port: number | undefined
  readonly mirror: boolean
}

export function destinationsOf(virtualService: KubeObject): readonly VirtualServiceDestination[] {
  const routes = ['tcp', 'tls', 'http'].flatMap((protocol) =>
    listAt(virtualService, 'spec', protocol).flatMap((rule) => listAt(rule, 'route')),
  )
  const http = listAt(virtualService, 'spec', 'http')
  const mirrors = http.flatMap((rule) => [{ destination: field(rule, 'mirror') }, ...listAt(rule, 'mirrors')])
  return [
    ...routes.map((route) => readDestination(field(route, 'destination'), false)),
    ...mirrors.map((mirror) => readDestination(field(mirror, 'destination'), true)),
  ].filter((destination) => destination !== undefined)
}

function readDestination(value: unknown, mirror: boolean): VirtualServiceDestination | undefined {
  const host = textAt(value, 'host')
  if (host === undefined) return undefined
  return { host, subset: textAt(value, 'subset'), port: numberAt(value, 'port', 'number'), mirror }
}
