import type { ServerContext } from '../context.ts'
import { readKind } from '../decode.ts'
import { at, formatTime, isObject, listAt, stringAt } from '../json.ts'
import type { ApiResponse } from '../request.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import type { BoundObject } from '../auth/service-account-token.ts'
import { badRequest, conflict, invalid, methodNotAllowed, notFound } from '../status-error.ts'

const SECONDS_MIN = 600
const SECONDS_DEFAULT = 3600
const SECONDS_MAX = 2 ** 32

/** `POST serviceaccounts/x/token`: a TokenRequest, answered with the token. */
export async function handleTokenRequest(
  context: ServerContext,
  asked: ResourceRequest,
): Promise<ApiResponse> {
  const { path, resource, request, verb } = asked
  if (verb !== 'create') throw methodNotAllowed()
  const account = context.store.get(keyOf(resource, path.namespace, path.name))?.object
  if (!account) throw notFound(resource.info, path.name)
  const { value: body } = await readKind(request, TOKEN_REQUEST)
  const seconds = readSeconds(at(body, 'spec', 'expirationSeconds'))
  const asks = listAt(body, 'spec', 'audiences').filter((audience) => typeof audience === 'string')
  const audiences = asks.length === 0 ? [context.tokens.issuer] : asks
  const bound = readBound(context, path.namespace, at(body, 'spec', 'boundObjectRef'))
  const issuedAt = Math.floor(context.clock.now() / 1000)
  const token = context.tokens.issue({
    namespace: path.namespace,
    serviceAccount: { name: path.name, uid: account.metadata.uid ?? '' },
    ...(bound ? { bound } : {}),
    audiences,
    issuedAt,
    expiresAt: issuedAt + seconds,
  })
  return {
    kind: 'object',
    status: 201,
    object: {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {
        name: path.name,
        namespace: path.namespace,
        uid: account.metadata.uid,
        creationTimestamp: formatTime(context.clock.now()),
      },
      spec: {
        audiences,
        expirationSeconds: seconds,
        boundObjectRef: at(body, 'spec', 'boundObjectRef') ?? null,
      },
      status: { token, expirationTimestamp: formatTime((issuedAt + seconds) * 1000) },
    },
  }
}

const TOKEN_REQUEST = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }

function readSeconds(value: unknown): number {
  if (value === undefined || value === null) return SECONDS_DEFAULT
  if (typeof value === 'number' && value >= SECONDS_MIN && value <= SECONDS_MAX) return Math.floor(value)
  const detail =
    typeof value === 'number' && value > SECONDS_MAX
      ? 'may not specify a duration larger than 2^32 seconds'
      : 'may not specify a duration less than 10 minutes'
  throw invalid(TOKEN_REQUEST, '', [{ type: 'Invalid value', path: 'spec.expirationSeconds', value, detail }])
}

function readBound(context: ServerContext, namespace: string, reference: unknown): BoundObject | undefined {
  if (!isObject(reference)) return undefined
  const kind = stringAt(reference, 'kind')
  const name = stringAt(reference, 'name') ?? ''
  if (kind !== 'Pod' && kind !== 'Secret') {
    throw badRequest(`cannot bind token for serviceaccount to object of type ${JSON.stringify(kind)}`)
  }
  const plural = kind === 'Pod' ? 'pods' : 'secrets'
  const object = context.store.get({ collection: `core/${plural}`, namespace, name })?.object
  if (!object) throw notFound({ group: '', plural }, name)
  const uid = stringAt(reference, 'uid') ?? ''
  if (uid !== '' && uid !== object.metadata.uid) {
    const detail = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`
    throw conflict({ group: '', plural }, name, detail)
  }
  return { kind, name, uid: object.metadata.uid ?? '' }
}
