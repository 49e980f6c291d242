import { type Clock, systemClock } from '../../base/index.ts'
import type { CustomResourceDefinition } from '../../kube/index.ts'
import { type KindRef, KINDS, isNotFound, type KubeClient } from '../../kube/client/index.ts'
import { ROOT_CERTIFICATE_CONFIG_MAP, SELF_SIGNED_SECRET, TRUST_RECORD_SECRET } from '../identity/index.ts'
import { GATEWAY_GROUP, ISTIO_NETWORKING_GROUP } from '../resources/index.ts'
import { COMPONENT_LABEL, REVISION_LABEL } from './labels.ts'

export interface UninstallOptions {
  readonly client: KubeClient
  readonly namespace: string
  /** All revisions, and what belongs to the cluster as a whole: the definitions of Istio's kinds, roles, the CA. */
  readonly purge: boolean
  /** Which revision, unless all are purged. */
  readonly revision?: string
  readonly progress: (line: string) => void
  readonly clock?: Clock
}

/** First what would call a control plane that is going, then what runs, then what it ran with. */
const NAMESPACED: readonly KindRef[] = [
  KINDS.horizontalPodAutoscaler,
  KINDS.deployment,
  KINDS.service,
  KINDS.configMap,
  KINDS.roleBinding,
  KINDS.role,
  KINDS.serviceAccount,
]
/** Its grace period, and a little more. */
const ISTIOD_GONE_MS = 35_000

const WEBHOOKS: readonly KindRef[] = [
  KINDS.mutatingWebhookConfiguration,
  KINDS.validatingWebhookConfiguration,
]
const CLUSTER_WIDE: readonly KindRef[] = [KINDS.clusterRoleBinding, KINDS.clusterRole]

/**
 * Removes what an installation made, by its labels. The namespace stays, as with istioctl; the definitions of the
 * Gateway API, which are not the mesh's own, go only when nothing is left that they define.
 * @returns how many objects were deleted
 */
export async function uninstallMesh(options: UninstallOptions): Promise<number> {
  const { client, namespace, purge, progress } = options
  const labelSelector = purge
    ? COMPONENT_LABEL
    : `${COMPONENT_LABEL},${REVISION_LABEL}=${options.revision ?? 'default'}`
  let deleted = 0
  const remove = async (kind: KindRef, selector: string, inNamespace?: string): Promise<void> => {
    const scope = inNamespace === undefined ? {} : { namespace: inNamespace }
    const { items } = await client.list(kind, { labelSelector: selector, ...scope })
    for (const { metadata } of items) {
      if (!isRemovable(kind, metadata.name)) continue
      const gone = await client.delete(kind, metadata.name, metadata.namespace, {
        propagationPolicy: 'Background',
      })
      if (!gone) continue
      deleted += 1
      const where =
        metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`
      progress(`  Removed ${kind.kind}/${where}.`)
    }
  }
  for (const kind of WEBHOOKS) await remove(kind, labelSelector)
  for (const kind of NAMESPACED) await remove(kind, labelSelector, namespace)
  for (const kind of CLUSTER_WIDE) await remove(kind, labelSelector)
  if (purge) {
    await remove(KINDS.customResourceDefinition, COMPONENT_LABEL)
    await istiodGone(options)
    deleted += await removeUnlabelled(options)
    deleted += await removeGatewayApi(options)
  }
  progress('✔ Uninstall complete')
  return deleted
}

/** Users' Gateways and routes would go with their definitions. */
function isRemovable(kind: KindRef, name: string): boolean {
  return (
    kind !== KINDS.customResourceDefinition ||
    name.endsWith(`.${ISTIO_NETWORKING_GROUP}`) ||
    name.endsWith('.istio.io')
  )
}

/** A control plane that still runs would make again what is removed next. After a while it is left to itself. */
async function istiodGone({ client, namespace, clock = systemClock }: UninstallOptions): Promise<void> {
  const deadline = clock.monotonic() + ISTIOD_GONE_MS
  while (clock.monotonic() < deadline) {
    const { items } = await client.list(KINDS.pod, { namespace, labelSelector: 'app=istiod' })
    if (items.length === 0) return
    await clock.sleep(100)
  }
}

/** What the control plane itself has made: its CA, the root certificate in each namespace, the class, the lease. */
async function removeUnlabelled({ client, namespace, progress }: UninstallOptions): Promise<number> {
  let deleted = 0
  const remove = async (kind: KindRef, name: string, inNamespace?: string): Promise<void> => {
    if (!(await client.delete(kind, name, inNamespace))) return
    deleted += 1
    progress(`  Removed ${kind.kind}/${inNamespace === undefined ? name : `${inNamespace}/${name}`}.`)
  }
  for (const name of [SELF_SIGNED_SECRET, TRUST_RECORD_SECRET]) await remove(KINDS.secret, name, namespace)
  const roots = await client.list(KINDS.configMap, { labelSelector: 'istio.io/config=true' })
  for (const { metadata } of roots.items) {
    if (metadata.name === ROOT_CERTIFICATE_CONFIG_MAP)
      await remove(KINDS.configMap, metadata.name, metadata.namespace)
  }
  const leases = await client.list(KINDS.lease, { namespace })
  for (const { metadata } of leases.items) {
    if (metadata.name.startsWith('istio-leader')) await remove(KINDS.lease, metadata.name, namespace)
  }
  try {
    await remove(KINDS.gatewayClass, 'istio')
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  return deleted
}

/** The definitions that an installation brought along, all or none: they refer to each other. */
async function removeGatewayApi({ client, progress }: UninstallOptions): Promise<number> {
  const { items } = await client.list<CustomResourceDefinition>(KINDS.customResourceDefinition, {
    labelSelector: COMPONENT_LABEL,
  })
  const own = items.filter(({ metadata }) => !isRemovable(KINDS.customResourceDefinition, metadata.name))
  for (const { spec } of own) {
    const version = spec.versions.find(({ storage }) => storage)?.name ?? 'v1'
    const { names, group } = spec
    const kind: KindRef = {
      group,
      version,
      plural: names.plural,
      kind: names.kind,
      namespaced: spec.scope === 'Namespaced',
    }
    const [user] = (await client.list(kind, { limit: 1 })).items
    if (!user) continue
    const { namespace, name } = user.metadata
    const where = namespace === undefined ? name : `${namespace}/${name}`
    progress(
      `  Kept the definitions of ${GATEWAY_GROUP}: ${names.kind}/${where} and others would go with them.`,
    )
    return 0
  }
  for (const { metadata } of own) {
    if (await client.delete(KINDS.customResourceDefinition, metadata.name))
      progress(`  Removed CustomResourceDefinition/${metadata.name}.`)
  }
  return own.length
}
