import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import type { ProbeOutcome } from './outcome.ts'

const PATH = '/grpc.health.v1.Health/Check'
const SERVING = 1
const DEADLINE_EXCEEDED: number = status.DEADLINE_EXCEEDED
const UNIMPLEMENTED: number = status.UNIMPLEMENTED
const UNAVAILABLE: number = status.UNAVAILABLE

/**
 * One call of the gRPC health checking protocol. Its two messages have one field each, so they are read and
 * written by hand: request { string service = 1 }, response { enum status = 1 }.
 */
export function checkGrpcHealth(options: {
  readonly address: string
  readonly service: string
  readonly timeoutMs: number
}): Promise<ProbeOutcome> {
  const client = new Client(options.address, credentials.createInsecure())
  return new Promise((resolve) => {
    client.makeUnaryRequest<string, number>(
      PATH,
      encodeRequest,
      decodeResponse,
      options.service,
      new Metadata(),
      { deadline: Date.now() + options.timeoutMs },
      (error, serving) => {
        client.close()
        if (error) resolve({ ok: false, message: grpcMessage(options, error) })
        else if (serving === SERVING) resolve({ ok: true })
        else
          resolve({
            ok: false,
            message: `service unhealthy (responded with "${servingStatus(serving ?? 0)}")`,
          })
      },
    )
  })
}

function grpcMessage(
  options: { readonly address: string; readonly timeoutMs: number },
  error: { readonly code: number; readonly details: string },
): string {
  const seconds = `${options.timeoutMs / 1000}s`
  if (error.code === DEADLINE_EXCEEDED) return `timeout: health rpc did not complete within ${seconds}`
  if (error.code === UNAVAILABLE)
    return `timeout: failed to connect service "${options.address}" within ${seconds}: context deadline exceeded`
  if (error.code === UNIMPLEMENTED) {
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.details}`
  }
  const name = status[error.code] ?? 'Unknown'
  return `error: health rpc probe failed: rpc error: code = ${name} desc = ${error.details}`
}

function servingStatus(value: number): string {
  return ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'][value] ?? String(value)
}

function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service)
  if (text.length === 0) return Buffer.alloc(0)
  // A service's name is a DNS-like name of less than 128 bytes, so its length is one byte.
  return Buffer.concat([Buffer.from([0x0a, Math.min(text.length, 127)]), text.subarray(0, 127)])
}

function decodeResponse(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0
}
