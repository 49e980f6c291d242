import { type FieldError, goQuote, type KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { inVersion, keyOf, type ResourceRequest, toStored } from '../resource-request.ts'
import { at, sameJson, withAt, withMembers, withMeta } from '../json.ts'
import { hooksOf } from '../kinds/hooks.ts'
import { resizedPod, validateResize } from '../kinds/pod-resize.ts'
import { managerOf, trackUpdate } from '../patch/track-update.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest, conflict, invalid, notFound, type StatusError, unexplained } from '../status-error.ts'
import { type FieldChecks, pruneAndDefault } from './incoming.ts'
import { validateMetadata, validateMetadataUpdate } from './metadata.ts'

export interface Changed {
  readonly object: KubeObject
  /** how a refusal of it is worded where it is not as that of a whole object */
  readonly refuse?: (problem: string) => StatusError
}

export interface UpdateOptions extends FieldChecks {
  /** Makes the new object from the current one; called again when somebody else was faster. */
  readonly change: (current: KubeObject) => Changed
  /** whether a lost race is tried again where the new object does not insist on a resourceVersion */
  readonly retries: boolean
  readonly dryRun: boolean
  readonly fieldManager?: string
  /** whether the change records who owns what by itself; otherwise this does */
  readonly isApplied?: boolean
  /** '' for the object itself, `status`, or `finalize` of a namespace */
  readonly subresource: string
}

const ATTEMPTS_MAX = 20

/** Current object → change → admission → defaults → validation → store. @throws StatusError */
export async function updateObject(
  context: ServerContext,
  asked: ResourceRequest,
  options: UpdateOptions,
): Promise<KubeObject> {
  const { resource, path } = asked
  const key = keyOf(resource, path.namespace, path.name)
  for (let attempt = 1; ; attempt += 1) {
    const stored = context.store.get(key)?.object
    if (!stored) throw notFound(resource.info, path.name)
    const current = inVersion(stored, resource)
    const { object: changed, ...wording } = options.change(current)
    const insists = checkPreconditions(asked, current, changed, options)
    const result = await validateAndStore(context, asked, {
      current,
      changed,
      options: { ...options, ...wording },
    })
    if (result) return result
    if (insists || !options.retries || attempt === ATTEMPTS_MAX) throw conflict(resource.info, path.name)
  }
}

/** @returns whether the client named the revision that it changes */
function checkPreconditions(
  { resource, path }: ResourceRequest,
  current: KubeObject,
  changed: KubeObject,
  options: UpdateOptions,
): boolean {
  const { name, uid, resourceVersion } = changed.metadata
  if (name !== path.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${path.name})`)
  }
  if (uid && uid !== current.metadata.uid) {
    throw conflict(
      resource.info,
      path.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid ?? ''}`,
    )
  }
  if (!resourceVersion || resourceVersion === '0') {
    if (!options.retries && !resource.allowsUnconditionalUpdate) {
      throw invalid(resource.info, path.name, [
        {
          type: 'Invalid value',
          path: 'metadata.resourceVersion',
          value: 0,
          detail: 'must be specified for an update',
        },
      ])
    }
    return false
  }
  if (!/^\d+$/.test(resourceVersion))
    throw unexplained(`strconv.ParseUint: parsing ${goQuote(resourceVersion)}: invalid syntax`)
  if (resourceVersion !== current.metadata.resourceVersion) throw conflict(resource.info, path.name)
  // A patch carries the version of what it was applied to, and is simply applied again.
  return !options.retries
}

interface Change {
  readonly current: KubeObject
  readonly changed: KubeObject
  readonly options: UpdateOptions
}

/** @returns undefined when the object was changed by somebody else meanwhile */
async function validateAndStore(
  context: ServerContext,
  asked: ResourceRequest,
  { current, changed, options }: Change,
): Promise<KubeObject | undefined> {
  const { resource, path } = asked
  const hooks = hooksOf(resource)
  const decoded = pruneAndDefault(resource, changed, options)
  const admission = { asked, operation: 'UPDATE', old: current, ...options } as const
  const sent = prepareUpdate(resource, decoded, current, options.subresource)
  const asSent = options.isApplied ? sent : tracked(context, asked, current, sent)
  const mutated = await context.admission.mutate({ ...admission, object: asSent })
  const admitted =
    mutated === asSent
      ? asSent
      : pruneAndDefault(resource, mutated, { ...options, fieldValidation: 'Ignore' })
  const kept = prepareUpdate(resource, admitted, current, options.subresource)
  const prepared =
    options.subresource === 'finalize'
      ? withAt(current, ['spec', 'finalizers'], at(changed.spec, 'finalizers') ?? [])
      : withGeneration(resource, hooks.prepareUpdate(kept, current, context), {
          current,
          subresource: options.subresource,
        })
  // The rules of updates keep resources as they are.
  const isResize = options.subresource === 'resize'
  const errors: FieldError[] = [
    ...(resource.schema()?.validate(prepared, isResize ? undefined : current) ??
      validateMetadata(prepared, resource)),
    ...(isResize ? validateResize(prepared, current) : []),
    ...validateMetadataUpdate(prepared, current),
    ...hooks.validate(prepared, current),
  ]
  if (errors.length > 0) throw invalid(resource.info, path.name, errors)
  await context.admission.validate({ ...admission, object: prepared })
  const reserved = hooks.reserve(prepared, current, context)
  try {
    if (options.dryRun) return reserved.object
    if (sameJson(reserved.object, current)) return current
    return await store(context, asked, current, reserved.object)
  } finally {
    reserved.release()
  }
}

