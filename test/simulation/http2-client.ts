import type { Field } from '../../fuzz/plain-hpack.ts'
import { bodyOf } from './byte-stream.ts'
import type { ClientParts, SimulatedClient } from './http1-client.ts'
import { createHttp2Peer, ERROR, type Http2Peer } from './http2-peer.ts'
import type { Sent } from './ledger.ts'
import type { RequestScript } from './scenario.ts'

interface Exchange {
  readonly sent: Sent
  readonly stream: number
  fields: Map<string, string>
  trailers: Map<string, string>
  body: Buffer[]
  isOver: boolean
  /** What may still come was on its way. */
  isCancelled: boolean
}

interface Line {
  readonly peer: Http2Peer
  readonly exchanges: Map<number, Exchange>
  nextStream: number
  isClosing: boolean
  isOver: boolean
}

/** A client of HTTP/2: all requests on one connection, at once or one after the other. */
export function createHttp2Client(parts: ClientParts & { readonly window: number }): SimulatedClient {
  const { scheduler, kernel, ledger, script } = parts
  const waiting = [...script.requests]
  let line: Line | undefined
  let hasLeft = false
  let isSending = false
  let stalledUntil = 0

  function open(): void {
    const end = kernel.connect(parts.target, parts.from, {
      connected: () => {
        mine.peer.stream.send('')
        sendNext(mine)
      },
      failed: () => {
        mine.isOver = true
        waiting.length = 0
      },
    })
    end.owner = 'client'
    const terms = {
      isClient: true,
      window: parts.window,
      streamsMax: 0,
      pace: script.pace,
      openStream: parts.openStream,
    }
    const peer = createHttp2Peer(end, terms, {
      head: (id, fields, ends) => head(mine, id, fields, ends),
      data: (id, bytes, ends) => data(mine, id, bytes, ends),
      reset: (id, code) => reset(mine, id, code),
      goAway(last, code) {
        ledger.trace(`${parts.from} is told to go away after ${last}, ${code}`)
        mine.isClosing = true
        if (!ledger.hasDrained && code !== ERROR.none)
          ledger.fail(`a client of HTTP/2 is told of an error that it has not made: ${code}`)
        for (const [id, exchange] of mine.exchanges) {
          if (id > last && !exchange.isOver) over(mine, exchange, 'the proxy has not looked at it')
        }
        closeWhenDone(mine)
      },
      ended: (how) => closed(mine, how),
      wrong: (what) => ledger.fail(`a client cannot read what it gets: ${what}`),
    })
    const mine: Line = { peer, exchanges: new Map(), nextStream: 1, isClosing: false, isOver: false }
    line = mine
    if (stalledUntil > scheduler.monotonic()) pauseReading(mine)
  }

  function sendNext(mine: Line): void {
    if (isSending || mine.isOver || mine.isClosing || hasLeft) return
    const next = waiting[0]
    if (next === undefined) return closeWhenDone(mine)
    if (!script.pipelines && isBusy(mine)) return
    isSending = true
    waiting.shift()
    scheduler.at(next.gapMs, () => {
      isSending = false
      if (mine.isOver || mine.isClosing || hasLeft) {
        waiting.unshift(next)
        if (mine.isOver) reopen()
        else closeWhenDone(mine)
        return
      }
      sendRequest(mine, next)
    })
  }

  const isBusy = (mine: Line): boolean => [...mine.exchanges.values()].some((exchange) => !exchange.isOver)

  function closeWhenDone(mine: Line): void {
    if (mine.isOver || isBusy(mine) || isSending) return
    if (!mine.isClosing && waiting.length > 0) return
    mine.isOver = true
    mine.peer.stream.finish('close')
    reopen()
  }

  function reopen(): void {
    if (waiting.length > 0 && !hasLeft) scheduler.at(1, open)
  }

  function sendRequest(mine: Line, request: RequestScript): void {
    const sent: Sent = {
      script: request,
      protocol: 'http2',
      at: scheduler.monotonic(),
      isWhole: false,
      answer: undefined,
      informational: [],
      excuse: undefined,
    }
    const stream = mine.nextStream
    mine.nextStream += 2
    const exchange: Exchange = {
      sent,
      stream,
      fields: new Map(),
      trailers: new Map(),
      body: [],
      isOver: false,
      isCancelled: false,
    }
    mine.exchanges.set(stream, exchange)
    ledger.sent.set(request.id, sent)
    ledger.trace(`${parts.from} sends ${request.method} ${request.id}`)
    const hasBody = request.body.kind !== 'none'
    if (!hasBody) sent.isWhole = true
    mine.peer.sendHead(stream, headOf(request), !hasBody)
    if (request.cancelMs !== undefined) scheduler.at(request.cancelMs, () => cancel(mine, exchange))
    if (!hasBody) return sendNext(mine)
    isSending = true
    const body = bodyOf(request.id, request.body.bytes)
    const half = request.pauseMs > 0 ? body.length >> 1 : 0
    if (half > 0) mine.peer.sendBody(stream, body.subarray(0, half), 'open')
    const rest = (): void => {
      isSending = false
      if (mine.isOver) return hasLeft ? undefined : reopen()
      if (!exchange.isOver) {
        sent.isWhole = true
        mine.peer.sendBody(stream, body.subarray(half), request.id % 3 === 0 ? [['x-sum', '1']] : 'end')
      }
      sendNext(mine)
      if (mine.isClosing) closeWhenDone(mine)
    }
    if (request.pauseMs > 0) scheduler.at(request.pauseMs, rest)
    else rest()
  }

  function cancel(mine: Line, exchange: Exchange): void {
    if (mine.isOver || exchange.isOver) return
    exchange.isCancelled = true
    ledger.trace(`${parts.from} cancels ${exchange.sent.script.id}`)
    mine.peer.reset(exchange.stream, ERROR.cancel)
    if (exchange.fields.size > 0) answered(mine, exchange, false)
    over(mine, exchange, 'the client has cancelled it')
  }

  function head(mine: Line, id: number, fields: readonly Field[], ends: boolean): void {
    const exchange = mine.exchanges.get(id)
    if (exchange?.isCancelled === true) return
    if (exchange === undefined || exchange.isOver)
      return ledger.fail(`a client got an answer on stream ${id}, where nothing is asked`)
    if (exchange.fields.size > 0) exchange.trailers = new Map(fields)
    else if (Number(fields.find(([name]) => name === ':status')?.[1]) < 200) {
      if (ends) ledger.fail('an informational answer ends its stream')
      return
    } else exchange.fields = new Map(fields)
    if (ends) answered(mine, exchange, true)
  }

  function data(mine: Line, id: number, bytes: Buffer, ends: boolean): void {
    const exchange = mine.exchanges.get(id)
    if (exchange?.isCancelled === true) return
    if (exchange === undefined || exchange.isOver || exchange.fields.size === 0)
      return ledger.fail(`a client got data on stream ${id}, where there is no answer`)
    exchange.body.push(bytes)
    if (ends) answered(mine, exchange, true)
  }

  function answered(mine: Line, exchange: Exchange, isComplete: boolean): void {
    const { sent, fields, trailers } = exchange
    const body = Buffer.concat(exchange.body)
    exchange.isOver = true
    sent.answer = {
      status: Number(fields.get(':status')),
      headers: fields,
      trailers,
      body,
      isComplete,
      endsWithConnection: false,
    }
    ledger.trace(
      `${parts.from} has ${sent.answer.status} for ${sent.script.id}, ${body.length} bytes, ${isComplete ? 'whole' : 'broken'}`,
    )
    const length = fields.get('content-length')
    const isBodyless = sent.script.method === 'HEAD' || sent.answer.status === 304
    if (isComplete && length !== undefined && !isBodyless && Number(length) !== body.length)
      ledger.fail(`the answer to ${sent.script.id} ends after ${body.length} of ${length} bytes`)
    sendNext(mine)
    if (mine.isClosing) closeWhenDone(mine)
  }

  function reset(mine: Line, id: number, code: number): void {
    const exchange = mine.exchanges.get(id)
    ledger.trace(`${parts.from} hears that ${exchange?.sent.script.id} is reset with ${code}`)
    if (exchange === undefined || exchange.isOver) return
    if (exchange.fields.size > 0) answered(mine, exchange, false)
    else over(mine, exchange, code === ERROR.refused ? 'the proxy has refused it' : undefined)
  }

  function over(mine: Line, exchange: Exchange, excuse: string | undefined): void {
    exchange.isOver = true
    exchange.sent.excuse = excuse
    sendNext(mine)
    if (mine.isClosing) closeWhenDone(mine)
  }

  function closed(mine: Line, how: 'end' | 'reset'): void {
    ledger.trace(`${parts.from} hears ${how}`)
    if (mine.isOver) return
    mine.isOver = true
    if (how === 'end') mine.peer.stream.finish('close')
    for (const exchange of mine.exchanges.values()) {
      if (exchange.isOver) continue
      if (exchange.fields.size > 0) answered(mine, exchange, false)
      exchange.isOver = true
      if (hasLeft) exchange.sent.excuse = 'the client has left'
    }
    if (!isSending) reopen()
  }

  function pauseReading(mine: Line): void {
    mine.peer.stream.pause()
    scheduler.at(stalledUntil - scheduler.monotonic(), () => mine.peer.stream.resume())
  }

  scheduler.at(script.startMs, open)
  return {
    isDone: () => hasLeft || (line?.isOver === true && waiting.length === 0 && !isSending),
    leave(how) {
      if (hasLeft || line === undefined || line.isOver) return
      hasLeft = true
      ledger.trace(`${parts.from} leaves: ${how}`)
      for (const { sent, isOver } of line.exchanges.values()) if (!isOver) sent.excuse = 'the client has left'
      if (how !== 'half-close') line.isOver = true
      line.peer.stream.finish(how)
    },
    stall(ms) {
      stalledUntil = scheduler.monotonic() + ms
      if (line !== undefined && !line.isOver) pauseReading(line)
    },
  }
}

function headOf(request: RequestScript): Field[] {
  return [
    [':method', request.method],
    [':scheme', 'http'],
    [':authority', 'app'],
    [':path', `/r/${request.id}`],
    ['x-id', String(request.id)],
    ...(request.body.kind === 'length' ? ([['content-length', String(request.body.bytes)]] as const) : []),
  ]
}
