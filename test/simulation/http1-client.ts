import { bodyOf, type ByteStream, type OpenStream } from './byte-stream.ts'
import { createMessageReader, type Message } from './http1-reader.ts'
import { chunksOf } from './http1-upstream.ts'
import type { Kernel, Place } from './kernel.ts'
import type { Ledger, Sent } from './ledger.ts'
import type { ClientScript, RequestScript } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'

export interface SimulatedClient {
  /** Nothing more is to come. */
  readonly isDone: () => boolean
  /** Leaves whatever it is doing. */
  readonly leave: (how: 'reset' | 'close' | 'half-close') => void
  readonly stall: (ms: number) => void
}

export interface ClientParts {
  readonly scheduler: Scheduler
  readonly kernel: Kernel
  readonly ledger: Ledger
  readonly target: Place
  readonly from: string
  readonly script: ClientScript
  readonly openStream: OpenStream
}

/** How long it waits for `100 Continue` before it sends all the same. */
const CONTINUE_MS = 60

interface Line {
  readonly stream: ByteStream
  readonly sent: Sent[]
  finals: number
  /** No further request on this connection. */
  isClosing: boolean
  isOver: boolean
  continueWith: (() => void) | undefined
}

/** A client of HTTP/1.1; what it has not begun to send when a connection ends goes out on another. */
export function createHttp1Client(parts: ClientParts): SimulatedClient {
  const { scheduler, kernel, ledger, script } = parts
  const waiting = [...script.requests]
  let line: Line | undefined
  let hasLeft = false
  let isSending = false
  let stalledUntil = 0

  function open(): void {
    const sent: Sent[] = []
    const reader = createMessageReader('response', (index) => sent[index]?.script.method === 'HEAD')
    const end = kernel.connect(parts.target, parts.from, {
      connected: () => {
        mine.stream.send('')
        sendNext(mine)
      },
      failed: () => {
        mine.isOver = true
        // Nobody listens any more: the rest is not sent.
        waiting.length = 0
      },
    })
    end.owner = 'client'
    const stream = parts.openStream(
      end,
      {
        data(bytes) {
          const problem = reader.feed(bytes)
          if (problem !== undefined) {
            ledger.fail(`a client cannot read what it gets: ${problem}`)
            mine.isOver = true
            stream.finish('reset')
            return
          }
          look(mine, reader.messages)
        },
        ended(how) {
          if (how === 'end') reader.end()
          look(mine, reader.messages, true)
          closed(mine, how)
        },
      },
      script.pace,
    )
    const mine: Line = { stream, sent, finals: 0, isClosing: false, isOver: false, continueWith: undefined }
    line = mine
    if (stalledUntil > scheduler.monotonic()) pauseReading(mine)
  }

  function sendNext(mine: Line): void {
    if (isSending || mine.isOver || mine.isClosing || hasLeft) return
    const next = waiting[0]
    if (next === undefined) {
      if (mine.finals === mine.sent.length) leaveQuietly(mine)
      return
    }
    // A body that lasts until the connection ends is broken off by a reset, which would take along those before it.
    if ((!script.pipelines || next.isVersion10) && mine.finals < mine.sent.length) return
    isSending = true
    waiting.shift()
    scheduler.at(next.gapMs, () => {
      if (mine.isOver || mine.isClosing || hasLeft) {
        isSending = false
        waiting.unshift(next)
        if (mine.isOver && !hasLeft) reopen()
        return
      }
      sendRequest(mine, next)
    })
  }

  function leaveQuietly(mine: Line): void {
    mine.isOver = true
    mine.stream.finish('close')
  }

  function sendRequest(mine: Line, request: RequestScript): void {
    const sent: Sent = {
      script: request,
      protocol: 'http1',
      at: scheduler.monotonic(),
      isWhole: false,
      answer: undefined,
      informational: [],
      excuse: undefined,
    }
    mine.sent.push(sent)
    ledger.sent.set(request.id, sent)
    ledger.trace(`${parts.from} sends ${request.method} ${request.id}`)
    if (request.asksToClose || request.isVersion10) mine.isClosing = true
    mine.stream.send(headOf(request))
    const sendBody = (): void => {
      mine.continueWith = undefined
      if (!mine.isOver) return sendParts(mine, sent)
      isSending = false
      if (!hasLeft) reopen()
    }
    if (!request.expects || request.body.bytes === 0) return sendBody()
    let isContinued = false
    mine.continueWith = () => {
      if (!isContinued) sendBody()
      isContinued = true
    }
    scheduler.at(CONTINUE_MS, () => {
      if (!isContinued) sendBody()
      isContinued = true
    })
  }

  function sendParts(mine: Line, sent: Sent): void {
    const { script: request } = sent
    const bytes = bodyBytes(request)
    const half = request.pauseMs > 0 ? bytes.length >> 1 : bytes.length
    mine.stream.send(bytes.subarray(0, half))
    const rest = (): void => {
      isSending = false
      if (mine.isOver) {
        if (!hasLeft) reopen()
        return
      }
      // It may arrive from the moment on in which it is handed over.
      sent.isWhole = true
      mine.stream.send(bytes.subarray(half))
      sendNext(mine)
    }
    if (request.pauseMs > 0) scheduler.at(request.pauseMs, rest)
    else rest()
  }

  function look(mine: Line, messages: readonly Message[], hasEnded = false): void {
    let index = 0
    for (const message of messages) {
      const sent = mine.sent[index]
      if (sent === undefined) {
        ledger.fail(`a client got an answer that it did not ask for: ${message.line}`)
        return
      }
      if (message.status < 200) {
        if (message.status === 100) mine.continueWith?.()
        continue
      }
      index++
      if (sent.answer?.isComplete === true || (!message.isComplete && !hasEnded)) continue
      sent.answer = { ...message, endsWithConnection: message.framing === 'until-close' }
      if (!message.isComplete) continue
      mine.finals++
      ledger.trace(`${parts.from} has ${message.status} for ${sent.script.id}, ${message.body.length} bytes`)
      if (message.headers.get('connection') === 'close') mine.isClosing = true
      sendNext(mine)
    }
  }

  function closed(mine: Line, how: 'end' | 'reset'): void {
    ledger.trace(`${parts.from} hears ${how}`)
    mine.isOver = true
    if (how === 'end') mine.stream.finish('close')
    excuse(mine)
    if (hasLeft || isSending) return
    reopen()
  }

  function reopen(): void {
    if (waiting.length > 0) scheduler.at(1, open)
  }

  /** Which of the requests without an answer need none, now that the connection has ended. */
  function excuse(mine: Line): void {
    let reason = hasLeft ? 'the client has left' : undefined
    // Nobody waits for a client that has stopped reading.
    if ((script.stall?.ms ?? 0) > 1000) reason ??= 'the client has not read'
    for (const sent of mine.sent) {
      const { answer } = sent
      sent.excuse = reason
      // To a HEAD all may have come that a client sees, while its host has not ended the answer.
      const isCut =
        sent.script.method === 'HEAD' ||
        ledger.arrivals.get(sent.script.id)?.some(({ script }) => script.cut !== undefined)
      // One that is whole by its length may still have broken off behind the proxy.
      if (answer?.isComplete === false || isCut === true) reason ??= 'an answer before it broke off'
      else if (answer?.headers.get('connection') === 'close')
        reason ??= 'an answer before it ended the connection'
    }
  }

  function pauseReading(mine: Line): void {
    mine.stream.pause()
    scheduler.at(stalledUntil - scheduler.monotonic(), () => mine.stream.resume())
  }

  scheduler.at(script.startMs, open)
  return {
    isDone: () => hasLeft || (line?.isOver === true && waiting.length === 0 && !isSending),
    leave(how) {
      if (hasLeft || line === undefined || line.isOver) return
      hasLeft = true
      ledger.trace(`${parts.from} leaves: ${how}`)
      for (const sent of line.sent) if (sent.answer?.isComplete !== true) sent.excuse = 'the client has left'
      if (how !== 'half-close') line.isOver = true
      line.stream.finish(how)
    },
    stall(ms) {
      stalledUntil = scheduler.monotonic() + ms
      if (line !== undefined && !line.isOver) pauseReading(line)
    },
  }
}

function headOf(request: RequestScript): string {
  const version = request.isVersion10 ? '1.0' : '1.1'
  let head = `${request.method} /r/${request.id} HTTP/${version}\r\nhost: app\r\nx-id: ${request.id}\r\n`
  if (request.body.kind === 'length') head += `content-length: ${request.body.bytes}\r\n`
  if (request.body.kind === 'chunked') head += 'transfer-encoding: chunked\r\n'
  if (request.expects) head += 'expect: 100-continue\r\n'
  if (request.asksToClose) head += 'connection: close\r\n'
  return `${head}\r\n`
}

function bodyBytes(request: RequestScript): Buffer {
  const { kind, bytes } = request.body
  if (kind === 'none') return Buffer.alloc(0)
  const body = bodyOf(request.id, bytes)
  return kind === 'length' ? body : Buffer.concat(chunksOf(body, request.id % 3 === 0 ? 'x-sum: 1\r\n' : ''))
}