function tracked(
  context: ServerContext,
  { request, resource, path }: ResourceRequest,
  current: KubeObject,
  next: KubeObject,
): KubeObject {
  const manager = managerOf(request)
  const nowMs = context.clock.now()
  return trackUpdate({ resource, current, next, manager, subresource: path.subresource, nowMs })
}

async function store(
  context: ServerContext,
  { resource, path }: ResourceRequest,
  current: KubeObject,
  object: KubeObject,
): Promise<KubeObject | undefined> {
  const key = keyOf(resource, path.namespace, path.name)
  const expect = Number(current.metadata.resourceVersion)
  if (isReadyToGo(object)) {
    const gone = await context.store.write({ kind: 'delete', key, expect })
    return gone.kind === 'written' ? gone.object : undefined
  }
  const result = await context.store.write({ kind: 'put', key, object: toStored(object, resource), expect })
  return result.kind === 'written' ? result.object : undefined
}

/** Whether the last thing that held a deleted object back is gone. */
export function isReadyToGo(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata
  if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return false
  if (object.kind === 'Namespace' && object.apiVersion === 'v1') {
    const ofSpec = at(object.spec, 'finalizers')
    return !Array.isArray(ofSpec) || ofSpec.length === 0
  }
  return (deletionGracePeriodSeconds ?? 0) === 0
}

/** Puts back what this kind of update must not touch. */
function prepareUpdate(
  resource: ServedResource,
  object: KubeObject,
  current: KubeObject,
  subresource: string,
): KubeObject {
  const fixed = {
    uid: current.metadata.uid,
    creationTimestamp: current.metadata.creationTimestamp,
    generateName: current.metadata.generateName,
    deletionTimestamp: current.metadata.deletionTimestamp,
    deletionGracePeriodSeconds: current.metadata.deletionGracePeriodSeconds,
    generation: current.metadata.generation,
    resourceVersion: current.metadata.resourceVersion,
    selfLink: undefined,
  }
  switch (subresource) {
    case 'status':
      return withMembers(current, {
        status: object.status,
        metadata: statusMetadata(resource, object, current),
      })
    case 'finalize':
      // Taken from the request as it came: defaults would put the finalizers back.
      return current
    case 'resize':
      return resizedPod(object, current)
    case 'binding':
      return withMeta(object, fixed) // made by the server itself, with the condition that goes with it
    default: {
      const updated = withMeta(object, fixed)
      return resource.hasStatus ? withMembers(updated, { status: current.status }) : updated
    }
  }
}

/** Kubelets and node controllers write labels and annotations through `status`; others may not. */
function statusMetadata(resource: ServedResource, object: KubeObject, current: KubeObject) {
  const isNodeWritten = resource.collection === 'core/pods' || resource.collection === 'core/nodes'
  const { labels, annotations, managedFields } = object.metadata
  return withMembers(current.metadata, {
    managedFields,
    ...(isNodeWritten ? { labels, annotations } : {}),
  })
}

interface Before {
  readonly current: KubeObject
  readonly subresource: string
}

function withGeneration(
  resource: ServedResource,
  object: KubeObject,
  { current, subresource }: Before,
): KubeObject {
  // Where a pod goes is no new wish of its owner.
  if (subresource === 'binding') return object
  const generation = current.metadata.generation ?? 1
  switch (resource.generation) {
    case 'none':
      return object
    case 'spec':
      return sameJson(object.spec, current.spec) ? object : withMeta(object, { generation: generation + 1 })
    case 'all-but-metadata': {
      const strip = (value: KubeObject) =>
        withMembers(value, { metadata: undefined, ...(resource.hasStatus ? { status: undefined } : {}) })
      return sameJson(strip(object), strip(current))
        ? object
        : withMeta(object, { generation: generation + 1 })
    }
  }
}
