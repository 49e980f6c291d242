import { type End, ERRNO } from './kernel.ts'
import type { Pace } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'

/** A program's own view of its end: writes are queued without bound, reads come as they arrive. */
export interface ByteStream {
  readonly end: End
  readonly send: (bytes: Buffer | string) => void
  /** After what was sent: end the direction, close both, or break off. */
  readonly finish: (how: 'half-close' | 'close' | 'reset') => void
  /** All that was sent has gone to the network. */
  readonly isFlushed: () => boolean
  readonly pause: () => void
  readonly resume: () => void
  /** Nothing more can be sent or read. */
  readonly isOver: () => boolean
}

export interface StreamEvents {
  readonly data: (bytes: Buffer) => void
  /** The other side has ended, or broken off. */
  readonly ended: (how: 'end' | 'reset') => void
}

/** How a program takes its side of a connection: as bytes, or with TLS on them. */
export type OpenStream = (end: End, events: StreamEvents, pace?: Pace) => ByteStream

const buffer = Buffer.alloc(64 * 1024)

/** @param pace absent: reads whatever there is */
export function createByteStream(
  scheduler: Scheduler,
  end: End,
  events: StreamEvents,
  pace?: Pace,
): ByteStream {
  let isResting = false
  let queue: Buffer[] = []
  let finishing: 'half-close' | 'close' | 'reset' | undefined
  let isPaused = false
  let isOver = false
  let hasEnded = false
  let hasFailed = false

  function write(): void {
    while (queue.length > 0 && !isOver && end.isConnected()) {
      const first = queue[0] as Buffer
      const count = end.write(first)
      if (count < 0) {
        // What has arrived can still be read.
        queue = []
        hasFailed = true
        scheduler.at(0, read)
        return
      }
      if (count < first.length) {
        queue[0] = first.subarray(count)
        return
      }
      queue.shift()
    }
    if (finishing === undefined || isOver || !end.isConnected()) return
    if (finishing === 'half-close') end.shutdown()
    else {
      isOver = true
      if (finishing === 'close') end.close()
      else end.abort()
    }
  }

  function tellEnd(how: 'end' | 'reset'): void {
    if (hasEnded) return
    hasEnded = true
    if (how === 'reset') {
      isOver = true
      end.close()
    }
    events.ended(how)
  }

  function read(): void {
    while (!isPaused && !isOver && !isResting && end.isConnected()) {
      const count = end.read(pace === undefined ? buffer : buffer.subarray(0, pace.bytes))
      if (count === 0) return
      if (count < 0) return tellEnd(count === ERRNO.eof && !hasFailed ? 'end' : 'reset')
      events.data(Buffer.copyBytesFrom(buffer, 0, count))
      if (pace === undefined) continue
      isResting = true
      scheduler.at(pace.everyMs, () => {
        isResting = false
        read()
      })
    }
  }

  end.onReadable = read
  end.onWritable = () => scheduler.at(0, write)
  return {
    end,
    send(bytes) {
      if (isOver) return
      queue.push(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
      write()
    },
    finish(how) {
      if (how === 'reset') queue = []
      finishing = how
      write()
    },
    isFlushed: () => queue.length === 0,
    pause: () => {
      isPaused = true
    },
    resume: () => {
      isPaused = false
      read()
    },
    isOver: () => isOver,
  }
}

/** The body that belongs to a number: what is missing, doubled or of another message shows. */
export function bodyOf(number: number, bytes: number): Buffer {
  const line = Buffer.from(`<${number}:${'abcdefghijklmnopqrstuvwxyz'.slice(number % 7)}>`)
  const body = Buffer.alloc(bytes, line)
  // Each 4 KiB differ, so that whole buffers that are left out are seen.
  for (let at = 0; at + 8 <= bytes; at += 4096) body.write(String(at).padStart(8, '0'), at, 'latin1')
  return body
}

/** Whether `part` is how the body of `number` begins. */
export function isBeginOfBody(number: number, part: Buffer, bytes: number): boolean {
  return part.length <= bytes && bodyOf(number, bytes).subarray(0, part.length).equals(part)
}
