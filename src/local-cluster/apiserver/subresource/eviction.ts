import { matchesLabels, type KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { readKind } from '../decode.ts'
import type { StoredObject } from '../../store/index.ts'
import { at, formatTime, isObject, listAt, stringAt, textsAt, withMembers } from '../json.ts'
import { readWriteOptions } from '../options.ts'
import type { ApiResponse } from '../request.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { badRequest, failure, methodNotAllowed, notFound } from '../status-error.ts'
import { deleteObject, readDeleteOptions } from '../write/delete.ts'
import type { Warn } from '../write/incoming.ts'

/** `POST pods/x/eviction`: a deletion that respects PodDisruptionBudgets. */
export async function handleEviction(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { path, resource, request, verb } = asked
  if (verb !== 'create') throw methodNotAllowed()
  const pod = context.store.get(keyOf(resource, path.namespace, path.name))?.object
  if (!pod) throw notFound(resource.info, path.name)
  const { dryRun: isDryRun } = readWriteOptions(request.query, 'CreateOptions')
  const { value: body } = await readKind(request, EVICTION)
  if (stringAt(body, 'metadata', 'name') !== path.name)
    throw badRequest('name in URL does not match name in Eviction object')
  const deleteOptions = at(body, 'deleteOptions')
  const dryRun = isDryRun || listAt(deleteOptions, 'dryRun').length > 0
  const sent = { kind: EVICTION, object: body }
  await context.admission.validate({ asked, operation: 'CREATE', object: undefined, sent, dryRun, warn })
  await spendBudget(context, pod, dryRun)
  await deleteObject(context, asked, path.name, {
    ...readDeleteOptions(isObject(deleteOptions) ? deleteOptions : {}, request.query, warn),
    dryRun,
  })
  return {
    kind: 'object',
    status: 201,
    object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  }
}

const EVICTION = { group: 'policy', version: 'v1', kind: 'Eviction' }

/** A lost race for a budget is tried again this often. */
const ATTEMPTS_MAX = 20

/**
 * Takes one disruption off the pod's budget, in the store itself, so that evictions that come at the same time cannot
 * spend the same one. @throws StatusError when the budget allows none
 */
async function spendBudget(context: ServerContext, pod: KubeObject, dryRun: boolean): Promise<void> {
  const phase = stringAt(pod.status, 'phase')
  if (phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending') return
  if (pod.metadata.deletionTimestamp !== undefined) return
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const stored = budgetOf(context, pod)
    if (!stored || !needsBudget(stored.object, pod)) return
    const { object, revision } = stored
    checkBudget(object)
    if (dryRun) return
    const now = formatTime(context.clock.now())
    const disruptedPods = { ...textsAt(object.status, 'disruptedPods'), [pod.metadata.name]: now }
    const disruptionsAllowed = countAt(object, 'disruptionsAllowed') - 1
    const status = withMembers(isObject(object.status) ? object.status : {}, {
      disruptedPods,
      disruptionsAllowed,
    })
    const { name, namespace = '' } = object.metadata
    const key = { collection: BUDGETS, namespace, name }
    const next = withMembers(object, { status })
    const result = await context.store.write({ kind: 'put', key, object: next, expect: revision })
    if (result.kind === 'written') return
  }
  throw refused('the budget is being changed too often just now')
}

const BUDGETS = 'policy/poddisruptionbudgets'

function budgetOf(context: ServerContext, pod: KubeObject): StoredObject | undefined {
  const listed = context.store.list({ collection: BUDGETS, namespace: pod.metadata.namespace ?? '' })
  const budgets = (listed.kind === 'listed' ? listed.objects : []).filter(({ object }) => {
    const selector = at(object.spec, 'selector')
    return isObject(selector) && matchesLabels(selector, pod.metadata.labels)
  })
  if (budgets.length > 1) {
    const message =
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'
    throw failure(500, 'InternalError', message)
  }
  return budgets[0]
}

/** A pod that serves nobody may go where the others are enough. @see PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy */
function needsBudget(budget: KubeObject, pod: KubeObject): boolean {
  const isReady = listAt(pod.status, 'conditions').some(
    (one) => stringAt(one, 'type') === 'Ready' && stringAt(one, 'status') === 'True',
  )
  if (isReady) return true
  if (stringAt(budget.spec, 'unhealthyPodEvictionPolicy') === 'AlwaysAllow') return false
  const desired = countAt(budget, 'desiredHealthy')
  return desired === 0 || countAt(budget, 'currentHealthy') < desired
}

function checkBudget(budget: KubeObject): void {
  const { name, generation = 0 } = budget.metadata
  if (countAt(budget, 'observedGeneration') < generation) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`)
  }
  if (countAt(budget, 'disruptionsAllowed') > 0) return
  const message = `The disruption budget ${name} needs ${countAt(budget, 'desiredHealthy')} healthy pods and has ${countAt(budget, 'currentHealthy')} currently`
  throw refused(message)
}

function refused(message: string): Error {
  const text = "Cannot evict pod as it would violate the pod's disruption budget."
  return failure(429, 'TooManyRequests', text, { causes: [{ reason: 'DisruptionBudget', message }] })
}

function countAt(budget: KubeObject, member: string): number {
  return Number(at(budget.status, member) ?? 0)
}
