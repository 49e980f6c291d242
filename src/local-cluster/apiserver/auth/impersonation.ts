import type { ApiRequest, ResourcePath, User } from '../request.ts'
import { badRequest, forbidden } from '../status-error.ts'
import type { Authorize } from './access.ts'
import { describeRefusal } from './check-access.ts'

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/

/**
 * The request as somebody else's, when its headers ask for that (`kubectl --as`) and the user may.
 * @throws StatusError 400 or 403
 */
export function impersonate(authorize: Authorize, request: ApiRequest): ApiRequest {
  const name = request.header('impersonate-user') ?? ''
  const groups = (request.header('impersonate-group') ?? '')
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '')
  const uid = request.header('impersonate-uid') ?? ''
  if (name === '') {
    if (groups.length > 0 || uid !== '') {
      throw badRequest('requested groups or uid to impersonate without impersonating a user')
    }
    return request
  }
  const account = SERVICE_ACCOUNT.exec(name)
  const [, namespace = '', accountName = ''] = account ?? []
  check(
    authorize,
    request.user,
    account ? { plural: 'serviceaccounts', namespace, name: accountName } : { plural: 'users', name },
  )
  for (const group of groups) check(authorize, request.user, { plural: 'groups', name: group })
  if (uid !== '')
    check(authorize, request.user, { plural: 'uids', name: uid, group: 'authentication.k8s.io' })
  const own =
    account && groups.length === 0 ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] : []
  const user: User = {
    name,
    groups: withAuthenticated(name, [...groups, ...own]),
    ...(uid === '' ? {} : { uid }),
  }
  return { ...request, user }
}

function check(
  authorize: Authorize,
  user: User,
  target: {
    readonly plural: string
    readonly name: string
    readonly namespace?: string
    readonly group?: string
  },
): void {
  const { plural, name, namespace = '', group = '' } = target
  const path: ResourcePath = { group, version: 'v1', plural, namespace, name, subresource: '' }
  const { allowed, reason } = authorize({ kind: 'resource', user, verb: 'impersonate', path })
  if (!allowed) throw forbidden(path, name, describeRefusal(user, 'impersonate', path, reason))
}

/** Everybody with a name is authenticated; only the anonymous user is not. */
function withAuthenticated(name: string, groups: readonly string[]): readonly string[] {
  const own = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated'
  return groups.includes(own) ? groups : [...groups, own]
}
