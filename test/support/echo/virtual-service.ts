/** YAML of a VirtualService for one host, bound to the ingress gateway and the sidecars unless it says otherwise. */
export function virtualService(options: {
  readonly name: string
  /** YAML of `http`, rule by rule in flow style. */
  readonly http: readonly string[]
  readonly hosts?: string
  readonly namespace?: string
  readonly gateways?: string
  readonly exportTo?: string
}): string {
  const {
    name,
    http,
    hosts = `${name}.test`,
    namespace = 'shop',
    gateways = 'ingress, mesh',
    exportTo,
  } = options
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  hosts: [${hosts}]
  gateways: [${gateways}]
${exportTo === undefined ? '' : `  exportTo: ['${exportTo}']\n`}  http:
${http.map((rule) => `    - ${rule}`).join('\n')}
`
}

/** A destination by version: each has a Service of its own. */
export function to(version: 'v1' | 'v2', more = ''): string {
  return `{ destination: { host: echo-${version}, port: { number: 80 } }${more === '' ? '' : `, ${more}`} }`
}

/** A rule that says in `x-rule` of its answers that it was the one. */
export function markedRoute(match: string, mark: string): string {
  return `{ match: ${match}, headers: { response: { set: { x-rule: '${mark}' } } }, route: [${to('v1')}] }`
}

export function destinationRule(name: string, host: string, spec: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: ${host}, ${spec} }
`
}
