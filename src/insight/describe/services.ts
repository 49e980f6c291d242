import type { KubeObject } from '../../kube/index.ts'
import { isInScope, type Origin, type Service, type ServicePolicy } from '../../model/index.ts'
import { compileRoute, createMeshTable, type MeshTable, resolvePolicy } from '../../routing/index.ts'
import { namespaceOf } from '../analyze/context.ts'
import { labelsAt, listAt, numberAt, textAt } from '../analyze/read.ts'
import { destinationRuleLines, splitSubsets, type SubsetSplit } from './destination-rule.ts'
import { routeLines } from './route.ts'
import { indented, type Labels, type World } from './world.ts'

/** Who is described: pods of one namespace that a service leads to. */
export interface DescribedPods {
  readonly namespace: string
  /** Of each pod, never empty. */
  readonly labels: readonly Labels[]
  /** One of them, for the ports that names stand for. */
  readonly pod: KubeObject
}

/** What holds for requests to a service of these pods, from clients of their own namespace. */
export function serviceLines(service: KubeObject, pods: DescribedPods, world: World): readonly string[] {
  const ports = listAt(service, 'spec', 'ports').filter(isTcp)
  const lines = [
    `Service: ${world.nameOf(service.metadata)}`,
    ...ports.map((port) => `   ${portLine(port, pods.pod)}`),
  ]
  const translated = world.serviceOf(service)
  if (translated === undefined) return lines
  const table = meshTableOf(pods.namespace, world)
  for (const port of ports) {
    const number = numberAt(port, 'port') ?? 0
    const ofPort = policyLines(translated, number, pods, table, world)
    if (ofPort.length === 0) continue
    lines.push(...(ports.length === 1 ? ofPort : [`${number}:`, ...indented(ofPort)]))
  }
  return lines
}

/** The subsets of a service, by whether the pods belong to them. */
export function subsetsOf(service: Service, port: number, pods: DescribedPods, world: World): SubsetSplit {
  return splitSubsets(policyOf(service, port, pods), pods.labels, world)
}

function policyLines(
  service: Service,
  port: number,
  pods: DescribedPods,
  table: MeshTable,
  world: World,
): readonly string[] {
  const lines: string[] = []
  const policy = policyOf(service, port, pods)
  const subsets = splitSubsets(policy, pods.labels, world)
  const rule = policy && world.written(policy.origin)
  if (rule !== undefined) lines.push(...destinationRuleLines(rule, subsets, world))
  for (const origin of routesOf(service, port, table, world)) {
    const route = world.written(origin)
    if (route !== undefined) lines.push(...routeLines(route, { service, subsets }, world))
  }
  const policies = authorizationNames(pods, world)
  if (policies.length > 0) lines.push(`RBAC policies: ${policies.join(', ')}`)
  return lines
}

function policyOf(service: Service, port: number, pods: DescribedPods): ServicePolicy | undefined {
  const clientLabels = pods.labels[0]
  const resolved = resolvePolicy({
    service,
    port,
    subset: undefined,
    clientNamespace: pods.namespace,
    ...(clientLabels && { clientLabels }),
  })
  if (resolved.kind !== 'resolved' || resolved.origin === undefined) return undefined
  const { name, namespace } = resolved.origin
  return service.policies.find(({ origin }) => origin.name === name && origin.namespace === namespace)
}

function meshTableOf(namespace: string, world: World): MeshTable {
  const table = createMeshTable(namespace)
  for (const route of world.model.routes.list()) {
    if (route.scope.kind !== 'mesh') continue
    const compiled = compileRoute(route)
    if (compiled.ok) table.setCompiled(compiled.value)
  }
  return table
}

