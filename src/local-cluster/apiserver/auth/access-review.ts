import type { ServerContext } from '../context.ts'
import { at, isObject, type JsonObject, listAt, stringAt } from '../json.ts'
import type { User } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { badRequest, invalid } from '../status-error.ts'
import type { Attributes } from './access.ts'

/** Answers SubjectAccessReview and its sisters: may this user do that? @returns the status */
export function reviewAccess(context: ServerContext, asked: ResourceRequest, body: JsonObject): JsonObject {
  const { kind } = asked.resource.info
  const isAboutSelf = kind === 'SelfSubjectAccessReview'
  const user = isAboutSelf ? asked.request.user : subjectOf(asked, body)
  checkOneQuestion(asked, body)
  const attributes = attributesOf(user, body)
  if (kind === 'LocalSubjectAccessReview') checkNamespace(asked, attributes)
  const { allowed, reason } = context.authorizer.authorize(attributes)
  return { allowed, ...(reason === '' ? {} : { reason }) }
}

/** Everything that the caller may do in a namespace (`kubectl auth can-i --list`). @returns the status */
export function reviewRules(context: ServerContext, asked: ResourceRequest, body: JsonObject): JsonObject {
  const namespace = stringAt(body, 'spec', 'namespace') ?? ''
  if (namespace === '') throw badRequest('no namespace on request')
  const { rules, errors } = context.authorizer.rulesOf(asked.request.user, namespace)
  const resourceRules = rules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
    resources === undefined || resources.length === 0
      ? []
      : [{ verbs, apiGroups: apiGroups ?? [], resources, ...(resourceNames ? { resourceNames } : {}) }],
  )
  const nonResourceRules = rules.flatMap(({ verbs, nonResourceURLs }) =>
    nonResourceURLs === undefined || nonResourceURLs.length === 0 ? [] : [{ verbs, nonResourceURLs }],
  )
  const evaluationError = errors.length === 0 ? {} : { evaluationError: errors.join(', ') }
  return { resourceRules, nonResourceRules, incomplete: errors.length > 0, ...evaluationError }
}

function subjectOf(asked: ResourceRequest, body: JsonObject): User {
  const name = stringAt(body, 'spec', 'user') ?? ''
  const groups = listAt(body, 'spec', 'groups').filter((group) => typeof group === 'string')
  if (name === '' && groups.length === 0) {
    throw invalid(asked.resource.info, '', [
      {
        type: 'Invalid value',
        path: 'spec.user',
        value: '',
        detail: 'at least one of user or group must be specified',
      },
    ])
  }
  const uid = stringAt(body, 'spec', 'uid')
  const extra = at(body, 'spec', 'extra')
  return {
    name,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(isObject(extra) ? { extra: extra as Readonly<Record<string, readonly string[]>> } : {}),
  }
}

function checkOneQuestion(asked: ResourceRequest, body: JsonObject): void {
  const questions = ['resourceAttributes', 'nonResourceAttributes'].filter((name) =>
    isObject(at(body, 'spec', name)),
  )
  if (questions.length === 1) return
  const detail =
    questions.length === 0
      ? 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
      : 'cannot be specified in combination with resourceAttributes'
  const path = questions.length === 0 ? 'spec' : 'spec.nonResourceAttributes'
  // Kubernetes leaves the kind out here.
  throw invalid({ group: asked.resource.info.group, kind: '' }, '', [
    { type: 'Invalid value', path, value: null, detail },
  ])
}

function attributesOf(user: User, body: JsonObject): Attributes {
  const resource = at(body, 'spec', 'resourceAttributes')
  const text = (member: string) => stringAt(resource, member) ?? ''
  if (!isObject(resource)) {
    const verb = stringAt(body, 'spec', 'nonResourceAttributes', 'verb') ?? ''
    const path = stringAt(body, 'spec', 'nonResourceAttributes', 'path') ?? ''
    return { kind: 'path', user, verb, path }
  }
  return {
    kind: 'resource',
    user,
    verb: text('verb'),
    path: {
      group: text('group'),
      version: text('version'),
      plural: text('resource'),
      namespace: text('namespace'),
      name: text('name'),
      subresource: text('subresource'),
    },
  }
}

function checkNamespace(asked: ResourceRequest, attributes: Attributes): void {
  const wanted = attributes.kind === 'resource' ? attributes.path.namespace : ''
  if (attributes.kind === 'resource' && wanted === asked.path.namespace) return
  const detail =
    attributes.kind === 'path'
      ? 'disallowed on this kind of request'
      : `spec.resourceAttributes.namespace must match namespace: ${asked.path.namespace}`
  throw badRequest(detail)
}
