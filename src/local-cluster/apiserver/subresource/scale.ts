import { formatLabelSelector, type KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { readKind, readPatch } from '../decode.ts'
import { at, isObject, type JsonObject, withAt } from '../json.ts'
import { readWriteOptions, type WriteOptions } from '../options.ts'
import { applyOperations, merge } from '../patch/apply-patch.ts'
import type { ApiResponse } from '../request.ts'
import { inVersion, keyOf, type ResourceRequest } from '../resource-request.ts'
import type { ScalePaths } from '../resources.ts'
import { badRequest, conflict, invalid, methodNotAllowed, notFound } from '../status-error.ts'
import type { Warn } from '../write/incoming.ts'
import { updateObject } from '../write/update.ts'

/** The replicas of anything that scales, read and written as autoscaling/v1 Scale. */
export async function handleScale(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { resource, path, verb } = asked
  const { scale } = resource
  if (!scale) throw methodNotAllowed()
  const stored = context.store.get(keyOf(resource, path.namespace, path.name))
  if (!stored) throw notFound(resource.info, path.name)
  if (verb === 'get') return scaleResponse(scale, inVersion(stored.object, resource))
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed()
  const { change, options } = verb === 'update' ? await readScale(asked) : await readScalePatch(asked)
  const updated = await updateObject(context, asked, {
    ...options,
    change: (current) => ({ object: withReplicas(asked, scale, current, change(toScale(scale, current))) }),
    retries: true,
    subresource: '',
    warn,
  })
  return scaleResponse(scale, inVersion(updated, resource))
}

interface ScaleWrite {
  readonly change: (current: JsonObject) => JsonObject
  readonly options: WriteOptions
}

const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' }

async function readScale({ request, path }: ResourceRequest): Promise<ScaleWrite> {
  const options = readWriteOptions(request.query, 'UpdateOptions')
  const { value } = await readKind(request, SCALE)
  const name = at(value, 'metadata', 'name')
  if (typeof name === 'string' && name !== '' && name !== path.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${path.name})`)
  }
  return { change: () => value, options }
}

async function readScalePatch({ request, resource }: ResourceRequest): Promise<ScaleWrite> {
  const { type, value } = await readPatch(request, resource)
  const options = readWriteOptions(request.query, type === 'apply' ? 'ApplyOptions' : 'PatchOptions')
  // A Scale has no lists, so a strategic patch and an applied configuration merge like any other.
  const change = (current: JsonObject) =>
    type === 'json' ? applyOperations(current, value) : merge(current, value)
  return { change, options }
}

function withReplicas(
  asked: ResourceRequest,
  scale: ScalePaths,
  current: KubeObject,
  changed: unknown,
): KubeObject {
  const { resource, path } = asked
  const replicas = at(changed, 'spec', 'replicas') ?? 0
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
    const detail = 'must be greater than or equal to 0'
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, path.name, [
      { type: 'Invalid value', path: 'spec.replicas', value: replicas, detail },
    ])
  }
  const wanted = at(changed, 'metadata', 'resourceVersion')
  if (typeof wanted === 'string' && wanted !== '' && wanted !== current.metadata.resourceVersion) {
    throw conflict(resource.info, path.name)
  }
  return withAt(current, scale.spec, replicas)
}

function scaleResponse(scale: ScalePaths, object: KubeObject): ApiResponse {
  return { kind: 'object', status: 200, object: toScale(scale, object) }
}

function toScale(scale: ScalePaths, object: KubeObject): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = scale.selector && at(object, ...scale.selector)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: at(object, ...scale.spec) ?? 0 },
    status: {
      replicas: at(object, ...scale.status) ?? 0,
      ...(typeof selector === 'string' ? { selector } : {}),
      ...(isObject(selector) ? { selector: selectorText(selector) } : {}),
    },
  }
}

function selectorText(selector: JsonObject): string {
  const text = formatLabelSelector(selector)
  return text === '<none>' ? '' : text
}
