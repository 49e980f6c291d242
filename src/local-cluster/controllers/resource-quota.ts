import { deepEqual } from '../../base/index.ts'
import type { KubeObject, Pod } from '../../kube/index.ts'
import type { KindRef } from '../../kube/client/index.ts'
import {
  addAmounts,
  type Amounts,
  isInScopes,
  maskAmounts,
  type ResourceQuota,
  trackedNames,
  usageOf,
} from '../quota/index.ts'
import type { ApiResources } from './api-resources.ts'
import { ignoreOvertaken } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import { type Controller, type ControllerContext, keyOf, type ObjectChange } from './shared-informers.ts'

const QUOTA: KindRef = {
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
}
/** What admission charged is an object by then, or never will be. */
const SETTLED_MS = 5_000

/**
 * Keeps what ResourceQuotas say is in use. Admission charges them before each write; this counts again what is there
 * when something has gone, and some time after a charge, since not every write that was charged came about.
 */
export function createResourceQuotaController(
  context: ControllerContext & { readonly resources: ApiResources },
): Controller {
  const { client, informers, clock, resources } = context
  const quotas = informers.of<ResourceQuota>(QUOTA)
  const quotasByNamespace = quotas.indexBy(({ metadata }) => [metadata.namespace ?? ''])
  /** Quotas whose usage may be settling, by key: when to count. */
  const due = new Map<string, number>()
  const followed = new Set<string>()

  const queue = createObjectQueue(context, {
    name: 'resource-quota',
    concurrency: 2,
    reads: [quotas],
    reconcile: async ({ key, namespace, name }) => {
      const quota = quotas.get(name, namespace)
      const leftMs = (due.get(key) ?? 0) - clock.now()
      if (quota && leftMs > 0) return leftMs
      due.delete(key)
      if (quota && quota.metadata.deletionTimestamp === undefined) await recount(namespace, name)
      return undefined
    },
  })

  const recount = async (namespace: string, name: string): Promise<void> => {
    // The version before what is counted: a charge that comes meanwhile must not be overwritten.
    const quota = await client.get<ResourceQuota>(QUOTA, name, namespace)
    if (!quota) return
    const hard = quota.spec?.hard ?? {}
    const used = await usedIn(quota, Object.keys(hard))
    if (deepEqual(quota.status?.hard, hard) && deepEqual(quota.status?.used, used)) return
    const next = { ...quota, status: { hard, used } }
    await client.update(QUOTA, next, { subresource: 'status' }).catch(ignoreOvertaken)
  }

  const usedIn = async (quota: ResourceQuota, names: readonly string[]): Promise<Amounts> => {
    const { namespace = '' } = quota.metadata
    const kinds = (await resources.list()).filter((kind) => kind.namespaced)
    let used: Amounts = {}
    for (const kind of kinds) {
      const tracked = trackedNames(kind, names)
      if (tracked.length === 0) continue
      follow(kind)
      const { items } = await client.list<KubeObject>(kind, { namespace })
      const usages = items.flatMap((object) =>
        isInScopes(quota, { ...object, kind: kind.kind }) ? [usageOf(kind, object, clock.now())] : [],
      )
      const zero = Object.fromEntries(tracked.map((one) => [one, '0']))
      used = addAmounts(used, maskAmounts(usages.reduce(addAmounts, zero), tracked))
    }
    return used
  }

  /** Counts again when something of the kind frees what it used. */
  const follow = (kind: KindRef) => {
    const id = `${kind.group}/${kind.plural}`
    if (followed.has(id)) return
    followed.add(id)
    informers.of<KubeObject>(kind).onChange((changes) => {
      for (const change of changes)
        if (isFreeing(kind, change)) countSoon(change.before?.metadata.namespace ?? '')
    })
  }

  const countSoon = (namespace: string) => {
    for (const quota of quotasByNamespace.lookup(namespace)) {
      due.delete(keyOf(quota))
      queue.add(keyOf(quota))
    }
  }

  quotas.onChange((changes) => {
    for (const { key, after } of changes) {
      const isCharge = after && deepEqual(after.spec?.hard, after.status?.hard)
      if (isCharge) due.set(key, clock.now() + SETTLED_MS)
      else due.delete(key)
      queue.add(key)
    }
  })
  return { name: 'resource-quota', stop: queue.stop }
}

function isFreeing({ group, plural }: KindRef, { before, after }: ObjectChange<KubeObject>): boolean {
  if (!before) return false
  if (!after) return true
  if (group !== '') return false
  if (plural === 'pods') return isOver(after as Pod) && !isOver(before as Pod)
  // These change what they use without going.
  const isBilledBySpec = plural === 'services' || plural === 'persistentvolumeclaims'
  return isBilledBySpec && !deepEqual(after.spec, before.spec)
}

function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}
