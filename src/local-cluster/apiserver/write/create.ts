import { randomUUID } from 'node:crypto'
import { type FieldError, type KubeObject } from '../../../kube/index.ts'
import { randomIndex } from '../../../base/index.ts'
import type { ServerContext } from '../context.ts'
import { keyOf, type ResourceRequest, toStored } from '../resource-request.ts'
import { formatTime, withMembers, withMeta } from '../json.ts'
import { hooksOf } from '../kinds/hooks.ts'
import { managerOf, trackUpdate } from '../patch/track-update.ts'
import { alreadyExists, badRequest, failure, invalid } from '../status-error.ts'
import { type FieldChecks, pruneAndDefault } from './incoming.ts'
import { validateMetadata } from './metadata.ts'

export interface CreateOptions extends FieldChecks {
  readonly object: KubeObject
  readonly dryRun: boolean
  /** whether the object carries its managed fields already, because it was applied */
  readonly isApplied: boolean
}

/** A generated name that is taken is drawn again, this often. */
const NAME_ATTEMPTS_MAX = 8
/** No vowels and nothing that looks like another letter, as Kubernetes' generated names. */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const NAME_SUFFIX_LENGTH = 5
const GENERATED_BASE_MAX = 63 - NAME_SUFFIX_LENGTH

/** Decoded body → admission → defaults → validation → store. @throws StatusError */
export async function createObject(
  context: ServerContext,
  asked: ResourceRequest,
  options: CreateOptions,
): Promise<KubeObject> {
  const { resource } = asked
  if (options.object.metadata.resourceVersion) {
    throw badRequest('resourceVersion should not be set on objects to be created')
  }
  const decoded = tracked(context, asked, options)
  const mutated = await context.admission.mutate({ asked, operation: 'CREATE', ...options, object: decoded })
  const admitted =
    mutated === decoded
      ? decoded
      : pruneAndDefault(resource, mutated, { ...options, fieldValidation: 'Ignore' })
  const isGenerated = !admitted.metadata.name && !!admitted.metadata.generateName
  for (let attempt = 1; ; attempt += 1) {
    const named = isGenerated ? withGeneratedName(context, admitted) : admitted
    const result = await validateAndStore(context, asked, { ...options, object: named })
    if (result) return result
    const { name } = named.metadata
    if (!isGenerated) throw alreadyExists(resource.info, name)
    if (attempt === NAME_ATTEMPTS_MAX) {
      throw failure(
        409,
        'AlreadyExists',
        `${alreadyExists(resource.info, name).message}, the server was not able to generate a unique name for the object`,
      )
    }
  }
}

function tracked(context: ServerContext, asked: ResourceRequest, options: CreateOptions): KubeObject {
  const { resource, request } = asked
  const decoded = pruneAndDefault(resource, options.object, options)
  if (options.isApplied) return decoded
  const next = resource.hasStatus ? withMembers(decoded, { status: undefined }) : decoded
  const write = { resource, current: undefined, next, manager: managerOf(request), subresource: '' }
  return trackUpdate({ ...write, nowMs: context.clock.now() })
}

/** @returns undefined when the name is taken */
async function validateAndStore(
  context: ServerContext,
  asked: ResourceRequest,
  options: CreateOptions,
): Promise<KubeObject | undefined> {
  const { resource } = asked
  const hooks = hooksOf(resource)
  const prepared = hooks.prepareCreate(prepareCreate(context, asked, options.object), context)
  const { name } = prepared.metadata
  const key = keyOf(resource, asked.path.namespace, name)
  const errors: FieldError[] = [
    ...(resource.schema()?.validate(prepared) ?? validateMetadata(prepared, resource)),
    ...hooks.validate(prepared, undefined),
  ]
  if (errors.length > 0) throw invalid(resource.info, name ?? '', errors)
  await context.admission.validate({ asked, operation: 'CREATE', ...options, object: prepared })
  if (context.store.get(key)) return undefined
  const reserved = hooks.reserve(prepared, undefined, context)
  try {
    if (options.dryRun) return reserved.object
    const result = await context.store.write({
      kind: 'put',
      key,
      object: toStored(reserved.object, resource),
      expect: 0,
    })
    return result.kind === 'written' ? result.object : undefined
  } finally {
    reserved.release()
  }
}

/** What the server alone decides about a new object. */
function prepareCreate(
  context: ServerContext,
  { resource }: ResourceRequest,
  object: KubeObject,
): KubeObject {
  const created = withMeta(object, {
    uid: randomUUID(),
    creationTimestamp: formatTime(context.clock.now()),
    generation: resource.generation === 'none' ? undefined : 1,
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    resourceVersion: undefined,
    selfLink: undefined,
  })
  return resource.hasStatus ? withMembers(created, { status: undefined }) : created
}

function withGeneratedName(context: ServerContext, object: KubeObject): KubeObject {
  let suffix = ''
  for (let index = 0; index < NAME_SUFFIX_LENGTH; index += 1) {
    suffix += NAME_ALPHABET[randomIndex(context.random, NAME_ALPHABET.length)]
  }
  const base = (object.metadata.generateName ?? '').slice(0, GENERATED_BASE_MAX)
  return withMeta(object, { name: `${base}${suffix}` })
}