/** The objects whose rules decide where requests to the service go, and then those for connections. */
function routesOf(service: Service, port: number, table: MeshTable, world: World): readonly Origin[] {
  const request = {
    method: 'GET',
    scheme: 'http',
    authority: service.hostname,
    path: '/',
    port,
    header: () => undefined,
  }
  const explanation = table.explain(request, { dialled: service, named: service })
  const tried = explanation === undefined ? [] : [explanation.winner, ...explanation.passedOver]
  const bytes = world.model.connectionRoutes
    .list()
    .filter(
      ({ scope, matches }) =>
        scope.kind === 'mesh' && matches.some((match) => match.hosts?.includes(service.hostname) === true),
    )
  return distinct([...tried.flatMap((match) => match?.origin ?? []), ...bytes.map(({ origin }) => origin)])
}

export function distinct(origins: readonly Origin[]): readonly Origin[] {
  const byName = new Map<string, Origin>()
  for (const origin of origins) {
    const key = `${origin.kind}/${origin.namespace}/${origin.name}`
    if (!byName.has(key)) byName.set(key, origin)
  }
  return [...byName.values()]
}

/** In the form that Envoy's configuration gives them: `ns[demo]-policy[deny]-rule[0]`. */
function authorizationNames({ namespace, labels }: DescribedPods, world: World): readonly string[] {
  return world.model.authorizationPolicies
    .list()
    .filter(
      ({ scope, isDryRun }) =>
        !isDryRun && labels.some((one) => isInScope(scope, { namespace, labels: one })),
    )
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .flatMap(({ origin, rules }) => {
      const name = `ns[${origin.namespace}]-policy[${origin.name}]`
      return rules.length === 0 ? [name] : rules.map((_, index) => `${name}-rule[${index}]`)
    })
}

function isTcp(port: unknown): boolean {
  return (textAt(port, 'protocol') ?? 'TCP') === 'TCP'
}

function portLine(port: unknown, pod: KubeObject): string {
  const name = textAt(port, 'name')
  const number = numberAt(port, 'port') ?? 0
  const target = targetPort(port, pod)
  if (target === undefined) {
    return `WARNING: port ${number} targets ${textAt(port, 'targetPort') ?? ''}, which is no port of pod ${pod.metadata.name}`
  }
  const said = textAt(port, 'appProtocol') ?? name
  const protocol = said === undefined ? 'auto-detect' : protocolText(said)
  return `Port: ${name === undefined ? '' : `${name} `}${number}/${protocol} targets pod port ${target}`
}

/** The part of a name before its first dash, where it is a protocol's. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  http: 'HTTP',
  http2: 'HTTP2',
  grpc: 'GRPC',
  'grpc-web': 'GRPC-Web',
  https: 'HTTPS',
  tls: 'TLS',
  tcp: 'TCP',
  mongo: 'Mongo',
  mysql: 'MySQL',
  redis: 'Redis',
  'kubernetes.io/h2c': 'HTTP2',
  'kubernetes.io/ws': 'HTTP',
  'kubernetes.io/wss': 'HTTPS',
}

function protocolText(said: string): string {
  const text = said.toLowerCase()
  const names = [text, text.split('-').slice(0, 2).join('-'), text.split('-', 1)[0] ?? '']
  const known = names.find((name) => Object.hasOwn(PROTOCOLS, name))
  return (known === undefined ? undefined : PROTOCOLS[known]) ?? 'auto-detect'
}

/** The pod's own port; a name stands for the container's port of that name. */
function targetPort(port: unknown, pod: KubeObject): number | undefined {
  const name = textAt(port, 'targetPort')
  if (name === undefined) return numberAt(port, 'targetPort') ?? numberAt(port, 'port')
  const containers = [...listAt(pod, 'spec', 'containers'), ...listAt(pod, 'spec', 'initContainers')]
  const found = containers
    .flatMap((container) => listAt(container, 'ports'))
    .find((one) => textAt(one, 'name') === name)
  return found === undefined ? undefined : numberAt(found, 'containerPort')
}

export function describedPods(pods: readonly KubeObject[]): DescribedPods | undefined {
  const [pod] = pods
  if (pod === undefined) return undefined
  return {
    namespace: namespaceOf(pod),
    labels: pods.map((one) => labelsAt(one, 'metadata', 'labels')),
    pod,
  }
}
