import { knownValue } from '../http1/head-block.ts'
import type { Exchange } from './types.ts'
import { FIELD } from '../http1/known-fields.ts'

/** Whether a request is one of gRPC, whatever the version of HTTP; gRPC-Web that is translated is one. */
export function isGrpc(exchange: Exchange): boolean {
  return exchange.bodyDecoder !== undefined || isGrpcType(knownValue(exchange.head, FIELD['content-type']))
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
