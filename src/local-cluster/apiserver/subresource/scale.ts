import { formatLabelSelector, type KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { readObject, readPatch } from '../decode.ts'
import { at, isObject, type JsonObject, withAt } from '../json.ts'
import { isDryRun } from '../output.ts'
import { applyMergePatch, applyJsonPatch } from '../../../kube/index.ts'
import type { ApiResponse } from '../request.ts'
import { inVersion, keyOf, type ResourceRequest } from '../resource-request.ts'
import type { ScalePaths } from '../resources.ts'
import { badRequest, conflict, invalid, methodNotAllowed, notFound } from '../status-error.ts'
import { fieldValidationOf, type Warn } from '../write/incoming.ts'
import { updateObject } from '../write/update.ts'

/** The replicas of anything that scales, read and written as autoscaling/v1 Scale. */
export async function handleScale(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { request, resource, path, verb } = asked
  const { scale } = resource
  if (!scale) throw methodNotAllowed(resource.info)
  const stored = context.store.get(keyOf(resource, path.namespace, path.name))
  if (!stored) throw notFound(resource.info, path.name)
  if (verb === 'get') return scaleResponse(scale, inVersion(stored.object, resource))
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed(resource.info)
  const change = verb === 'update' ? await readScale(asked) : await readScalePatch(asked)
  const updated = await updateObject(context, asked, {
    change: (current) => withReplicas(asked, scale, current, change(toScale(scale, current))),
    retries: true,
    fieldValidation: fieldValidationOf(request.query),
    dryRun: isDryRun(request.query),
    subresource: '',
    warn,
  })
  return scaleResponse(scale, inVersion(updated, resource))
}

type ScaleChange = (current: JsonObject) => unknown

async function readScale(asked: ResourceRequest): Promise<ScaleChange> {
  const body = await readObject(asked.request)
  if (!body) throw badRequest('the request has no body')
  return () => body
}

async function readScalePatch(asked: ResourceRequest): Promise<ScaleChange> {
  const { type, patch } = await readPatch(asked.request)
  return (current) => {
    // A Scale has no lists, so a strategic patch and an applied configuration merge like any other.
    const patched = type === 'json' ? applyJsonPatch(current, patch) : applyMergePatch(current, patch)
    if (!patched.ok) throw badRequest(patched.error)
    return patched.value
  }
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
