import type { PolicyScope } from '../../../model/index.ts'
import type { PolicyAttachment } from '../../resources/index.ts'
import { GATEWAY_NAME_LABEL } from '../gateway-api/gateway.ts'
import { isRecord, listOf } from '../members.ts'
import type { MeshSettings } from '../settings.ts'

/** The proxies that a policy is for: a scope for each of its targets. */
export interface Attachment {
  readonly scopes: readonly { readonly scope: PolicyScope; readonly part: string | undefined }[]
  /** Gateways that it names. */
  readonly gateways: readonly string[]
  readonly problems: readonly string[]
}

/** Istio's label of the proxies of a gateway's class. */
const CLASS_LABEL = 'gateway.networking.k8s.io/gateway-class-name'

/**
 * Without a target, a policy of the root namespace is for the whole mesh, any other for its own namespace.
 * @see Istio, pilot/pkg/model/policyattachment.go: policies with targets are for gateways and waypoints alone
 */
export function attachmentOf(spec: PolicyAttachment, namespace: string, settings: MeshSettings): Attachment {
  const targets = [...(spec.targetRef === undefined ? [] : [spec.targetRef]), ...listOf(spec.targetRefs)]
  if (targets.length === 0) {
    const isOfMesh = namespace === settings.rootNamespace
    const labels = textLabels(spec.selector?.matchLabels)
    return {
      scopes: [{ scope: { ...(!isOfMesh && { namespace }), labels }, part: undefined }],
      gateways: [],
      problems: [],
    }
  }
  const scopes: { scope: PolicyScope; part: string | undefined }[] = []
  const gateways: string[] = []
  const problems: string[] = []
  for (const { kind, name, namespace: ofTarget } of targets) {
    if (ofTarget !== undefined && ofTarget !== '' && ofTarget !== namespace) {
      problems.push(`targetRefs: ${kind} ${ofTarget}/${name} is in another namespace, which no target may be`)
    } else if (kind === 'Gateway') {
      gateways.push(name)
      scopes.push({ scope: { namespace, labels: { [GATEWAY_NAME_LABEL]: name } }, part: name })
    } else if (kind === 'GatewayClass' && namespace === settings.rootNamespace) {
      scopes.push({ scope: { labels: { [CLASS_LABEL]: name } }, part: `class ${name}` })
    } else if (kind === 'GatewayClass') {
      problems.push(
        `targetRefs: a GatewayClass can only be the target of policies in ${settings.rootNamespace}`,
      )
    } else {
      problems.push(
        `targetRefs: ${kind} ${name} is served by a waypoint, as in Istio, and this mesh has none; select the workload with selector.matchLabels`,
      )
    }
  }
  return { scopes, gateways, problems }
}

function textLabels(labels: unknown): Readonly<Record<string, string>> {
  return isRecord(labels)
    ? Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]))
    : {}
}
