import type { ApiRequest, ResourcePath, User } from '../request.ts'
import { badRequest, forbidden } from '../status-error.ts'
import type { Authorize } from './access.ts'
import { describeRefusal } from './check-access.ts'

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/
const AUTHENTICATED = 'system:authenticated'
const UNAUTHENTICATED = 'system:unauthenticated'
const ANONYMOUS = 'system:anonymous'
const EXTRA_PREFIX = 'impersonate-extra-'

/** Who the headers of a request ask to be, as they say it. */
interface Wanted {
  readonly name: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

/**
 * The request as somebody else's, when its headers ask for that (`kubectl --as`) and the user may.
 * @throws StatusError 400 or 403
 */
export function impersonate(authorize: Authorize, request: ApiRequest): ApiRequest {
  const wanted = readHeaders(request)
  const { name, uid, groups, extra } = wanted
  if (name === '') {
    if (uid === '' && groups.length === 0 && Object.keys(extra).length === 0) return request
    throw badRequest(`requested ${describe(wanted)} without impersonating a user name`)
  }
  const account = SERVICE_ACCOUNT.exec(name)
  const [, namespace = '', accountName = ''] = account ?? []
  for (const target of targetsOf(wanted, account ? { namespace, name: accountName } : undefined)) {
    check(authorize, request.user, target)
  }
  // Who names groups names all of them.
  const own =
    account && groups.length === 0 ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] : []
  const user: User = {
    name,
    groups: withAuthenticated(name, [...groups, ...own]),
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
  return { ...request, user }
}

function readHeaders(request: ApiRequest): Wanted {
  const headers = request.headersFrom?.('impersonate-') ?? []
  const valuesOf = (name: string) => headers.flatMap(([key, values]) => (key === name ? values : []))
  const extra: Record<string, readonly string[]> = {}
  for (const [key, values] of headers) {
    if (key.startsWith(EXTRA_PREFIX)) extra[decodeKey(key.slice(EXTRA_PREFIX.length))] = values
  }
  return {
    name: valuesOf('impersonate-user')[0] ?? '',
    uid: valuesOf('impersonate-uid')[0] ?? '',
    groups: valuesOf('impersonate-group'),
    extra,
  }
}

/** What a header's name cannot hold is percent-encoded in it. */
function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

interface Target {
  readonly group?: string
  readonly plural: string
  readonly namespace?: string
  readonly name: string
  readonly subresource?: string
}

/** Everything that somebody must be allowed to impersonate. */
function targetsOf(
  { name, uid, groups, extra }: Wanted,
  account: { readonly namespace: string; readonly name: string } | undefined,
): readonly Target[] {
  const group = 'authentication.k8s.io'
  return [
    account ? { plural: 'serviceaccounts', ...account } : { plural: 'users', name },
    ...groups.map((one) => ({ plural: 'groups', name: one })),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ group, plural: 'userextras', subresource: key, name: value })),
    ),
    ...(uid === '' ? [] : [{ group, plural: 'uids', name: uid }]),
  ]
}

function check(authorize: Authorize, user: User, target: Target): void {
  const path: ResourcePath = {
    group: '',
    version: target.group === undefined ? '' : 'v1',
    namespace: '',
    subresource: '',
    ...target,
  }
  const { allowed, reason } = authorize({ kind: 'resource', user, verb: 'impersonate', path })
  if (!allowed) throw forbidden(path, path.name, describeRefusal(user, 'impersonate', path, reason))
}

/** Everybody with a name is authenticated, unless the groups say otherwise; only the anonymous user is not. */
function withAuthenticated(name: string, groups: readonly string[]): readonly string[] {
  const own = name === ANONYMOUS ? UNAUTHENTICATED : AUTHENTICATED
  const isSaid = groups.includes(UNAUTHENTICATED) || (name !== ANONYMOUS && groups.includes(AUTHENTICATED))
  return isSaid ? groups : [...groups, own]
}

/** As Go prints a user. */
function describe({ name, uid, groups, extra }: Wanted): string {
  const list = (texts: readonly string[]) =>
    `[]string{${texts.map((text) => JSON.stringify(text)).join(', ')}}`
  const entries = Object.entries(extra).map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`)
  const shownGroups = groups.length === 0 ? '[]string(nil)' : list(groups)
  const shownExtra =
    entries.length === 0 ? 'map[string][]string(nil)' : `map[string][]string{${entries.join(', ')}}`
  return `&user.DefaultInfo{Name:${JSON.stringify(name)}, UID:${JSON.stringify(uid)}, Groups:${shownGroups}, Extra:${shownExtra}}`
}
