import type { Clock } from '../../../base/index.ts'
import type { KubeObject, Pod } from '../../../kube/index.ts'
import {
  addAmounts,
  type Amounts,
  changesUsage,
  exceededBy,
  isInScopes,
  maskAmounts,
  type ResourceQuota,
  showAmounts,
  subtractAmounts,
  trackedNames,
  unstatedAmounts,
  usageOf,
} from '../../quota/index.ts'
import type { Store, StoredObject } from '../../store/index.ts'
import { withAt } from '../json.ts'
import { forbidden, type StatusError, tooManyRequests } from '../status-error.ts'
import type { AdmissionRequest } from './types.ts'

const QUOTAS = 'core/resourcequotas'
/** A lost race for a quota is tried again this often. */
const ATTEMPTS_MAX = 20
const RETRY_SECONDS = 1

/**
 * Charges the quotas of the namespace with what a write will use, in the store itself, so that writes that come at the
 * same time cannot use the same rest. What becomes of the write afterwards, the quota's controller finds out.
 * @throws StatusError 403 when a quota does not allow it
 */
export async function chargeQuotas(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  request: AdmissionRequest,
): Promise<void> {
  if (store.count(QUOTAS) === 0 || !isCharged(request)) return
  const charged = new Set<string>()
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const listed = store.list({ collection: QUOTAS, namespace: request.asked.path.namespace })
    const quotas = (listed.kind === 'listed' ? listed.objects : []).filter(
      ({ object }) => !charged.has(object.metadata.name),
    )
    // All are judged before one is charged.
    const charges = quotas.flatMap((quota) => {
      const used = usedAfter(quota.object as ResourceQuota, request, clock.now())
      return used ? [{ quota, used }] : []
    })
    if (request.dryRun) return
    const written = await Promise.all(charges.map((charge) => write(store, charge)))
    for (const name of written) if (name !== undefined) charged.add(name)
    if (!written.includes(undefined)) return
  }
  throw tooManyRequests('the resource quotas are being changed too often just now', RETRY_SECONDS)
}

function isCharged({ asked, operation, object, old }: AdmissionRequest): boolean {
  const { info, collection } = asked.resource
  if (!object || !info.namespaced || asked.path.subresource !== '' || collection === 'core/events')
    return false
  return (operation === 'CREATE' || operation === 'UPDATE') && changesUsage(info, object, old)
}

/** @returns what the quota has in use with this write; undefined when the write is no concern of it */
function usedAfter(quota: ResourceQuota, request: AdmissionRequest, nowMs: number): Amounts | undefined {
  const { asked, object, old } = request
  const { info } = asked.resource
  const hard = quota.status?.hard ?? {}
  const used = quota.status?.used ?? {}
  const tracked = trackedNames(info, Object.keys(hard))
  if (!object || tracked.length === 0 || !isInScopes(quota, object)) return undefined
  const { name } = quota.metadata
  const refuse = (detail: string): StatusError => forbidden(info, object.metadata.name, detail)
  const unstated = object.kind === 'Pod' ? unstatedAmounts(object as Pod, tracked) : ''
  if (unstated !== '') throw refuse(`failed quota: ${name}: must specify ${unstated}`)
  if (tracked.some((one) => used[one] === undefined)) {
    throw refuse(`status unknown for quota: ${name}, resources: ${[...tracked].sort().join(',')}`)
  }
  const usage = usageOf(info, object, nowMs)
  const before: Amounts = old && isInScopes(quota, old) ? usageOf(info, old, nowMs) : {}
  const requested = maskAmounts(subtractAmounts(usage, before), Object.keys(hard))
  const after = addAmounts(used, requested)
  const exceeded = exceededBy(maskAmounts(after, Object.keys(requested)), hard)
  if (exceeded.length === 0) return Object.keys(requested).length === 0 ? undefined : after
  const show = (amounts: Amounts) => showAmounts(maskAmounts(amounts, exceeded))
  throw refuse(
    `exceeded quota: ${name}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(hard)}`,
  )
}

/** @returns the name of the quota, undefined when somebody else was faster */
async function write(
  store: Store,
  { quota, used }: { readonly quota: StoredObject; readonly used: Amounts },
): Promise<string | undefined> {
  const { namespace = '', name } = quota.object.metadata
  const key = { collection: QUOTAS, namespace, name }
  const object: KubeObject = withAt(quota.object, ['status', 'used'], used)
  const result = await store.write({ kind: 'put', key, object, expect: quota.revision })
  return result.kind === 'written' ? name : undefined
}
