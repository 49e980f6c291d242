/** YAML of an HTTPRoute; rules, parents and backends are given as YAML in flow style. */
export function httpRoute(options: {
  readonly name: string
  readonly rules: readonly string[]
  readonly host?: string
  readonly namespace?: string
  readonly parents?: string
}): string {
  const { name, rules, host, namespace = 'shop', parents = OPEN } = options
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  parentRefs: [${parents}]
${host === undefined ? '' : `  hostnames: [${host}]\n`}  rules:
${rules.map((rule) => `    - ${rule}`).join('\n')}
`
}

const OPEN = '{ name: edge, sectionName: open }'

/** A rule that says in `x-rule` of its answers that it was the one. */
export function markedRule(matches: string, mark: string): string {
  return `{ matches: ${matches}, filters: [${markFilter(mark)}], backendRefs: [{ name: echo-v1, port: 80 }] }`
}

function markFilter(mark: string): string {
  return `{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: x-rule, value: '${mark}' }] } }`
}
