import { type Random, randomIndex } from '../../src/base/index.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * TCP as a program sees it through system calls: two directions with a bounded number of bytes on their way, delivered
 * in pieces of any size after any time; ends, resets, refused connections and such that never come about.
 */
export interface Kernel {
  readonly listen: (port: number, listener: Listener) => () => void
  /** @returns an end that is not connected yet; `connected` or `failed` is called later, or never */
  readonly connect: (target: Place, from: string, outcome: ConnectOutcome) => End
  /** All ends that are open, of either side. */
  readonly ends: () => Iterable<End>
  readonly network: NetworkManners
}

export interface Place {
  readonly address: string
  readonly port: number
}

export interface Listener {
  readonly address?: string
  readonly accept: (end: End) => void
}

export interface ConnectOutcome {
  readonly connected: () => void
  readonly failed: (code: number) => void
}

/** How the network treats what it carries. Changes hold from the next piece on. */
export interface NetworkManners {
  latencyMaxMs: number
  /** The largest piece that arrives at once. */
  pieceMax: number
  /** What is written at once arrives at once. */
  readonly wholePieces?: boolean
  /** Bytes that one direction holds between the two programs. */
  capacity: number
  /** What becomes of a connection that is asked for. */
  connect: (target: Place, from: string) => 'accept' | 'refuse' | 'hang'
  /** The port of the proxy that a connection is led to instead, as sidecars capture it. */
  redirect?: (target: Place, from: string) => number | undefined
}

export const ERRNO = {
  eof: -4095,
  pipe: -32,
  reset: -104,
  refused: -111,
  cancelled: -125,
  notConnected: -107,
} as const

/** One program's side of a connection. */
export interface End {
  readonly local: Place
  readonly remote: Place
  /** Whose it is, for messages and counts. */
  owner: string
  /** Called when reading may bring something, and when writing may go on. */
  onReadable: () => void
  onWritable: () => void
  /** @returns bytes taken, or a negative error */
  readonly write: (bytes: Uint8Array) => number
  /** @returns bytes read into the buffer; 0: nothing now; a negative error, the end of the stream being one */
  readonly read: (into: Uint8Array) => number
  readonly room: () => number
  readonly shutdown: () => void
  readonly close: () => void
  /** Breaks off: what is on its way is lost from some byte on. */
  readonly abort: () => void
  /** Nothing arrives here before this time. */
  stalledUntil: number
  readonly isClosed: () => boolean
  readonly isConnected: () => boolean
  /** Bytes that were sent and have not been read. */
  readonly waiting: () => number
  /** Bytes that have been written. */
  readonly written: () => number
  /** When the other side had read so many of them; undefined: it never has. */
  readonly readAt: (total: number) => number | undefined
}

interface Side extends End {
  state: 'connecting' | 'open' | 'closed'
  other: Side
  /** Sent by the other side: on its way, then arrived. */
  flight: Buffer[]
  flightBytes: number
  inbox: Buffer[]
  inboxBytes: number
  /** Totals of what was read here, each with its time. */
  reads: { readonly at: number; readonly total: number }[]
  writtenBytes: number
  finInFlight: boolean
  finArrived: boolean
  finRead: boolean
  resetInFlight: boolean
  error: number
  /** The reset has been told once. */
  errorTold: boolean
  isShut: boolean
  delivering: boolean
}

const HURRIED_BYTES = 60_000

