import { createMessageCounts } from '../../exchange/messages.ts'
import type { Exchange } from '../../exchange/types.ts'
import { dropKnown, FIELD_STRIDE, type HeadBlock, knownValue, VALUE_START } from '../../http1/head-block.ts'
import { FIELD } from '../../http1/known-fields.ts'
import type { HttpFilterFactory } from '../order.ts'
import { createBase64Decoder } from './base64.ts'
import { createWebStream } from './response.ts'

/**
 * Lets browsers call servers of gRPC (gRPC-Web): they can neither send HTTP/2 frames nor read trailers, so that the status
 * comes to them at the end of the body, and on their wish all of it as base64. It is translated where the destination is
 * declared to speak gRPC; a server of gRPC-Web on a port of HTTP gets what was sent. After it everything else sees gRPC.
 * @see gRPC, PROTOCOL-WEB; Envoy, envoy.filters.http.grpc_web
 */
export const grpcWebFilter: HttpFilterFactory = (route, context) => {
  const { action } = route
  if (action.kind !== 'forward') return undefined
  const clusters = action.destinations.flatMap(({ target }) =>
    target.kind === 'service' ? [context.cluster({ ...target, subset: target.subset })] : [],
  )
  if (clusters.length === 0) return undefined
  return {
    request(exchange) {
      if (mayBeGrpcWeb(exchange.head) && clusters.some((cluster) => cluster.speaksGrpc()))
        translateGrpcWeb(exchange)
      return 'continue'
    },
  }
}

/** One look at a byte: the type of gRPC itself has no dash where that of gRPC-Web has one. */
export function mayBeGrpcWeb({ known, fields, bytes, base }: HeadBlock): boolean {
  const index = known[FIELD['content-type']] as number
  if (index === 0) return false
  const start = base + (fields[(index - 1) * FIELD_STRIDE + VALUE_START] as number)
  return bytes[start + GRPC_TYPE.length] === DASH && bytes[start + GRPC_TYPE.length - 1] === LETTER_C
}

const GRPC_TYPE = 'application/grpc'
const DASH = 45
const LETTER_C = 99

const WEB_TYPE = /^application\/grpc-web(-text)?(\+[\w.-]+)?\s*(?:;|$)/

/** Turns the request into one of gRPC, and its answer into one of gRPC-Web. */
export function translateGrpcWeb(exchange: Exchange): void {
  const { head } = exchange
  const type = WEB_TYPE.exec(knownValue(head, FIELD['content-type']) as string)
  if (type === null) return
  const isText = type[1] !== undefined
  // The length is that of the text; and a call may go on for as long as it likes.
  dropKnown(head, FIELD['content-length'])
  exchange.bodyLength = -1
  dropKnown(head, FIELD['content-type'])
  const codec = type[2] === undefined || type[2] === '+proto' ? '' : type[2]
  head.added.push(`content-type: ${GRPC_TYPE}${codec}\r\n`)
  // A browser would have to unpack what the server packs.
  if (exchange.header('grpc-accept-encoding') === undefined)
    head.added.push('grpc-accept-encoding: identity\r\n')
  const accepted = WEB_TYPE.exec(exchange.header('accept') ?? '')
  const wantsText = accepted === null ? isText : accepted[1] !== undefined
  exchange.bodyDecoder = isText ? createBase64Decoder() : AS_IT_IS
  exchange.messages = createMessageCounts()
  exchange.stream = createWebStream(exchange.stream, { isText: wantsText, codec: type[2] ?? '+proto' })
}

const AS_IT_IS = { decode: (bytes: Buffer) => bytes, isWhole: () => true }
