import { createWorkQueue, deepEqual } from '../../base/index.ts'
import type { ConfigMap, Namespace, ServiceAccount } from '../../kube/index.ts'
import { isAlreadyExists, isConflict, KINDS, pathOf } from '../../kube/client/index.ts'
import { type ApiResources, deleteAllIn, type Remaining } from './api-resources.ts'
import { ignoreOvertaken } from './claim.ts'
import { remainingConditions } from './namespace-status.ts'
import { type Controller, type ControllerContext, splitKey } from './shared-informers.ts'

const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt'
/** How soon a namespace that still has content (finalizers, pods that end) is looked at again. */
const CONTENT_CHECK_MS = 200

/** Furnishes a namespace with its ServiceAccount and root certificate, and empties it before it goes. */
export function createNamespaceController(
  context: ControllerContext & { readonly resources: ApiResources; readonly rootCertificate: string },
): Controller {
  const { client, informers, logger } = context
  const namespaces = informers.of<Namespace>(KINDS.namespace)
  const accounts = informers.of<ServiceAccount>(KINDS.serviceAccount)
  const configMaps = informers.of<ConfigMap>(KINDS.configMap)

  const queue = createWorkQueue({
    ...context,
    name: 'namespace',
    concurrency: 4,
    retryBaseMs: 10,
    retryMaxMs: 5_000,
    logger: logger.scope('namespace'),
    reconcile: async (name) => {
      const namespace = namespaces.get(name)
      if (!namespace) return undefined
      if (namespace.metadata.deletionTimestamp !== undefined) return empty(namespace)
      await Promise.all([ensureAccount(name), ensureRootCertificate(name)])
      return undefined
    },
  })

  const ensureAccount = async (namespace: string) => {
    if (accounts.get('default', namespace)) return
    const account: ServiceAccount = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace },
    }
    await client.create(KINDS.serviceAccount, account).catch(ignoreExisting)
  }

  const ensureRootCertificate = async (namespace: string) => {
    const current = configMaps.get(ROOT_CA_CONFIG_MAP, namespace)
    const wanted: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: current?.metadata ?? { name: ROOT_CA_CONFIG_MAP, namespace },
      data: { 'ca.crt': context.rootCertificate },
    }
    if (!current) await client.create(KINDS.configMap, wanted).catch(ignoreExisting)
    else if (current.data?.['ca.crt'] !== context.rootCertificate)
      await client.update(KINDS.configMap, wanted)
  }

  const empty = async (namespace: Namespace): Promise<number | undefined> => {
    const remaining = await deleteAllIn(client, context.resources, namespace.metadata.name)
    if (remaining.length > 0) {
      await tellWhatRemains(namespace, remaining)
      return CONTENT_CHECK_MS
    }
    const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== 'kubernetes')
    const { status } = await client.request({
      method: 'PUT',
      path: pathOf(KINDS.namespace, { name: namespace.metadata.name, subresource: 'finalize' }),
      body: { ...namespace, spec: { ...namespace.spec, finalizers } },
    })
    if (status >= 400 && status !== 404 && status !== 409) {
      throw new Error(`finalizing namespace ${namespace.metadata.name} was answered with status ${status}`)
    }
    return status === 409 ? CONTENT_CHECK_MS : undefined
  }

  /** For whoever wonders why a namespace does not go. */
  const tellWhatRemains = async (namespace: Namespace, remaining: readonly Remaining[]) => {
    const conditions = remainingConditions(remaining, namespace.status?.conditions ?? [], context.clock.now())
    if (deepEqual(conditions, namespace.status?.conditions)) return
    const status = { ...namespace.status, conditions }
    await client
      .update(KINDS.namespace, { ...namespace, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  namespaces.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  accounts.onChange((changes) => {
    for (const { key, after } of changes) if (!after) queue.add(splitKey(key).namespace)
  })
  configMaps.onChange((changes) => {
    for (const { key } of changes) {
      const { namespace, name } = splitKey(key)
      if (name === ROOT_CA_CONFIG_MAP) queue.add(namespace)
    }
  })
  return { name: 'namespace', stop: queue.stop }
}

function ignoreExisting(error: unknown): void {
  if (!isAlreadyExists(error) && !isConflict(error)) throw error
}
