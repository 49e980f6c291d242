import type { AuthorizationAttribute } from '../../model/index.ts'
import type { ConnectionFacts } from '../connection.ts'
import { claimAt, pathOf } from './condition.ts'
import type { RequestFacts } from './facts.ts'

/** What of a request the attributes see, in words: `method POST on path /orders, from spiffe://…`. */
export function describeFacts(
  attributes: readonly AuthorizationAttribute[],
  request: RequestFacts | undefined,
  connection: ConnectionFacts,
): string {
  const seen = new Set(attributes.map((attribute) => describeFact(attribute, request, connection)))
  const words = [...seen].filter((word) => word !== '')
  return words.length === 0 ? 'everything' : words.join(', ')
}

const LENGTH_MAX = 120

function quoted(text: string | undefined): string {
  if (text === undefined) return '(none)'
  const printable = text.replaceAll(/[^\x21-\x7e]/g, '?')
  return printable.length > LENGTH_MAX ? `${printable.slice(0, LENGTH_MAX)}…` : printable
}

/** @returns empty where there is nothing to say */
function describeFact(
  attribute: AuthorizationAttribute,
  request: RequestFacts | undefined,
  connection: ConnectionFacts,
): string {
  switch (attribute.kind) {
    case 'principal':
    case 'trust-domain':
    case 'namespace':
    case 'service-account':
      return connection.peer === undefined
        ? 'a source without identity'
        : `source ${quoted(connection.peer.principal)}`
    case 'source-ip':
      return `source address ${quoted(connection.sourceAddress)}`
    case 'remote-ip':
      return `client address ${quoted(request?.clientAddress() ?? connection.sourceAddress)}`
    case 'destination-ip':
      return `destination address ${quoted(connection.destinationAddress)}`
    case 'port':
      return `port ${connection.destinationPort}`
    case 'server-name':
      return `server name ${quoted(connection.serverName)}`
    case 'unknown':
      return ''
    default:
      return request === undefined ? '' : describeRequestFact(attribute, request)
  }
}

/** Values of fields and claims are not told: they may be secrets. */
function describeRequestFact(attribute: AuthorizationAttribute, request: RequestFacts): string {
  const { auth } = request
  switch (attribute.kind) {
    case 'method':
      return `method ${quoted(request.method)}`
    case 'path':
      return `path ${quoted(pathOf(request))}`
    case 'host':
      return `host ${quoted(request.authority)}`
    case 'header':
      return `field ${quoted(attribute.name)}`
    case 'claim': {
      const has = claimAt(auth?.claims, attribute.path) !== undefined
      return `${has ? 'claim' : 'no claim'} ${quoted(attribute.path.join('.'))}`
    }
    case 'request-principal':
      return auth === undefined
        ? 'no verified token'
        : `token of ${quoted(`${auth.issuer}/${auth.subject ?? ''}`)}`
    case 'audience':
    case 'presenter':
      return auth === undefined ? 'no verified token' : `${attribute.kind} of the token`
    default:
      return ''
  }
}
