import type { FieldError, KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { at, formatTime, isObject, listAt, stringAt, withMembers, withMeta } from '../json.ts'
import type { KindHooks } from './hook-types.ts'

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

/** Names are accepted, and the resource is served, at once: there is nobody else to ask. */
function withStatus(object: KubeObject, current: KubeObject | undefined, context: ServerContext): KubeObject {
  const names = at(object.spec, 'names')
  const clash = findClash(object, context)
  const condition = (type: string, isTrue: boolean, reason: string, message: string) => {
    const before = listAt(current?.status, 'conditions').find((other) => stringAt(other, 'type') === type)
    const status = isTrue ? 'True' : 'False'
    const sameSince =
      stringAt(before, 'status') === status ? stringAt(before, 'lastTransitionTime') : undefined
    return { type, status, lastTransitionTime: sameSince ?? formatTime(context.clock.now()), reason, message }
  }
  const established = clash === undefined
  const stored = new Set(listAt(current?.status, 'storedVersions'))
  stored.add(storageVersion(object))
  return withMembers(object, {
    status: {
      conditions: [
        established
          ? condition('NamesAccepted', true, 'NoConflicts', 'no conflicts found')
          : condition('NamesAccepted', false, clash.reason, clash.message),
        established
          ? condition('Established', true, 'InitialNamesAccepted', 'the initial names have been accepted')
          : condition('Established', false, 'NotAccepted', 'not all names are accepted'),
      ],
      acceptedNames: established ? names : { kind: '', plural: '' },
      storedVersions: [...stored],
    },
  })
}

export function storageVersion(crd: KubeObject): string {
  const version = listAt(crd.spec, 'versions').find((each) => at(each, 'storage') === true)
  return stringAt(version, 'name') ?? ''
}

/** A kind or plural that another resource of the group already has. */
function findClash(
  object: KubeObject,
  context: ServerContext,
): { reason: string; message: string } | undefined {
  const group = stringAt(object.spec, 'group') ?? ''
  const plural = stringAt(object.spec, 'names', 'plural')
  const kind = stringAt(object.spec, 'names', 'kind')
  const served = context.resources.groups().find((other) => other.group === group)
  for (const resource of served?.versions.flatMap(({ resources }) => resources) ?? []) {
    const isItself = resource.isCustom && `${resource.info.plural}.${group}` === object.metadata.name
    if (isItself) continue
    if (resource.info.plural === plural) {
      return { reason: 'PluralConflict', message: `${JSON.stringify(plural)} is already in use` }
    }
    if (resource.info.kind === kind) {
      return { reason: 'KindConflict', message: `${JSON.stringify(kind)} is already in use` }
    }
  }
  return undefined
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
