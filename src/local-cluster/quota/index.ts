/**
 * local-cluster/quota: what objects use of a ResourceQuota, as arithmetic. Admission charges a quota by it before a
 * write, the controller recounts by it. Pure: objects in, amounts out.
 */
export { type Amounts, addAmounts, exceededBy, maskAmounts, showAmounts, subtractAmounts } from './amounts.ts'
export { isInScopes, type ResourceQuota, type ResourceQuotaSpec } from './scopes.ts'
export {
  changesUsage,
  type CountedResource,
  podAmounts,
  trackedNames,
  unstatedAmounts,
  usageOf,
} from './usage.ts'
