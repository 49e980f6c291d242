import { grpcStatusOf, isGrpcType, percentEncode } from '../../exchange/grpc.ts'
import type { DownstreamStream, ResponseHead } from '../../exchange/types.ts'
import { BODY } from '../../http1/framing.ts'
import { dropKnown, hasField, knownValue } from '../../http1/head-block.ts'
import { FIELD } from '../../http1/known-fields.ts'
import { createBase64Encoder } from './base64.ts'

/** The first byte of a frame that holds trailers (PROTOCOL-WEB, message framing). */
const TRAILERS_FRAME = 0x80

/**
 * Takes an answer of gRPC and gives it on as one of gRPC-Web: the trailers are the last frame of the body.
 * @param inner where it goes
 */
export function createWebStream(
  inner: DownstreamStream,
  options: { readonly isText: boolean; readonly codec: string },
): DownstreamStream {
  const contentType = `content-type: application/grpc-web${options.isText ? '-text' : ''}${options.codec}\r\n`
  const encoder = options.isText ? createBase64Encoder() : undefined
  let hasBody = true

  function sendData(bytes: Buffer, start: number, end: number): void {
    if (!hasBody) return
    if (encoder === undefined) {
      inner.sendData(bytes, start, end)
      return
    }
    const text = encoder.encode(bytes, start, end)
    if (text.length > 0) inner.sendData(text, 0, text.length)
  }

  function sendHead(response: ResponseHead): void {
    const { block, lines } = response
    if (block === undefined) {
      // An answer of the proxy, which is one of gRPC already.
      inner.sendHead({ ...response, lines: lines.replace(/^content-type: [^\r]*\r\n/m, contentType) })
      return
    }
    const isGrpc = isGrpcType(knownValue(block, FIELD['content-type']))
    const isEmpty = response.kind === BODY.none
    dropKnown(block, FIELD['content-type'])
    if (isGrpc && isEmpty) {
      inner.sendHead({ ...response, lines: `${lines}${contentType}` })
      return
    }
    const hadLength = hasField(block, FIELD['content-length'])
    dropKnown(block, FIELD['content-length'])
    if (isGrpc) {
      inner.sendHead({ ...response, lines: `${lines}${contentType}`, kind: BODY.chunked, length: 0 })
      return
    }
    hasBody = false
    const status = `grpc-status: ${grpcStatusOf(response.status)}\r\ngrpc-message: ${messageFor(response.status)}\r\n`
    const length = hadLength ? 'content-length: 0\r\n' : ''
    inner.sendHead({
      ...response,
      lines: `${lines}${contentType}${status}${length}`,
      kind: BODY.none,
      length: 0,
    })
  }

  return {
    protocol: inner.protocol,
    remoteAddress: inner.remoteAddress,
    remotePort: inner.remotePort,
    localAddress: inner.localAddress,
    localPort: inner.localPort,
    sendHead,
    sendInformational: (status, head) => inner.sendInformational(status, head),
    sendData,
    sendEnd(trailers) {
      if (hasBody && trailers !== '') {
        const frame = frameOf(trailers)
        sendData(frame, 0, frame.length)
      }
      inner.sendEnd('')
    },
    flush: () => inner.flush(),
    becomeTunnel: () => inner.becomeTunnel(),
    endTunnel: () => inner.endTunnel(),
    pauseRequest: () => inner.pauseRequest(),
    resumeRequest: () => inner.resumeRequest(),
    done: () => inner.done(),
    reset: () => inner.reset(),
  }
}

/** What answered is no server of gRPC; its body would mean nothing to the client. */
function messageFor(status: number): string {
  return percentEncode(`the server answered ${status}, which is no answer of gRPC`)
}

function frameOf(trailers: string): Buffer {
  const length = Buffer.byteLength(trailers, 'latin1')
  const frame = Buffer.allocUnsafe(5 + length)
  frame[0] = TRAILERS_FRAME
  frame.writeUInt32BE(length, 1)
  frame.write(trailers, 5, 'latin1')
  return frame
}
