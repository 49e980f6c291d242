import { equalsText, FIELD_STRIDE, type HeadBlock, VALUE_END, VALUE_START } from '../http1/head-block.ts'
import { FIELD } from '../http1/known-fields.ts'
import type { Exchange } from './types.ts'

const TYPE = 'application/grpc'
const PLUS = 0x2b
const SEMICOLON = 0x3b

/** Whether a request is one of gRPC, whatever the version of HTTP; gRPC-Web that is translated is one. */
export function isGrpc(exchange: Exchange): boolean {
  return exchange.bodyDecoder !== undefined || hasGrpcType(exchange.head)
}

export function isGrpcType(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:[+;]|$)/.test(contentType)
}

/** @see gRPC, "HTTP to gRPC status code mapping" */
const GRPC_STATUS: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
}
const GRPC_UNKNOWN = 2

/** What a status of HTTP means to gRPC. */
export function grpcStatusOf(status: number): number {
  return GRPC_STATUS[status] ?? GRPC_UNKNOWN
}

/** gRPC over HTTP/2, Percent-Encoded: all but printable ASCII, and the sign itself. */
export function percentEncode(text: string): string {
  const encoded = [...Buffer.from(text)].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x25
      ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      : String.fromCharCode(byte),
  )
  return encoded.join('')
}

/** By the bytes: no text is made of the type of a request that is none. */
function hasGrpcType(head: HeadBlock): boolean {
  const line = head.known[FIELD['content-type']] as number
  if (line === 0) return false
  const at = (line - 1) * FIELD_STRIDE
  const start = head.base + (head.fields[at + VALUE_START] as number)
  const length = head.base + (head.fields[at + VALUE_END] as number) - start
  if (length < TYPE.length || !equalsText(head.bytes, start, TYPE)) return false
  const next = head.bytes[start + TYPE.length]
  return length === TYPE.length || next === PLUS || next === SEMICOLON
}
