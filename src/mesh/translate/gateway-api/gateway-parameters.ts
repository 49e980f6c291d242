import { parse } from 'yaml'
import { messageOf } from '../../../base/index.ts'
import { applyStrategicMergePatch, type ConfigMap, type GroupVersionKind } from '../../../kube/index.ts'
import type { Gateway } from '../../resources/index.ts'
import { namespaceOf } from '../names.ts'

/** What a Gateway's owner lays over what is deployed for it: strategic merge patches, by kind. */
export type DeploymentOverlays = Readonly<Partial<Record<OverlaidKind, Readonly<Record<string, unknown>>>>>

export const OVERLAID_KINDS = {
  deployment: { group: 'apps', version: 'v1', kind: 'Deployment' },
  service: { group: '', version: 'v1', kind: 'Service' },
  serviceAccount: { group: '', version: 'v1', kind: 'ServiceAccount' },
} as const satisfies Readonly<Record<string, GroupVersionKind>>
export type OverlaidKind = keyof typeof OVERLAID_KINDS

/** Members that Istio knows beside those; they would make objects of their own. */
const NOT_SERVED = ['horizontalPodAutoscaler', 'podDisruptionBudget'] as const

/** What of a ConfigMap may be a Gateway's parameters. */
export const PARAMETER_MEMBERS: readonly string[] = [...Object.keys(OVERLAID_KINDS), ...NOT_SERVED]

/**
 * `spec.infrastructure.parametersRef`: Istio's ConfigMap beside the Gateway, each of whose members is laid over the
 * object of its kind.
 * @param configMap by `<namespace>/<name>`
 * @returns a text where the parameters cannot be used: what is wrong, and where
 */
export function gatewayParameters(
  object: Gateway,
  configMap: (key: string) => ConfigMap | undefined,
): DeploymentOverlays | string {
  const ref = object.spec.infrastructure?.parametersRef
  if (ref === undefined) return {}
  const { group, kind, name } = ref
  const path = 'infrastructure.parametersRef'
  if (group !== '' || kind !== 'ConfigMap') {
    const full = group === '' ? kind : `${kind}.${group}`
    return `${path}: ${name} is a ${full}; only ConfigMaps are read`
  }
  const title = `ConfigMap ${namespaceOf(object)}/${name}`
  const data = configMap(`${namespaceOf(object)}/${name}`)?.data
  const members = PARAMETER_MEMBERS.filter((member) => data?.[member] !== undefined)
  if (members.length === 0) {
    return `${path}: ${title} does not exist, or has none of ${Object.keys(OVERLAID_KINDS).join(', ')}`
  }
  const overlays: Partial<Record<OverlaidKind, Readonly<Record<string, unknown>>>> = {}
  for (const member of members) {
    if (!isOverlaid(member)) return `${path}: ${member} of ${title} is not served; remove it`
    const overlay = parseOverlay(data?.[member] ?? '', member)
    if (typeof overlay === 'string') return `${path}: ${member} of ${title} ${overlay}`
    overlays[member] = overlay
  }
  return overlays
}

/** The lists of what is deployed, which a patch has to fit: its own lists need the keys by which they merge. */
const SAMPLES: Readonly<Record<OverlaidKind, unknown>> = {
  deployment: {
    spec: {
      template: {
        spec: {
          containers: [{ name: 'istio-proxy', ports: [{ containerPort: 1 }], env: [{ name: 'A' }] }],
          volumes: [{ name: 'a' }],
        },
      },
    },
  },
  service: { spec: { ports: [{ port: 1, protocol: 'TCP' }] } },
  serviceAccount: { metadata: { ownerReferences: [{ uid: 'a' }] } },
}

function isOverlaid(member: string): member is OverlaidKind {
  return Object.hasOwn(OVERLAID_KINDS, member)
}

function parseOverlay(text: string, kind: OverlaidKind): Readonly<Record<string, unknown>> | string {
  let parsed: unknown
  try {
    parsed = parse(text, { maxAliasCount: 0 })
  } catch (error) {
    return `is no YAML: ${messageOf(error)}`
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'is no YAML mapping'
  const tried = applyStrategicMergePatch(SAMPLES[kind], parsed, OVERLAID_KINDS[kind])
  return tried.ok
    ? (parsed as Readonly<Record<string, unknown>>)
    : `cannot be applied: ${tried.error.message}`
}
