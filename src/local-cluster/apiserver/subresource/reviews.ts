import type { KubeObject } from '../../../kube/index.ts'
import { reviewAccess, reviewRules } from '../auth/access-review.ts'
import type { ServerContext } from '../context.ts'
import { readKind } from '../decode.ts'
import { formatTime, type JsonObject, listAt, stringAt, withMembers } from '../json.ts'
import { managerOf, trackUpdate } from '../patch/track-update.ts'
import type { ApiResponse, User } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { badRequest, methodNotAllowed } from '../status-error.ts'

/** Kinds that only ask: the answer is the question with a status, and nothing is stored. */
export async function handleReview(context: ServerContext, asked: ResourceRequest): Promise<ApiResponse> {
  if (asked.verb !== 'create') throw methodNotAllowed()
  const { value: body } = await readKind(asked.request, asked.resource.info)
  const { kind } = asked.resource.info
  const status = statusOf(context, asked, kind, body)
  if (!status) throw methodNotAllowed()
  const object: KubeObject = { ...body, metadata: { name: '' }, kind, apiVersion: asked.resource.apiVersion }
  const metadata = metadataOf(context, asked, object)
  return { kind: 'object', status: 201, object: { ...object, metadata, status } }
}

/** A question has a manager, as a write has; who asks about themselves asks nothing, and is told when. */
function metadataOf(
  context: ServerContext,
  { request, resource }: ResourceRequest,
  next: KubeObject,
): object {
  const nowMs = context.clock.now()
  if (next.kind === 'SelfSubjectReview') return { creationTimestamp: formatTime(nowMs) }
  const manager = managerOf(request)
  const tracked = trackUpdate({ resource, current: undefined, next, manager, subresource: '', nowMs })
  return withMembers(tracked.metadata, { name: undefined })
}

function statusOf(
  context: ServerContext,
  asked: ResourceRequest,
  kind: string,
  body: JsonObject,
): JsonObject | undefined {
  switch (kind) {
    case 'TokenReview':
      return reviewToken(context, body)
    case 'SelfSubjectReview':
      return { userInfo: userInfo(asked.request.user) }
    case 'SelfSubjectAccessReview':
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview':
      return reviewAccess(context, asked, body)
    case 'SelfSubjectRulesReview':
      return reviewRules(context, asked, body)
    default:
      return undefined
  }
}

function reviewToken(context: ServerContext, body: JsonObject): JsonObject {
  const token = stringAt(body, 'spec', 'token') ?? ''
  if (token === '') throw badRequest('token is required for TokenReview in authentication')
  const asks = listAt(body, 'spec', 'audiences').filter((audience) => typeof audience === 'string')
  const audiences = asks.length === 0 ? [context.tokens.issuer] : asks
  const verified = context.authenticator.verifyToken(token, audiences)
  if (verified.kind === 'invalid') return { user: {}, error: verified.reason }
  return {
    authenticated: true,
    user: userInfo(verified.user),
    audiences: audiences.filter((audience) => verified.claims.audiences.includes(audience)),
  }
}

function userInfo(user: User): JsonObject {
  return {
    username: user.name,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    groups: user.groups,
    ...(user.extra ? { extra: user.extra } : {}),
  }
}
