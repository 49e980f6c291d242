import { bodyOf, type ByteStream, isBeginOfBody, type OpenStream } from './byte-stream.ts'
import { createMessageReader, type Message } from './http1-reader.ts'
import type { End } from './kernel.ts'
import { type Arrival, arrive, type Ledger } from './ledger.ts'
import type { Scheduler } from './scheduler.ts'

/** A server of HTTP/1.1 that does to each request what the scenario says. */
export interface Upstream {
  readonly accept: (end: End) => void
  /** Breaks off all it has. */
  readonly crash: () => void
}

interface Connection {
  readonly stream: ByteStream
  /** Being answered; the next one has to wait for it. */
  busyWith: Arrival | undefined
  /** Requests that have been looked at. */
  seen: number
  isOver: boolean
}

export interface UpstreamParts {
  readonly scheduler: Scheduler
  readonly ledger: Ledger
  /** Its number. */
  readonly host: number
  readonly openStream: OpenStream
}

export function createHttp1Upstream({ scheduler, ledger, host, openStream }: UpstreamParts): Upstream {
  const connections = new Set<Connection>()

  function accept(end: End): void {
    end.owner = `host ${host}`
    const reader = createMessageReader('request')
    const connection: Connection = {
      stream: openStream(end, {
        data(bytes) {
          if (connection.isOver) return
          const problem = reader.feed(bytes)
          if (problem !== undefined) {
            ledger.fail(`host ${host} cannot read what it gets: ${problem}`)
            finish(connection, 'reset')
            return
          }
          look(connection, reader.messages)
        },
        ended(how) {
          reader.end()
          ledger.trace(`host ${host} hears ${how}`)
          if (how === 'end' && !connection.isOver) finish(connection, 'close')
          connection.isOver = true
          connections.delete(connection)
        },
      }),
      busyWith: undefined,
      seen: 0,
      isOver: false,
    }
    connections.add(connection)
  }

  function finish(connection: Connection, how: 'close' | 'reset'): void {
    connection.isOver = true
    connection.stream.finish(how)
    connections.delete(connection)
  }

  function look(connection: Connection, messages: readonly Message[]): void {
    for (;;) {
      const message = messages[Math.max(0, connection.seen - 1)]
      if (connection.busyWith !== undefined && message !== undefined)
        follow(connection, connection.busyWith, message)
      const next = messages[connection.seen]
      if (next === undefined) return
      if (connection.busyWith !== undefined && !connection.busyWith.hasEnded) {
        ledger.fail(`host ${host} got a request before the one before it was answered`)
        return
      }
      connection.seen++
      begin(connection, next)
    }
  }

  function begin(connection: Connection, message: Message): void {
    const [method = '', path = ''] = message.line.split(' ')
    if (path === '/health') {
      connection.stream.send('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      return
    }
    const id = Number(message.headers.get('x-id'))
    if (path !== `/r/${id}`) ledger.fail(`request ${id} came with the path ${path}`)
    const arrival = arrive(ledger, { id, host, at: scheduler.monotonic(), method })
    if (arrival === undefined) return finish(connection, 'reset')
    connection.busyWith = arrival
    const { script } = arrival
    if (script.kind === 'reset') return finish(connection, 'reset')
    if (script.kind === 'refuse') return finish(connection, 'close')
    if (script.isEarly && script.kind === 'answer') answerLater(connection, arrival)
    if (script.kind === 'garbage') {
      connection.stream.send('HTTP/1.1 two hundred\r\n\r\n')
      finish(connection, 'close')
      return
    }
    follow(connection, arrival, message)
  }

  /** What has come of the request under way. */
  function follow(connection: Connection, arrival: Arrival, message: Message): void {
    const sent = ledger.sent.get(arrival.id)
    if (arrival.isComplete || sent === undefined || connection.isOver) return
    if (!message.isComplete) return
    arrival.isComplete = true
    const { body } = sent.script
    if (!sent.isWhole && body.kind !== 'none' && message.body.length < body.bytes)
      ledger.fail(`request ${arrival.id} is complete at host ${host}, but its client has not sent it all`)
    if (message.body.length !== body.bytes || !isBeginOfBody(arrival.id, message.body, body.bytes))
      ledger.fail(
        `request ${arrival.id} came with another body: ${message.body.length} of ${body.bytes} bytes`,
      )
    const { script } = arrival
    if (script.kind === 'close') finish(connection, 'close')
    else if (script.kind === 'answer' && !script.isEarly) answerLater(connection, arrival)
  }

  function answerLater(connection: Connection, arrival: Arrival): void {
    scheduler.at(arrival.script.delayMs, () => {
      if (!connection.isOver) answer(connection, arrival)
    })
  }

  function answer(connection: Connection, arrival: Arrival): void {
    const { script } = arrival
    const bytes = messageOf(arrival)
    const { cut } = script
    const cutAt = cut === undefined ? bytes.length : Math.floor(bytes.length * cut.share)
    const half = script.pauseMs > 0 ? cutAt >> 1 : cutAt
    arrival.answered = 'begun'
    connection.stream.send(bytes.subarray(0, half))
    const rest = (): void => {
      if (connection.isOver) return
      connection.stream.send(bytes.subarray(half, cutAt))
      if (cutAt === bytes.length) arrival.answered = 'whole'
      if (cut?.how === 'stall') return
      arrival.hasEnded = cut === undefined
      if (cut !== undefined) finish(connection, cut.how === 'reset' ? 'reset' : 'close')
      else if (script.closes || script.body.kind === 'until-close') finish(connection, 'close')
      else if (script.isTwice) {
        // It may be taken for the answer to the next request; from then on nobody could tell which is whose.
        connection.stream.send('HTTP/1.1 200 OK\r\nx-id: 0\r\ncontent-length: 4\r\n\r\nevil')
        finish(connection, 'close')
      }
    }
    if (script.pauseMs > 0) scheduler.at(script.pauseMs, rest)
    else rest()
  }

  return {
    accept,
    crash() {
      for (const connection of connections) finish(connection, 'reset')
    },
  }
}

function messageOf(arrival: Arrival): Buffer {
  const { script, id, serial, method } = arrival
  const { body } = script
  let head = ''
  for (let index = 0; index < script.informational; index++)
    head += `HTTP/1.1 103 Early Hints\r\nlink: </${id}>\r\n\r\n`
  head += `HTTP/1.1 ${script.status} Whatever\r\nx-id: ${id}\r\nx-serial: ${serial}\r\nx-size: ${body.bytes}\r\n`
  if (script.closes) head += 'connection: close\r\n'
  if (body.kind === 'length') head += `content-length: ${body.bytes}\r\n`
  if (body.kind === 'chunked') head += 'transfer-encoding: chunked\r\n'
  const parts: Buffer[] = [Buffer.from(`${head}\r\n`)]
  if (method !== 'HEAD' && body.kind !== 'none') {
    const bytes = bodyOf(serial, body.bytes)
    if (body.kind === 'chunked')
      parts.push(...chunksOf(bytes, script.hasTrailers ? `x-sum: ${serial}\r\n` : ''))
    else parts.push(bytes)
  }
  return Buffer.concat(parts)
}

export function chunksOf(bytes: Buffer, trailers: string): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 7000) {
    const chunk = bytes.subarray(at, at + 7000)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  return [...parts, Buffer.from(`0\r\n${trailers}\r\n`)]
}
