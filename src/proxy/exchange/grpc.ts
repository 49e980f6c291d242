import { knownValue } from '../http1/head-block.ts'
import type { Exchange } from './types.ts'
import { FIELD } from '../http1/known-fields.ts'

/** Whether a request is one of gRPC, whatever the version of HTTP. */
export function isGrpc(exchange: Exchange): boolean {
  const type = knownValue(exchange.head, FIELD['content-type'])
  return type !== undefined && /^application\/grpc(?:[+;]|$)/.test(type)
}
