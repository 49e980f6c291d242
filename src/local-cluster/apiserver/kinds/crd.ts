import type { FieldError, KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import {
  at,
  formatTime,
  isObject,
  type JsonObject,
  listAt,
  stringAt,
  withMembers,
  withMeta,
} from '../json.ts'
import type { ServedResource } from '../resources.ts'
import { forbidden } from '../status-error.ts'
import type { KindHooks } from './hook-types.ts'

export const CRD_COLLECTION = 'apiextensions.k8s.io/customresourcedefinitions'

/** Holds a CustomResourceDefinition back until its objects are deleted. */
export const CRD_CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'

export const CRD_HOOKS: Partial<KindHooks> = {
  prepareCreate: (object, context) => withStatus(withDefaultNames(object), undefined, context),
  prepareUpdate: (object, current, context) => {
    const named = withDefaultNames(object)
    const terminating = object.metadata.deletionTimestamp !== undefined
    return terminating ? withMembers(named, { status: current.status }) : withStatus(named, current, context)
  },
  validate: validateApproval,
  onMarkedDeleted: (object) => {
    const finalizers = object.metadata.finalizers ?? []
    if (finalizers.includes(CRD_CLEANUP_FINALIZER)) return object
    return withMeta(object, { finalizers: [...finalizers, CRD_CLEANUP_FINALIZER] })
  },
}

/** Objects of a definition that is being deleted go first, so none may come any more. */
export function refusingWhenLeaving({ info }: ServedResource): KindHooks['prepareCreate'] {
  return (object, { store }) => {
    const key = { collection: CRD_COLLECTION, namespace: '', name: `${info.plural}.${info.group}` }
    if (store.get(key)?.object.metadata.deletionTimestamp === undefined) return object
    const detail = 'create not allowed while custom resource definition is terminating'
    throw forbidden(info, object.metadata.name, detail)
  }
}

function withDefaultNames(object: KubeObject): KubeObject {
  const names = at(object.spec, 'names')
  const kind = stringAt(names, 'kind') ?? ''
  const defaults = {
    singular: stringAt(names, 'singular') ?? kind.toLowerCase(),
    listKind: stringAt(names, 'listKind') ?? `${kind}List`,
  }
  const spec = withMembers(object.spec as object, {
    names: withMembers(isObject(names) ? names : {}, defaults),
    conversion: at(object.spec, 'conversion') ?? { strategy: 'None' },
  })
  return { ...object, spec }
}

/**
 * Names are accepted at once, since there is nobody else to ask, unless another definition of the group has them; a
 * definition that is established stays so, with the names that it had.
 */
export function withStatus(
  object: KubeObject,
  current: KubeObject | undefined,
  context: ServerContext,
): KubeObject {
  const clashes = findClashes(object, context)
  const last = clashes.at(-1)
  const condition = (type: string, isTrue: boolean, reason: string, message: string) => {
    const before = conditionOf(current, type)
    const status = isTrue ? 'True' : 'False'
    const sameSince =
      stringAt(before, 'status') === status ? stringAt(before, 'lastTransitionTime') : undefined
    return { type, status, lastTransitionTime: sameSince ?? formatTime(context.clock.now()), reason, message }
  }
  const isEstablished = !last || stringAt(conditionOf(current, 'Established'), 'status') === 'True'
  const stored = new Set(listAt(current?.status, 'storedVersions'))
  stored.add(storageVersion(object))
  return withMembers(object, {
    status: {
      conditions: [
        last
          ? condition('NamesAccepted', false, last.reason, last.message)
          : condition('NamesAccepted', true, 'NoConflicts', 'no conflicts found'),
        isEstablished
          ? condition('Established', true, 'InitialNamesAccepted', 'the initial names have been accepted')
          : condition('Established', false, 'NotAccepted', 'not all names are accepted'),
      ],
      acceptedNames: acceptedNames(object, current, clashes),
      storedVersions: [...stored],
    },
  })
}

function conditionOf(object: KubeObject | undefined, type: string): unknown {
  return listAt(object?.status, 'conditions').find((condition) => stringAt(condition, 'type') === type)
}

function acceptedNames(
  object: KubeObject,
  current: KubeObject | undefined,
  clashes: readonly Clash[],
): JsonObject {
  const names = at(object.spec, 'names')
  const refused = clashes.map(({ member }) => [member, at(current?.status, 'acceptedNames', member)] as const)
  return { kind: '', plural: '', ...withMembers(isObject(names) ? names : {}, Object.fromEntries(refused)) }
}

export function storageVersion(crd: KubeObject): string {
  const version = listAt(crd.spec, 'versions').find((each) => at(each, 'storage') === true)
  return stringAt(version, 'name') ?? ''
}

interface Clash {
  /** of `spec.names` */
  readonly member: string
  readonly reason: string
  readonly message: string
}

const NAME_MEMBERS = [
  ['plural', 'PluralConflict'],
  ['singular', 'SingularConflict'],
  ['shortNames', 'ShortNamesConflict'],
  ['kind', 'KindConflict'],
  ['listKind', 'ListKindConflict'],
] as const

/** Names that other resources of the group have: words of the command line in one set, kinds in another. */
function findClashes(object: KubeObject, context: ServerContext): readonly Clash[] {
  const group = stringAt(object.spec, 'group') ?? ''
  const served = context.resources.groups().find((other) => other.group === group)
  const others = (served?.versions ?? [])
    .flatMap(({ resources }) => resources)
    .filter(({ isCustom, info }) => !isCustom || `${info.plural}.${group}` !== object.metadata.name)
  const words = new Set(others.flatMap(({ info }) => [info.plural, info.singular, ...info.shortNames]))
  const kinds = new Set(others.flatMap(({ info }) => [info.kind, info.listKind]))
  return NAME_MEMBERS.flatMap(([member, reason]) => {
    const value = at(object.spec, 'names', member)
    const taken = member.endsWith('ind') ? kinds : words
    const clashing = (Array.isArray(value) ? value : [value]).filter((name) => taken.has(String(name)))
    if (clashing.length === 0) return []
    const texts = clashing.map((name) => `${JSON.stringify(name)} is already in use`)
    return [{ member, reason, message: texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]` }]
  })
}

/** What the schema of the kind does not know: groups of Kubernetes itself need its approval. */
function validateApproval({ spec, metadata }: KubeObject): readonly FieldError[] {
  if (!isUnapproved(stringAt(spec, 'group') ?? '', metadata.annotations)) return []
  const detail =
    'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111'
  return [{ type: 'Required value', path: 'metadata.annotations[api-approved.kubernetes.io]', detail }]
}

function isUnapproved(group: string, annotations: Readonly<Record<string, string>> | undefined): boolean {
  const isProtected = /(^|\.)(k8s|kubernetes)\.io$/.test(group)
  return isProtected && (annotations?.['api-approved.kubernetes.io'] ?? '') === ''
}
