import { copyHead, type HeadBlock } from '../http1/head-block.ts'
import { forward } from './attempt.ts'
import { createExchange } from './exchange.ts'
import { giveUpCopy } from './finish.ts'
import { keepBytes, keepForLater } from './kept-body.ts'
import { NO_RETRY } from './retry.ts'
import { HTTP_SETTINGS, rulesOf } from './rules.ts'
import type {
  DownstreamStream,
  Exchange,
  ForwardTarget,
  HttpContext,
  ProxyThread,
  ResponseHead,
  WorkCounter,
} from './types.ts'

/** A request that the proxy makes itself, for another one. */
export interface Subrequest {
  readonly method: string
  readonly authority: string
  readonly path: string
  /** Fields, each ending in CR LF, without those that frame the message. */
  readonly lines: string
  readonly body: Buffer
  readonly isHttp2: boolean
  readonly timeoutMs: number
}

export type SubrequestOutcome =
  | {
      readonly kind: 'answer'
      readonly status: number
      /** Of the upstream; its bytes are only lent for the call. */
      readonly head: HeadBlock | undefined
      readonly body: Buffer
      readonly trailers: string
    }
  | { readonly kind: 'failure'; readonly detail: string }

/** What is longer of an answer is no answer. */
const ANSWER_BYTES_MAX = 256 * 1024

/**
 * Sends a request to a cluster in the name of the proxy and tells what comes of it, once.
 * @param done gets the head while it is there
 * @returns gives the request up; nothing is told of it any more
 */
export function subrequest(
  from: HttpContext,
  target: ForwardTarget,
  request: Subrequest,
  done: (outcome: SubrequestOutcome) => void,
): () => void {
  const head = from.thread.blocks.acquire()
  const answer = collectAnswer(head, from, done)
  const { body } = request
  const exchange = createExchange({
    context: { ...from, record: () => {}, telemetry: SILENT },
    stream: answer.stream,
    head,
    method: request.method,
    authority: request.authority,
    path: request.path,
    hasBody: body.length > 0,
    bodyLength: body.length,
    upgrade: '',
    protocol: request.isHttp2 ? 'HTTP/2' : 'HTTP/1.1',
  })
  answer.follow(exchange)
  head.added.push(
    `host: ${request.authority}\r\n`,
    request.lines,
    ...(body.length > 0 ? [`content-length: ${body.length}\r\n`] : []),
  )
  exchange.targetChanged = true
  exchange.requestDone = true
  exchange.dispatching = false
  keepForLater(exchange)
  if (body.length > 0 && exchange.kept !== undefined) keepBytes(exchange, exchange.kept, body, 0, body.length)
  forward(exchange, {
    target,
    requestTimeoutMs: request.timeoutMs,
    tryTimeoutMs: 0,
    retry: NO_RETRY,
    response: [],
    requestLines: '',
    baseLines: '',
    attemptCount: false,
  })
  return () => {
    answer.forget()
    giveUpCopy(exchange)
  }
}

/** Where requests come from that the proxy makes for itself. */
export function ownContext(thread: ProxyThread, work: WorkCounter): HttpContext {
  return {
    thread,
    role: 'outbound',
    scheme: 'http',
    port: 80,
    serverLine: '',
    rules: rulesOf('outbound', HTTP_SETTINGS),
    handle: () => {},
    telemetry: SILENT,
    record: () => {},
    isDraining: () => false,
    work,
  }
}

const SILENT: HttpContext['telemetry'] = { responseFields: [], tracer: undefined, tap: undefined }

/** Takes an answer apart from any client. */
function collectAnswer(head: HeadBlock, { thread }: HttpContext, done: (outcome: SubrequestOutcome) => void) {
  let exchange: Exchange | undefined
  let response: ResponseHead | undefined
  let copy: HeadBlock | undefined
  let trailers = ''
  let bytes = 0
  let isTold = false
  const chunks: Buffer[] = []

  function tell(outcome: SubrequestOutcome): void {
    if (isTold) return
    isTold = true
    done(outcome)
  }

  function outcome(): SubrequestOutcome {
    // The proxy's own replies have no fields: nobody has answered.
    if (response === undefined || copy === undefined)
      return { kind: 'failure', detail: exchange?.details ?? 'no answer' }
    if (bytes > ANSWER_BYTES_MAX) return { kind: 'failure', detail: 'the answer is too long' }
    return { kind: 'answer', status: response.status, head: copy, body: Buffer.concat(chunks), trailers }
  }

  const stream: DownstreamStream = {
    protocol: 'none',
    remoteAddress: '',
    remotePort: 0,
    localAddress: '',
    localPort: 0,
    sendHead(given) {
      response = given
      if (given.block === undefined) return
      copy = thread.blocks.acquire()
      copyHead(given.block, copy)
    },
    sendInformational: () => {},
    sendData(from, start, end) {
      bytes += end - start
      if (bytes <= ANSWER_BYTES_MAX) chunks.push(Buffer.copyBytesFrom(from, start, end - start))
    },
    sendEnd(given) {
      trailers = given
    },
    flush: () => true,
    becomeTunnel: () => {},
    endTunnel: () => {},
    pauseRequest: () => {},
    resumeRequest: () => {},
    done() {
      tell(outcome())
      if (copy !== undefined) thread.blocks.release(copy)
      copy = undefined
      thread.blocks.release(head)
    },
    reset() {
      tell({ kind: 'failure', detail: exchange?.details ?? 'reset' })
    },
  }
  return {
    stream,
    follow(one: Exchange) {
      exchange = one
    },
    forget() {
      isTold = true
    },
  }
}
