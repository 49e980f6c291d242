import type { KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { at, formatTime, type JsonObject, stringAt, withMeta } from '../json.ts'
import { hooksOf } from '../kinds/hooks.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest, conflict, invalid, notFound } from '../status-error.ts'
import type { Warn } from './incoming.ts'
import { isReadyToGo } from './update.ts'

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan'

export interface DeleteOptions {
  /** undefined: the kind's own default */
  readonly gracePeriodSeconds: number | undefined
  readonly propagationPolicy: PropagationPolicy | undefined
  readonly uid: string | undefined
  readonly resourceVersion: string | undefined
  readonly dryRun: boolean
  readonly warn: Warn
}

export type DeleteResult =
  | { readonly kind: 'gone'; readonly object: KubeObject }
  /** marked as deleted; goes when its finalizers or its grace period are over */
  | { readonly kind: 'marked'; readonly object: KubeObject }

const ATTEMPTS_MAX = 20

/** Deletes or, where something must happen before, marks as deleted. @throws StatusError */
export async function deleteObject(
  context: ServerContext,
  asked: ResourceRequest,
  name: string,
  options: DeleteOptions,
): Promise<DeleteResult> {
  const { resource, path } = asked
  const key = keyOf(resource, path.namespace, name)
  for (let attempt = 1; ; attempt += 1) {
    const current = context.store.get(key)?.object
    if (!current) throw notFound(resource.info, name)
    checkPreconditions(resource, current, options)
    hooksOf(resource).checkDelete(current, context)
    await context.admission.validate({
      asked,
      operation: 'DELETE',
      object: undefined,
      old: current,
      ...options,
    })
    const marked = markDeleted(context, resource, current, options)
    const expect = Number(current.metadata.resourceVersion)
    if (isReadyToGo(marked)) {
      if (options.dryRun) return { kind: 'gone', object: marked }
      const gone = await context.store.write({ kind: 'delete', key, expect })
      if (gone.kind === 'written') return { kind: 'gone', object: gone.object }
    } else {
      if (options.dryRun || marked === current) return { kind: 'marked', object: marked }
      const result = await context.store.write({ kind: 'put', key, object: marked, expect })
      if (result.kind === 'written') return { kind: 'marked', object: result.object }
    }
    if (options.resourceVersion !== undefined || attempt === ATTEMPTS_MAX) throw conflict(resource.info, name)
  }
}

function checkPreconditions(resource: ServedResource, current: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion, name } = current.metadata
  if (options.uid !== undefined && options.uid !== uid) {
    const detail = `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid ?? ''}`
    throw conflict(resource.info, name, detail)
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    const detail = `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion ?? ''}`
    throw conflict(resource.info, name, detail)
  }
}

const FOREGROUND = 'foregroundDeletion'
const ORPHAN = 'orphan'

/** @returns the object as deleted; the same reference when it already is, with no more grace than asked for */
function markDeleted(
  context: ServerContext,
  resource: ServedResource,
  current: KubeObject,
  options: DeleteOptions,
): KubeObject {
  const grace = graceSeconds(resource, current, options)
  const finalizers = finalizersFor(current, options.propagationPolicy)
  const before = current.metadata
  const hadGrace = before.deletionGracePeriodSeconds ?? 0
  const sameFinalizers = finalizers.join() === (before.finalizers ?? []).join()
  if (before.deletionTimestamp !== undefined && sameFinalizers && grace >= hadGrace) return current
  const shortens = before.deletionTimestamp === undefined || grace < hadGrace
  const marked = withMeta(current, {
    ...(shortens
      ? {
          deletionTimestamp: formatTime(context.clock.now() + grace * 1000),
          deletionGracePeriodSeconds: grace,
        }
      : {}),
    generation:
      before.generation === undefined || before.deletionTimestamp !== undefined
        ? before.generation
        : before.generation + 1,
    finalizers: finalizers.length === 0 ? undefined : finalizers,
  })
  return hooksOf(resource).onMarkedDeleted(marked)
}

/** Only pods die gracefully, and only those that a node still has to stop. */
function graceSeconds(resource: ServedResource, current: KubeObject, options: DeleteOptions): number {
  if (resource.collection !== 'core/pods') return 0
  const phase = stringAt(current.status, 'phase')
  const isOnNode = (stringAt(current.spec, 'nodeName') ?? '') !== ''
  if (!isOnNode || phase === 'Succeeded' || phase === 'Failed') return 0
  if (options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds >= 0)
    return options.gracePeriodSeconds
  const ofSpec = at(current.spec, 'terminationGracePeriodSeconds')
  return typeof ofSpec === 'number' ? ofSpec : 30
}

function finalizersFor(current: KubeObject, policy: PropagationPolicy | undefined): readonly string[] {
  const others = (current.metadata.finalizers ?? []).filter((name) => name !== FOREGROUND && name !== ORPHAN)
  switch (policy) {
    case 'Foreground':
      return [...others, FOREGROUND]
    case 'Orphan':
      return [...others, ORPHAN]
    case 'Background':
      return others
    case undefined:
      return current.metadata.finalizers ?? []
  }
}

/** Options come in the body (DeleteOptions), or in the query. */
export function readDeleteOptions(
  body: JsonObject | undefined,
  query: URLSearchParams,
  door: { readonly dryRun: boolean; readonly warn: Warn },
): DeleteOptions {
  const grace = at(body, 'gracePeriodSeconds') ?? query.get('gracePeriodSeconds') ?? undefined
  const policy = stringAt(body, 'propagationPolicy') ?? query.get('propagationPolicy') ?? undefined
  const orphans = at(body, 'orphanDependents') ?? query.get('orphanDependents') ?? undefined
  return {
    gracePeriodSeconds: grace === undefined ? undefined : toSeconds(grace),
    propagationPolicy:
      toPolicy(policy) ??
      (orphans === undefined ? undefined : orphans === true || orphans === 'true' ? 'Orphan' : 'Background'),
    uid: stringAt(body, 'preconditions', 'uid'),
    resourceVersion: stringAt(body, 'preconditions', 'resourceVersion'),
    warn: door.warn,
    dryRun:
      door.dryRun || (Array.isArray(at(body, 'dryRun')) && (at(body, 'dryRun') as unknown[]).includes('All')),
  }
}

/** An object must not go because its caller's wish was not understood. */
function toPolicy(text: string | undefined): PropagationPolicy | undefined {
  if (text === undefined || text === '') return undefined
  if (text === 'Background' || text === 'Foreground' || text === 'Orphan') return text
  throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
    {
      type: 'Unsupported value',
      path: 'propagationPolicy',
      value: text,
      detail: 'supported values: "Foreground", "Background", "Orphan", "nil"',
    },
  ])
}

function toSeconds(value: unknown): number {
  const text = String(value)
  if (!/^[+-]?\d{1,18}$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  return Number(text)
}
