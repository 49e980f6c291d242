import type { Field } from '../../fuzz/plain-hpack.ts'
import { bodyOf, isBeginOfBody } from './byte-stream.ts'
import { createHttp2Peer, ERROR, type Http2Peer } from './http2-peer.ts'
import type { Upstream, UpstreamParts } from './http1-upstream.ts'
import type { End } from './kernel.ts'
import { type Arrival, arrive } from './ledger.ts'

interface Connection {
  readonly peer: Http2Peer
  readonly requests: Map<number, Request>
  lastStream: number
  /** It has said that it serves no stream above. */
  goingAway: number
  isOver: boolean
}

interface Request {
  readonly stream: number
  readonly arrival: Arrival
  readonly body: Buffer[]
  isOver: boolean
}

/** @param terms what it tells its clients of its windows and streams */
export function createHttp2Upstream(
  { scheduler, ledger, host, openStream }: UpstreamParts,
  terms: { readonly window: number; readonly streamsMax: number },
): Upstream {
  const connections = new Set<Connection>()

  function accept(end: End): void {
    end.owner = `host ${host}`
    const peer = createHttp2Peer(
      end,
      { isClient: false, ...terms, openStream },
      {
        head: (id, fields, ends) => head(connection, id, fields, ends),
        data: (id, bytes, ends) => data(connection, id, bytes, ends),
        reset(id) {
          const request = connection.requests.get(id)
          if (request !== undefined) request.isOver = true
          ledger.trace(`host ${host} hears that ${request?.arrival.id} is reset`)
        },
        goAway: () => {},
        ended(how) {
          ledger.trace(`host ${host} hears ${how}`)
          for (const { arrival } of connection.requests.values()) arrival.lostAt ??= scheduler.monotonic()
          if (how === 'end' && !connection.isOver) finish(connection, 'close')
          over(connection)
        },
        wrong: (what) => ledger.fail(`host ${host} cannot read what it gets: ${what}`),
      },
    )
    const connection: Connection = {
      peer,
      requests: new Map(),
      lastStream: 0,
      goingAway: Infinity,
      isOver: false,
    }
    connections.add(connection)
  }

  function over(connection: Connection): void {
    connection.isOver = true
    connections.delete(connection)
    for (const request of connection.requests.values()) request.isOver = true
  }

  function finish(connection: Connection, how: 'close' | 'reset'): void {
    connection.peer.stream.finish(how)
    over(connection)
  }

  function head(connection: Connection, id: number, fields: readonly Field[], ends: boolean): void {
    const known = connection.requests.get(id)
    // Trailers.
    if (known !== undefined) return ends && !known.isOver ? complete(connection, known) : undefined
    if (connection.isOver || id > connection.goingAway) return
    const values = new Map(fields)
    const path = values.get(':path') ?? ''
    connection.lastStream = id
    if (path === '/health') return connection.peer.sendHead(id, [[':status', '200']], true)
    const active = [...connection.requests.values()].filter((request) => isActive(connection, request)).length
    if (active >= terms.streamsMax && connection.peer.isAcknowledged())
      ledger.fail(`host ${host} got more streams than it takes`)
    const arrival = arrive(ledger, {
      id: Number(values.get('x-id')),
      host,
      at: scheduler.monotonic(),
      method: values.get(':method') ?? '',
    })
    if (arrival === undefined) return
    if (path !== `/r/${arrival.id}`) ledger.fail(`request ${arrival.id} came with the path ${path}`)
    const request: Request = { stream: id, arrival, body: [], isOver: false }
    connection.requests.set(id, request)
    begin(connection, request)
    if (ends && !request.isOver) complete(connection, request)
  }

  function begin(connection: Connection, request: Request): void {
    const { script } = request.arrival
    switch (script.kind) {
      case 'reset':
        return resetWith(connection, request, ERROR.internal)
      case 'refuse':
        request.arrival.answered = 'refused'
        return resetWith(connection, request, ERROR.refused)
      case 'garbage':
        connection.peer.stream.send(Buffer.from('no frame of any kind that makes sense'))
        return finish(connection, 'close')
      case 'answer':
        if (script.isEarly) answerLater(connection, request)
        return
      default:
    }
  }

  /** A stream takes a place until its last byte has gone out; that is up to the windows of the other side. */
  function isActive({ peer }: Connection, { isOver, arrival, stream }: Request): boolean {
    return !isOver && !(arrival.hasEnded && peer.isSent(stream))
  }

  function resetWith(connection: Connection, request: Request, code: number): void {
    request.isOver = true
    connection.peer.reset(request.stream, code)
  }

  function data(connection: Connection, id: number, bytes: Buffer, ends: boolean): void {
    const request = connection.requests.get(id)
    if (request === undefined || request.isOver) return
    request.body.push(bytes)
    if (ends) complete(connection, request)
  }

  function complete(connection: Connection, request: Request): void {
    const { arrival } = request
    const sent = ledger.sent.get(arrival.id)
    if (arrival.isComplete || sent === undefined) return
    arrival.isComplete = true
    const body = Buffer.concat(request.body)
    const { bytes } = sent.script.body
    if (body.length !== bytes || !isBeginOfBody(arrival.id, body, bytes))
      ledger.fail(`request ${arrival.id} came with another body: ${body.length} of ${bytes} bytes`)
    const { script } = arrival
    if (script.kind === 'close') finish(connection, 'close')
    else if (script.kind === 'answer' && !script.isEarly) answerLater(connection, request)
  }

  function answerLater(connection: Connection, request: Request): void {
    scheduler.at(request.arrival.script.delayMs, () => {
      if (!request.isOver) answer(connection, request)
    })
  }

  function answer(connection: Connection, request: Request): void {
    const { peer } = connection
    const { stream, arrival } = request
    const { script, serial, method } = arrival
    const body =
      method === 'HEAD' || script.body.kind === 'none' ? Buffer.alloc(0) : bodyOf(serial, script.body.bytes)
    const { cut } = script
    for (let index = 0; index < script.informational; index++)
      peer.sendHead(
        stream,
        [
          [':status', '103'],
          ['link', `</${arrival.id}>`],
        ],
        false,
      )
    arrival.answered = 'begun'
    const isEmpty = body.length === 0 && cut === undefined && !script.hasTrailers
    peer.sendHead(stream, headOf(arrival), isEmpty)
    if (isEmpty) arrival.hasEnded = true
    const cutAt = cut === undefined ? body.length : Math.floor(body.length * cut.share)
    const half = script.pauseMs > 0 ? cutAt >> 1 : cutAt
    if (half > 0 && half < cutAt) peer.sendBody(stream, body.subarray(0, half), 'open')
    const from = half < cutAt ? half : 0
    const rest = (): void => {
      if (request.isOver || connection.isOver) return
      if (cut !== undefined) return breakOff(connection, request, body.subarray(from, cutAt))
      if (!isEmpty) {
        const trailers: readonly Field[] = [['x-sum', String(serial)]]
        peer.sendBody(stream, body.subarray(from), script.hasTrailers ? trailers : 'end')
      }
      whole(connection, request)
    }
    if (script.pauseMs > 0) scheduler.at(script.pauseMs, rest)
    else rest()
  }

  function breakOff(connection: Connection, request: Request, rest: Buffer): void {
    const how = request.arrival.script.cut?.how
    if (rest.length > 0) connection.peer.sendBody(request.stream, rest, 'open')
    if (how === 'reset') resetWith(connection, request, ERROR.internal)
    else if (how === 'close') finish(connection, 'close')
  }

  function whole(connection: Connection, request: Request): void {
    const { script } = request.arrival
    request.arrival.answered = 'whole'
    const { stream } = connection.peer
    // What still waits for room has no last byte yet.
    const end = stream.isFlushed() && connection.peer.isSent(request.stream) ? stream.end.written() : Infinity
    request.arrival.readAt = () => stream.end.readAt(end)
    request.arrival.hasEnded = true
    if (script.isTwice) {
      connection.peer.sendHead(request.stream, headOf(request.arrival), true)
      return
    }
    if (!script.closes || connection.goingAway < Infinity) return
    connection.goingAway = connection.lastStream
    connection.peer.goAway(connection.lastStream)
  }

  return {
    accept,
    crash() {
      for (const connection of new Set(connections)) finish(connection, 'reset')
    },
  }
}

function headOf({ id, serial, script }: Arrival): Field[] {
  return [
    [':status', String(script.status)],
    ['x-id', String(id)],
    ['x-serial', String(serial)],
    ['x-size', String(script.body.bytes)],
    ...(script.body.kind === 'length' ? ([['content-length', String(script.body.bytes)]] as const) : []),
  ]
}
