import type { ExternalAuthorizer, HttpAuthorizer } from '../../../model/index.ts'
import type { SubrequestOutcome, Subrequest } from '../../exchange/subrequest.ts'
import type { Exchange } from '../../exchange/types.ts'
import { fieldEntries, type HeadBlock } from '../../http1/head-block.ts'
import type { AuthorizationAnswer } from './answer.ts'
import { compileNames, fieldLine, type NameTest } from './names.ts'

/** A service that decides by the status of its answer. @see Envoy, ext_authz, RawHttpClientImpl */
export interface HttpQuestion {
  readonly ask: (exchange: Exchange, body: Buffer) => Subrequest
  readonly read: (outcome: SubrequestOutcome) => AuthorizationAnswer
}

const OK = 200

export function createHttpQuestion(authorizer: ExternalAuthorizer, http: HttpAuthorizer): HttpQuestion {
  const shown = compileNames(['authorization', ...http.requestFields])
  const upstream = compileNames(http.upstreamFields)
  const allowedClient = compileNames(http.allowedClientFields)
  const deniedClient = deniedFields(http)
  const added = http.addedFields.map(({ name, value }) => fieldLine(name, value)).join('')
  return {
    ask: (exchange, body) => ({
      method: exchange.method,
      authority: exchange.authority,
      path: `${http.pathPrefix}${exchange.path}`,
      lines: shownLines(exchange, shown) + added,
      body,
      isHttp2: false,
      timeoutMs: authorizer.timeoutMs,
    }),
    read(outcome) {
      if (outcome.kind === 'failure') return { kind: 'failed', detail: outcome.detail }
      const fields = outcome.head === undefined ? [] : entriesOf(outcome.head)
      if (outcome.status >= 500) return { kind: 'failed', detail: `it answers ${outcome.status}` }
      if (outcome.status !== OK) {
        return {
          kind: 'denied',
          status: outcome.status,
          lines: linesOf(fields, (name) => name !== 'content-type' && deniedClient(name)),
          contentType: fields.find(([name]) => name === 'content-type')?.[1],
          body: outcome.body.toString('utf8'),
        }
      }
      return {
        kind: 'allowed',
        set: fields.filter(([name]) => upstream(name) && !OF_MESSAGE.has(name)),
        append: [],
        remove: [],
        responseLines: linesOf(fields, allowedClient),
      }
    },
  }
}

/** Without a list a refused client gets all that the service says; with one, what it needs to go on as well. */
function deniedFields({ deniedClientFields: names }: HttpAuthorizer): NameTest {
  return names.length === 0 ? () => true : compileNames(['www-authenticate', 'location', ...names])
}

/** Fields that belong to one message on one connection. */
const OF_MESSAGE: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'host',
  'keep-alive',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-envoy-upstream-service-time',
])

function linesOf(fields: readonly [string, string][], isWanted: NameTest): string {
  return fields
    .filter(([name]) => isWanted(name) && !OF_MESSAGE.has(name))
    .map(([name, value]) => fieldLine(name, value))
    .join('')
}

export function entriesOf(head: HeadBlock): [string, string][] {
  return fieldEntries(head).map(([name, value]) => [name.toLowerCase(), value])
}

function shownLines({ head }: Exchange, isShown: NameTest): string {
  return linesOf(requestFields(head), isShown)
}

/** Those of the client, and those that the proxy has added. */
export function requestFields(head: HeadBlock): [string, string][] {
  const added = head.added.flatMap((lines): [string, string][] =>
    lines
      .toString('latin1')
      .split('\r\n')
      .flatMap((line): [string, string][] => {
        const colon = line.indexOf(':')
        return colon <= 0 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]]
      }),
  )
  return [...entriesOf(head), ...added]
}
