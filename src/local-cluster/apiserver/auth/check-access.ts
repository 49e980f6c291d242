import { parseFieldSelector } from '../../../kube/index.ts'
import type { ApiRequest, RequestVerb, ResourcePath, User } from '../request.ts'
import { failure, forbidden } from '../status-error.ts'
import type { Authorizer } from './access.ts'

/** Streams into a container: over WebSocket they are read with GET, which must not be enough to run something. */
const STREAMS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward'])

/** @throws StatusError 403 */
export function checkAccess(
  authorizer: Authorizer,
  request: ApiRequest,
  verb: RequestVerb,
  asked: ResourcePath,
): void {
  const { user } = request
  const path = { ...asked, name: nameOf(request, asked) }
  const isStream = path.group === '' && path.plural === 'pods' && STREAMS.has(path.subresource)
  const verbs = isStream && verb === 'get' ? (['get', 'create'] as const) : [verb]
  for (const wanted of verbs) {
    const { allowed, reason } = authorizer.authorize({ kind: 'resource', user, verb: wanted, path })
    if (!allowed) throw forbidden(path, path.name, describeRefusal(user, wanted, path, reason))
  }
}

/** A list, watch or deletecollection of one name is about that object. */
function nameOf(request: ApiRequest, { name }: ResourcePath): string {
  const selector = request.query.get('fieldSelector') ?? ''
  if (name !== '' || selector === '') return name
  const parsed = parseFieldSelector(selector)
  const ofName = parsed.ok ? parsed.value.requirements.filter(({ field }) => field === 'metadata.name') : []
  const [only] = ofName
  return only && ofName.length === 1 && only.operator === '=' ? only.value : ''
}

/** The same for paths that are no resource. @throws StatusError 403 */
export function checkPathAccess(authorizer: Authorizer, { user, method, path }: ApiRequest): void {
  const verb = method === 'HEAD' ? 'head' : method.toLowerCase()
  const { allowed, reason } = authorizer.authorize({ kind: 'path', user, verb, path })
  if (allowed) return
  const text = `User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}`
  throw failure(403, 'Forbidden', `forbidden: ${reason === '' ? text : `${text}: ${reason}`}`, {})
}

/** `User "jane" cannot list resource "pods" in API group "" in the namespace "demo"` */
export function describeRefusal(user: User, verb: string, path: ResourcePath, reason: string): string {
  const { group, plural, subresource, namespace } = path
  const resource = subresource === '' ? plural : `${plural}/${subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  const who = `User ${JSON.stringify(user.name)}`
  const text = `${who} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`
  return reason === '' ? text : `${text}: ${reason}`
}