export function createKernel(scheduler: Scheduler, random: Random, network: NetworkManners): Kernel {
  const listeners = new Map<number, Listener>()
  const open = new Set<Side>()
  let nextPort = 40_000

  const latency = (): number => random.next() * network.latencyMaxMs

  /** Schedules the arrival of the next piece at `side`. */
  function deliverTo(side: Side): void {
    if (side.delivering) return
    if (side.flight.length === 0 && !side.finInFlight && !side.resetInFlight) return
    side.delivering = true
    const stall = Math.max(0, side.stalledUntil - scheduler.monotonic())
    scheduler.at(stall + latency(), () => {
      side.delivering = false
      if (side.stalledUntil <= scheduler.monotonic()) arrive(side)
      deliverTo(side)
    })
  }

  function arrive(side: Side): void {
    const piece = takePiece(side)
    if (piece !== undefined) {
      if (side.state === 'closed') return resetBy(side)
      side.inbox.push(piece)
      side.inboxBytes += piece.length
      side.onReadable()
    } else if (side.resetInFlight) {
      side.resetInFlight = false
      side.finInFlight = false
      if (side.state === 'closed') return
      side.error = side.finArrived ? ERRNO.pipe : ERRNO.reset
      side.errorTold = false
      // What this side had sent is lost with the connection.
      drop(side.other)
      side.onReadable()
      side.onWritable()
    } else if (side.finInFlight) {
      side.finInFlight = false
      if (side.state === 'closed') return
      side.finArrived = true
      side.onReadable()
    }
  }

  function takePiece(side: Side): Buffer | undefined {
    const first = side.flight[0]
    if (first === undefined) return undefined
    if (network.wholePieces === true) {
      side.flight.shift()
      side.flightBytes -= first.length
      return first
    }
    // Much at once now and then, or large bodies would take for ever.
    const wanted = 1 + randomIndex(random, random.next() < 0.3 ? HURRIED_BYTES : network.pieceMax)
    const all = side.flight.length === 1 ? first : Buffer.concat(side.flight)
    const piece = all.subarray(0, wanted)
    side.flight = piece.length === all.length ? [] : [all.subarray(wanted)]
    side.flightBytes -= piece.length
    return piece
  }

  /** Bytes came to an end that is closed: the sender is told. */
  function resetBy(side: Side): void {
    const sender = side.other
    drop(side)
    if (sender.state === 'closed' || sender.resetInFlight || sender.error !== 0) return
    sender.resetInFlight = true
    deliverTo(sender)
  }

  function drop(side: Side): void {
    side.flight = []
    side.flightBytes = 0
    side.finInFlight = false
  }

  function abort(side: Side): void {
    if (side.state === 'closed') return
    const wasOpen = side.state === 'open'
    finishClose(side)
    const { other } = side
    if (!wasOpen || other.state === 'closed' || other.error !== 0) return
    const kept = randomIndex(random, other.flightBytes + 1)
    const all = Buffer.concat(other.flight).subarray(0, kept)
    drop(other)
    if (kept > 0) {
      other.flight = [all]
      other.flightBytes = kept
    }
    other.resetInFlight = true
    deliverTo(other)
  }

  function finishClose(side: Side): void {
    side.state = 'closed'
    open.delete(side)
  }

  function close(side: Side): void {
    if (side.state === 'closed') return
    // Linux: a close that leaves bytes unread is a reset, but what was sent before it goes out.
    if (side.state === 'open' && side.inboxBytes > 0 && side.error === 0) {
      finishClose(side)
      if (side.other.state !== 'closed' && side.other.error === 0) {
        side.other.resetInFlight = true
        deliverTo(side.other)
      }
      return
    }
    shutdown(side)
    finishClose(side)
  }

  function shutdown(side: Side): void {
    if (side.isShut || side.state !== 'open') return
    side.isShut = true
    if (side.error !== 0 || side.other.state === 'closed') return
    side.other.finInFlight = true
    deliverTo(side.other)
  }

  function write(side: Side, bytes: Uint8Array): number {
    if (side.error !== 0) {
      if (side.errorTold) return ERRNO.pipe
      side.errorTold = true
      return side.error
    }
    if (side.state !== 'open' || side.isShut) return ERRNO.pipe
    const count = Math.min(bytes.length, room(side))
    if (count === 0) return 0
    const { other } = side
    other.flight.push(Buffer.copyBytesFrom(bytes, 0, count))
    other.flightBytes += count
    side.writtenBytes += count
    deliverTo(other)
    return count
  }

  function room(side: Side): number {
    return Math.max(0, network.capacity - side.other.flightBytes - side.other.inboxBytes)
  }

  function read(side: Side, into: Uint8Array): number {
    if (side.inboxBytes > 0) return readInbox(side, into)
    // Linux: once the end of the stream has come, reading says so, whatever comes later.
    if (side.finArrived || side.errorTold) {
      if (side.finRead) return 0
      side.finRead = true
      return ERRNO.eof
    }
    if (side.error === 0) return 0
    side.errorTold = true
    return side.error
  }

  function readInbox(side: Side, into: Uint8Array): number {
    let count = 0
    while (count < into.length && side.inbox.length > 0) {
      const first = side.inbox[0] as Buffer
      const part = first.subarray(0, into.length - count)
      into.set(part, count)
      count += part.length
      if (part.length === first.length) side.inbox.shift()
      else side.inbox[0] = first.subarray(part.length)
    }
    side.inboxBytes -= count
    side.reads.push({ at: scheduler.monotonic(), total: (side.reads.at(-1)?.total ?? 0) + count })
    const { other } = side
    scheduler.at(latency(), () => {
      if (other.state === 'open') other.onWritable()
    })
    return count
  }

  function makeSide(local: Place, remote: Place): Side {
    const side: Side = {
      local,
      remote,
      owner: '',
      onReadable: () => {},
      onWritable: () => {},
      write: (bytes) => write(side, bytes),
      read: (into) => read(side, into),
      room: () => room(side),
      shutdown: () => shutdown(side),
      close: () => close(side),
      abort: () => abort(side),
      stalledUntil: 0,
      isClosed: () => side.state === 'closed',
      isConnected: () => side.state === 'open',
      waiting: () => side.other.flightBytes + side.other.inboxBytes,
      written: () => side.writtenBytes,
      readAt: (total) => side.other.reads.find((one) => one.total >= total)?.at,
      state: 'connecting',
      other: undefined as unknown as Side,
      flight: [],
      flightBytes: 0,
      inbox: [],
      inboxBytes: 0,
      reads: [],
      writtenBytes: 0,
      finInFlight: false,
      finArrived: false,
      finRead: false,
      resetInFlight: false,
      error: 0,
      errorTold: false,
      isShut: false,
      delivering: false,
    }
    open.add(side)
    return side
  }

  return {
    network,
    ends: () => open,
    listen(port, listener) {
      listeners.set(port, listener)
      return () => {
        if (listeners.get(port) === listener) listeners.delete(port)
      }
    },
    connect(target, from, outcome) {
      const place = { address: from, port: nextPort++ }
      const near = makeSide(place, target)
      const manner = network.connect(target, from)
      if (manner === 'hang') return near
      scheduler.at(latency(), () => {
        const port = network.redirect?.(target, from) ?? target.port
        const listener = manner === 'refuse' ? undefined : listeners.get(port)
        if (near.state === 'closed') return
        if (listener === undefined) {
          outcome.failed(ERRNO.refused)
          return
        }
        const far = makeSide(target, place)
        near.other = far
        far.other = near
        near.state = far.state = 'open'
        outcome.connected()
        listener.accept(far)
      })
      return near
    },
  }
}
