import { matchesLabels, type KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { readObject } from '../decode.ts'
import { at, isObject, stringAt } from '../json.ts'
import { isDryRun } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { failure, methodNotAllowed, notFound } from '../status-error.ts'
import { deleteObject, readDeleteOptions } from '../write/delete.ts'
import type { Warn } from '../write/incoming.ts'

/** `POST pods/x/eviction`: a deletion that respects PodDisruptionBudgets. */
export async function handleEviction(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { path, resource, request, verb } = asked
  if (verb !== 'create') throw methodNotAllowed(resource.info)
  const pod = context.store.get(keyOf(resource, path.namespace, path.name))?.object
  if (!pod) throw notFound(resource.info, path.name)
  const body = await readObject(request)
  const deleteOptions = at(body, 'deleteOptions')
  const dryRun = isDryRun(request.query)
  checkBudgets(context, pod)
  await deleteObject(
    context,
    asked,
    path.name,
    readDeleteOptions(isObject(deleteOptions) ? deleteOptions : undefined, request.query, { dryRun, warn }),
  )
  return {
    kind: 'object',
    status: 201,
    object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  }
}

function checkBudgets(context: ServerContext, pod: KubeObject): void {
  const phase = stringAt(pod.status, 'phase')
  if (phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending') return
  if (pod.metadata.deletionTimestamp !== undefined) return
  const listed = context.store.list({
    collection: 'policy/poddisruptionbudgets',
    namespace: pod.metadata.namespace ?? '',
  })
  const budgets = listed.kind === 'listed' ? listed.objects.map(({ object }) => object) : []
  for (const budget of budgets) {
    const selector = at(budget.spec, 'selector')
    if (!isObject(selector) || !matchesLabels(selector, pod.metadata.labels)) continue
    const allowed = at(budget.status, 'disruptionsAllowed')
    if (typeof allowed === 'number' && allowed > 0) continue
    const message = `The disruption budget ${budget.metadata.name} needs ${countAt(budget, 'desiredHealthy')} healthy pods and has ${countAt(budget, 'currentHealthy')} currently`
    throw failure(
      429,
      'TooManyRequests',
      "Cannot evict pod as it would violate the pod's disruption budget.",
      {
        causes: [{ reason: 'DisruptionBudget', message }],
      },
    )
  }
}

function countAt(budget: KubeObject, member: string): number {
  return Number(at(budget.status, member) ?? 0)
}
