import { parseDurationMs } from '../../base/index.ts'
import type { ExternalAuthorizer, HeaderValue, HttpAuthorizer, Mesh } from '../../model/index.ts'
import { isRecord, type Members, numberOf, recordsOf, textOf } from './members.ts'

/** Istio leaves a call without a bound to 600 s; whoever waits as long has gone before. */
const TIMEOUT_MS = 10_000
const FORBIDDEN = 403
/** So much of a body is held while nobody takes it. */
const BODY_BYTES_MAX = 64 * 1024

interface Place {
  readonly path: string
  readonly problems: string[]
}

/** What MeshConfig says of services that decide over requests. One that is broken is left out: its policies refuse. */
export function translateAuthorizers(config: Members, problems: string[]): Pick<Mesh, 'authorizers'> {
  const authorizers = recordsOf(config['extensionProviders']).flatMap((provider, index) => {
    const name = textOf(provider, 'name') ?? ''
    for (const kind of ['envoyExtAuthzHttp', 'envoyExtAuthzGrpc'] as const) {
      const given = provider[kind]
      const path = `mesh.extensionProviders[${index}].${kind}`
      if (!isRecord(given) || name === '') continue
      const authorizer = translateAuthorizer(name, given, { path, problems })
      if (authorizer === undefined) return []
      return [kind === 'envoyExtAuthzHttp' ? { ...authorizer, http: translateHttp(given) } : authorizer]
    }
    return []
  })
  return authorizers.length === 0 ? {} : { authorizers }
}

function translateAuthorizer(name: string, given: Members, place: Place): ExternalAuthorizer | undefined {
  const { path, problems } = place
  const service = textOf(given, 'service') ?? ''
  const port = Number(given['port'])
  if (service === '' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    problems.push(
      `${path}: must name a service and a port; policies that use it refuse everything they match`,
    )
    return undefined
  }
  const prefix = textOf(given, 'pathPrefix') ?? ''
  if (prefix !== '' && !prefix.startsWith('/')) {
    problems.push(
      `${path}.pathPrefix: must begin with a slash; policies that use it refuse everything they match`,
    )
    return undefined
  }
  const slash = service.indexOf('/')
  const body = bodyOf(given, place)
  return {
    name,
    host: service.slice(slash + 1).toLowerCase(),
    ...(slash > 0 && { namespace: service.slice(0, slash) }),
    port,
    timeoutMs: timeoutOf(given, place),
    failsOpen: given['failOpen'] === true,
    statusOnError: statusOf(given, place),
    ...(body && { body }),
  }
}

function timeoutOf(given: Members, { path, problems }: Place): number {
  const text = textOf(given, 'timeout')
  if (text === undefined) return TIMEOUT_MS
  const ms = parseDurationMs(text)
  if (ms !== undefined && ms > 0) return ms
  problems.push(`${path}.timeout: ${text} is not a duration such as 2s`)
  return TIMEOUT_MS
}

function statusOf(given: Members, { path, problems }: Place): number {
  const text = given['statusOnError']
  if (text === undefined || text === '') return FORBIDDEN
  const status = Number(text)
  if (Number.isInteger(status) && status >= 400 && status <= 599) return status
  problems.push(`${path}.statusOnError: must be a status from 400 to 599; ${FORBIDDEN} is used`)
  return FORBIDDEN
}

function bodyOf(given: Members, { path, problems }: Place): ExternalAuthorizer['body'] | undefined {
  const body = given['includeRequestBodyInCheck']
  if (!isRecord(body)) return undefined
  const asked = numberOf(body, 'maxRequestBytes') ?? 0
  if (asked > BODY_BYTES_MAX)
    problems.push(
      `${path}.includeRequestBodyInCheck.maxRequestBytes: ${BODY_BYTES_MAX} is used, which is the most`,
    )
  return {
    bytesMax: Math.min(BODY_BYTES_MAX, Math.max(1, Math.floor(asked))),
    mayBePartial: body['allowPartialMessage'] === true,
    isRaw: body['packAsBytes'] === true,
  }
}

function translateHttp(given: Members): HttpAuthorizer {
  const names = (member: string): readonly string[] => {
    const list = given[member]
    return Array.isArray(list)
      ? list.filter((one) => typeof one === 'string' && one !== '').map((one: string) => one.toLowerCase())
      : []
  }
  return {
    pathPrefix: textOf(given, 'pathPrefix') ?? '',
    requestFields: [...names('includeRequestHeadersInCheck'), ...names('includeHeadersInCheck')],
    addedFields: addedFields(given['includeAdditionalHeadersInCheck']),
    upstreamFields: names('headersToUpstreamOnAllow'),
    allowedClientFields: names('headersToDownstreamOnAllow'),
    deniedClientFields: names('headersToDownstreamOnDeny'),
  }
}

function addedFields(given: unknown): readonly HeaderValue[] {
  if (!isRecord(given)) return []
  return Object.entries(given).flatMap(([name, value]) =>
    typeof value === 'string' ? [{ name: name.toLowerCase(), value }] : [],
  )
}
