import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { ExternalAuthorizer } from '../../../model/index.ts'
import {
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
  type HeaderValueOption,
} from '../../../proto/index.ts'
import type { ConnectionFacts } from '../../../policy/index.ts'
import { lineValue } from '../../../telemetry/index.ts'
import { fieldValue } from '../../http1/head-block.ts'
import type { Subrequest, SubrequestOutcome } from '../../exchange/subrequest.ts'
import type { Exchange } from '../../exchange/types.ts'
import type { AuthorizationAnswer } from './answer.ts'
import { requestFields } from './ask-http.ts'
import { fieldLine } from './names.ts'

const METHOD = '/envoy.service.auth.v3.Authorization/Check'
const PREFIX_BYTES = 5
const FORBIDDEN = 403

/** One call of `envoy.service.auth.v3.Authorization`. */
export function grpcQuestion(
  exchange: Exchange,
  connection: ConnectionFacts,
  options: { readonly authorizer: ExternalAuthorizer; readonly body: Buffer },
): Subrequest {
  return callOf(options.authorizer, checkRequest(exchange, connection, options))
}

/** The same of a connection that is no HTTP: there is nothing but who connects to what. */
export function connectionQuestion(connection: ConnectionFacts, authorizer: ExternalAuthorizer): Subrequest {
  return callOf(authorizer, create(CheckRequestSchema, { attributes: attributesOf(connection) }))
}

function callOf(authorizer: ExternalAuthorizer, request: CheckRequest): Subrequest {
  const message = toBinary(CheckRequestSchema, request)
  const framed = Buffer.alloc(PREFIX_BYTES + message.length)
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, PREFIX_BYTES)
  return {
    method: 'POST',
    authority: authorizer.host,
    path: METHOD,
    lines: `content-type: application/grpc\r\nte: trailers\r\ngrpc-timeout: ${authorizer.timeoutMs}m\r\n`,
    body: framed,
    isHttp2: true,
    timeoutMs: authorizer.timeoutMs,
  }
}

function checkRequest(
  exchange: Exchange,
  connection: ConnectionFacts,
  { authorizer, body }: { readonly authorizer: ExternalAuthorizer; readonly body: Buffer },
) {
  const { startTime } = exchange
  const headers: Record<string, string> = {
    ':method': exchange.method,
    ':path': exchange.path,
    ':authority': exchange.authority,
    ':scheme': exchange.scheme,
  }
  for (const [name, value] of requestFields(exchange.head)) {
    if (name === 'host') continue
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`
  }
  const isRaw = authorizer.body?.isRaw === true
  return create(CheckRequestSchema, {
    attributes: {
      ...attributesOf(connection),
      request: {
        time: {
          seconds: BigInt(Math.floor(startTime / 1000)),
          nanos: Math.floor(startTime % 1000) * 1_000_000,
        },
        http: {
          id: exchange.requestId,
          method: exchange.method,
          headers,
          path: exchange.path,
          host: exchange.authority,
          scheme: exchange.scheme,
          protocol: exchange.protocol,
          size: BigInt(exchange.bodyLength),
          ...(isRaw ? { rawBody: new Uint8Array(body) } : { body: body.toString('utf8') }),
        },
      },
    },
  })
}

function attributesOf(connection: ConnectionFacts) {
  return {
    source: {
      address: addressOf(connection.sourceAddress, connection.sourcePort),
      principal: connection.peer?.principal ?? '',
    },
    destination: { address: addressOf(connection.destinationAddress, connection.destinationPort) },
    ...(connection.serverName !== undefined && { tlsSession: { sni: connection.serverName } }),
  }
}

function addressOf(address: string, portValue: number) {
  const specifier = { case: 'portValue', value: portValue } as const
  return { address: { case: 'socketAddress', value: { address, portSpecifier: specifier } } } as const
}

export function readGrpcAnswer(outcome: SubrequestOutcome): AuthorizationAnswer {
  if (outcome.kind === 'failure') return { kind: 'failed', detail: outcome.detail }
  const { status, head, trailers, body } = outcome
  const grpcStatus =
    (trailers === '' ? undefined : lineValue(trailers, 'grpc-status')) ??
    (head === undefined ? undefined : fieldValue(head, 'grpc-status'))
  if (status !== 200 || grpcStatus !== '0')
    return { kind: 'failed', detail: `it answers ${status} with grpc-status ${grpcStatus ?? '(none)'}` }
  const length = body.length < PREFIX_BYTES ? -1 : body.readUInt32BE(1)
  if (body[0] !== 0 || length !== body.length - PREFIX_BYTES)
    return { kind: 'failed', detail: 'its message is compressed or cut off' }
  try {
    return decide(fromBinary(CheckResponseSchema, body.subarray(PREFIX_BYTES)))
  } catch {
    return { kind: 'failed', detail: 'its message is no CheckResponse' }
  }
}

function decide({ status, httpResponse }: CheckResponse): AuthorizationAnswer {
  if ((status?.code ?? 0) === 0) {
    const ok = httpResponse.case === 'okResponse' ? httpResponse.value : undefined
    const headers = ok?.headers ?? []
    return {
      kind: 'allowed',
      set: headers.filter((one) => !isAppended(one)).flatMap(pairOf),
      append: headers.filter(isAppended).flatMap(pairOf),
      remove: (ok?.headersToRemove ?? []).map((name) => name.toLowerCase()).filter(mayGo),
      responseLines: (ok?.responseHeadersToAdd ?? []).flatMap(pairOf).map(lineOf).join(''),
    }
  }
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined
  const fields = (denied?.headers ?? []).flatMap(pairOf)
  const code = denied?.status?.code ?? 0
  return {
    kind: 'denied',
    status: code >= 200 && code <= 599 ? code : FORBIDDEN,
    lines: fields
      .filter(([name]) => name !== 'content-type' && name !== 'content-length')
      .map(lineOf)
      .join(''),
    contentType: fields.find(([name]) => name === 'content-type')?.[1],
    body: denied?.body ?? '',
  }
}

/** What frames and names the request is not the service's to take away. */
function mayGo(name: string): boolean {
  return !name.startsWith(':') && name !== 'host'
}

function isAppended({ append }: HeaderValueOption): boolean {
  return append === true
}

function pairOf({ header }: HeaderValueOption): [string, string][] {
  if (header === undefined || header.key.startsWith(':')) return []
  const value = header.value === '' ? Buffer.from(header.rawValue).toString('latin1') : header.value
  return [[header.key.toLowerCase(), value]]
}

function lineOf([name, value]: readonly [string, string]): string {
  return fieldLine(name, value)
}
