import { fail, ok, type Result } from '../../../base/index.ts'
import type {
  ConfigMap,
  Container,
  EnvFromSource,
  EnvVar,
  Pod,
  Secret,
  Service,
} from '../../../kube/index.ts'
import { containersOf } from './container-view.ts'
import { expandVariables } from './expand.ts'
import { type NodeFacts, readField, readResource } from './field-ref.ts'

/** Where a container's environment comes from. */
export interface EnvironmentSources {
  readonly pod: Pod
  readonly container: Container
  readonly facts: NodeFacts
  /** Defaults of the node and of the image, which everything else overrides. */
  readonly defaults: Readonly<Record<string, string>>
  /** The Services of the pod's namespace, and `default/kubernetes`. */
  readonly services: readonly Service[]
  readonly configMap: (name: string) => ConfigMap | undefined
  readonly secret: (name: string) => Secret | undefined
}

type Entries = Result<readonly (readonly [string, string])[], string>

/** @returns the variables, or what is missing, in the words of the kubelet's CreateContainerConfigError */
export function buildEnvironment(sources: EnvironmentSources): Result<ReadonlyMap<string, string>, string> {
  const variables = new Map(Object.entries(sources.defaults))
  const services = serviceVariables(sources)
  for (const [name, value] of services) variables.set(name, value)
  for (const source of sources.container.envFrom ?? []) {
    const entries = fromSource(sources, source)
    if (!entries.ok) return entries
    for (const [name, value] of entries.value) variables.set(name, value)
  }
  // A later variable may refer to an earlier one, and to those of Services.
  for (const variable of sources.container.env ?? []) {
    const value = valueOf(sources, variable, variables)
    if (!value.ok) return value
    if (value.value !== undefined) variables.set(variable.name, value.value)
  }
  return ok(variables)
}

function fromSource(sources: EnvironmentSources, source: EnvFromSource): Entries {
  const prefix = source.prefix ?? ''
  const prefixed = (data: Readonly<Record<string, string>>) =>
    ok(Object.entries(data).map(([key, value]) => [prefix + key, value] as const))
  if (source.configMapRef) {
    const name = source.configMapRef.name ?? ''
    const data = sources.configMap(name)?.data
    if (sources.configMap(name) !== undefined) return prefixed(data ?? {})
    return source.configMapRef.optional ? ok([]) : fail(`configmap "${name}" not found`)
  }
  const name = source.secretRef?.name ?? ''
  const secret = sources.secret(name)
  if (secret !== undefined) return prefixed(decodeSecret(secret))
  return source.secretRef?.optional ? ok([]) : fail(`secret "${name}" not found`)
}

function valueOf(
  sources: EnvironmentSources,
  variable: EnvVar,
  variables: ReadonlyMap<string, string>,
): Result<string | undefined, string> {
  const { valueFrom } = variable
  if (valueFrom === undefined) return ok(expandVariables(variable.value ?? '', variables))
  if (valueFrom.fieldRef) {
    const { fieldPath } = valueFrom.fieldRef
    const value = readField(sources.pod, sources.facts, fieldPath)
    return value === undefined
      ? fail(`field path "${fieldPath}" of variable ${variable.name} is not supported`)
      : ok(value)
  }
  if (valueFrom.resourceFieldRef) {
    const { containerName, resource } = valueFrom.resourceFieldRef
    const container =
      containerName === undefined ? sources.container : findContainer(sources.pod, containerName)
    const value = readResource(container, sources.facts, valueFrom.resourceFieldRef)
    return value === undefined
      ? fail(`resource "${resource}" of variable ${variable.name} is not supported`)
      : ok(value)
  }
  if (valueFrom.configMapKeyRef) {
    const { name = '', key, optional } = valueFrom.configMapKeyRef
    return keyOf('configmap', sources.configMap(name)?.data, { name, key, optional, pod: sources.pod })
  }
  if (valueFrom.secretKeyRef) {
    const { name = '', key, optional } = valueFrom.secretKeyRef
    const secret = sources.secret(name)
    return keyOf('secret', secret && decodeSecret(secret), { name, key, optional, pod: sources.pod })
  }
  return fail(`variable ${variable.name} has a source that this node does not know`)
}

function keyOf(
  kind: 'configmap' | 'secret',
  data: Readonly<Record<string, string>> | undefined,
  reference: {
    readonly name: string
    readonly key: string
    readonly optional: boolean | undefined
    readonly pod: Pod
  },
): Result<string | undefined, string> {
  const value = data?.[reference.key]
  if (value !== undefined) return ok(value)
  if (reference.optional) return ok(undefined)
  if (data === undefined) return fail(`${kind} "${reference.name}" not found`)
  const where = `${reference.pod.metadata.namespace ?? ''}/${reference.name}`
  return fail(`couldn't find key ${reference.key} in ${kind === 'secret' ? 'Secret' : 'ConfigMap'} ${where}`)
}

function decodeSecret(secret: Secret): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(secret.data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString('utf8'),
    ]),
  )
}

export function findContainer(pod: Pod, name: string): Container | undefined {
  return containersOf(pod).find(({ container }) => container.name === name)?.container
}

/** `REDIS_SERVICE_HOST` and Docker's old link variables, as the kubelet gives them. */
function serviceVariables(sources: EnvironmentSources): readonly (readonly [string, string])[] {
  const links = sources.pod.spec.enableServiceLinks !== false
  const visible = sources.services.filter(({ metadata }) => {
    const isKubernetes = metadata.namespace === 'default' && metadata.name === 'kubernetes'
    return isKubernetes || (links && metadata.namespace === sources.pod.metadata.namespace)
  })
  return visible.flatMap((service) => variablesOf(service))
}

function variablesOf(service: Service): readonly (readonly [string, string])[] {
  const ip = service.spec.clusterIP
  const [first] = service.spec.ports ?? []
  if (ip === undefined || ip === '' || ip === 'None' || first === undefined) return []
  const name = variableName(service.metadata.name)
  const url = (port: { readonly protocol?: string; readonly port: number }) =>
    `${(port.protocol ?? 'TCP').toLowerCase()}://${ip}:${port.port}`
  return [
    [`${name}_SERVICE_HOST`, ip],
    [`${name}_SERVICE_PORT`, String(first.port)],
    ...(service.spec.ports ?? [])
      .filter((port) => port.name !== undefined && port.name !== '')
      .map((port) => [`${name}_SERVICE_PORT_${variableName(port.name ?? '')}`, String(port.port)] as const),
    [`${name}_PORT`, url(first)],
    ...(service.spec.ports ?? []).flatMap((port) => {
      const prefix = `${name}_PORT_${port.port}_${port.protocol ?? 'TCP'}`
      return [
        [prefix, url(port)],
        [`${prefix}_PROTO`, (port.protocol ?? 'TCP').toLowerCase()],
        [`${prefix}_PORT`, String(port.port)],
        [`${prefix}_ADDR`, ip],
      ] as const
    }),
  ]
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}
