import { type FieldError, goTypeProblem, type KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { at, formatTime, type JsonObject, listAt, stringAt, withMeta } from '../json.ts'
import { checkDryRun, isDryRun, readInt64, refuseOptions } from '../options.ts'
import { isTrue } from '../request.ts'
import { hooksOf } from '../kinds/hooks.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest, conflict, notFound } from '../status-error.ts'
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
  const { uid = '', resourceVersion = '', name } = current.metadata
  // Here, and only here, Kubernetes names the kind and not the resource.
  const refuse = (detail: string) => conflict({ group: '', plural: resource.info.kind }, name, detail)
  if (options.uid !== undefined && options.uid !== uid) {
    throw refuse(
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    )
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw refuse(
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    )
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

/**
 * Reads the options of a deletion: from the body (DeleteOptions), or from the query where there is no body. An object
 * must not go because its caller's wish was not understood.
 * @throws StatusError 400 or 422
 */
export function readDeleteOptions(
  body: JsonObject | undefined,
  query: URLSearchParams,
  warn: Warn,
): DeleteOptions {
  const given = body ?? optionsIn(query)
  const problem = goTypeProblem(given, DELETE_OPTIONS)
  if (problem !== undefined) throw badRequest(problem)
  const policy = stringAt(given, 'propagationPolicy')
  const orphans = at(given, 'orphanDependents') ?? undefined
  const dryRun = listAt(given, 'dryRun') as readonly string[]
  refuseOptions('DeleteOptions', [
    ...checkPropagation(policy, orphans !== undefined),
    ...checkDryRun([...dryRun, ...(body ? query.getAll('dryRun') : [])]),
  ])
  const grace = at(given, 'gracePeriodSeconds')
  return {
    gracePeriodSeconds: typeof grace === 'number' ? grace : undefined,
    propagationPolicy:
      (policy as PropagationPolicy | undefined) ??
      (orphans === undefined ? undefined : orphans === true ? 'Orphan' : 'Background'),
    uid: stringAt(given, 'preconditions', 'uid'),
    resourceVersion: stringAt(given, 'preconditions', 'resourceVersion'),
    // Kubernetes does not look at the query beside a body; that somebody asked for a dry run counts here all the same.
    dryRun: dryRun.length > 0 || isDryRun(query),
    warn,
  }
}

const DELETE_OPTIONS = { group: '', version: 'v1', kind: 'DeleteOptions' }

function optionsIn(query: URLSearchParams): JsonObject {
  const orphans = query.get('orphanDependents')
  const policy = query.get('propagationPolicy') ?? ''
  return {
    gracePeriodSeconds: readInt64(query, 'gracePeriodSeconds'),
    ...(orphans === null ? {} : { orphanDependents: isTrue(orphans) }),
    ...(policy === '' ? {} : { propagationPolicy: policy }),
    dryRun: query.getAll('dryRun').filter((value) => value !== ''),
  }
}

const POLICIES = ['Foreground', 'Background', 'Orphan'] as const

function checkPropagation(policy: string | undefined, hasOrphans: boolean): readonly FieldError[] {
  const path = 'propagationPolicy'
  const errors: FieldError[] = []
  if (policy !== undefined && hasOrphans) {
    const detail = 'orphanDependents and deletionPropagation cannot be both set'
    errors.push({ type: 'Invalid value', path, value: policy, detail })
  }
  if (policy !== undefined && !(POLICIES as readonly string[]).includes(policy)) {
    const detail = `supported values: ${[...POLICIES, 'nil'].map((each) => `"${each}"`).join(', ')}`
    errors.push({ type: 'Unsupported value', path, value: policy, detail })
  }
  return errors
}
