import type { Exchange } from '../exchange/types.ts'
import { type OutBuffer, putSlice, putText } from './out-buffer.ts'
import { putAdded, putFields } from './write-head.ts'

/** The request line and fields as they go upstream. The head keeps its marks, so a second try writes the same again. */
export function putRequestHead(out: OutBuffer, exchange: Exchange): void {
  const { head } = exchange
  if (!exchange.targetChanged && head.minor === 1 && head.bytes[head.base + head.firstEnd + 1] === 47) {
    // The line stands as it is to be sent: method, origin-form, version.
    putSlice(out, head.bytes, head.base, head.base + head.secondEnd + 11)
  } else {
    const target = exchange.upgrade === 'connect' ? exchange.authority : exchange.path
    putText(out, `${exchange.method} ${target} HTTP/1.1\r\n`)
  }
  putFields(out, head)
  putAdded(out, head)
  const { plan } = exchange
  if (plan !== undefined) {
    putText(out, plan.requestLines)
    if (plan.attemptCount && exchange.context.rules.attemptCount) putText(out, attemptLine(exchange.attempt))
  }
  if (exchange.upgrade !== '' && exchange.upgrade !== 'connect')
    putText(out, `connection: upgrade\r\nupgrade: ${exchange.upgrade}\r\n`)
  if (exchange.hasBody && exchange.bodyLength < 0) putText(out, 'transfer-encoding: chunked\r\n\r\n')
  else putText(out, '\r\n')
}

const FIRST_ATTEMPT = 'x-envoy-attempt-count: 1\r\n'

function attemptLine(attempt: number): string {
  return attempt === 1 ? FIRST_ATTEMPT : `x-envoy-attempt-count: ${attempt}\r\n`
}
