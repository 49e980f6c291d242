import { Socket } from 'node:net'
import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import {
  closeFd,
  connectUnix,
  createJsonLineDecoder,
  encodeJsonLine,
  type JsonLineDecoder,
  receiveWithFds,
  sendWithFds,
} from '../../linux/index.ts'
import type { StatisticsPart } from '../../telemetry/index.ts'
import type { HeldSockets } from '../net/listening-sockets.ts'
import {
  HANDOVER_LINE_BYTES_MAX,
  HANDOVER_VERSION,
  type Handover,
  type ProxyStatistics,
  type ToPredecessor,
  type ToSuccessor,
} from './handover-protocol.ts'

/** The process that serves until this one is ready. */
export interface Predecessor {
  readonly epoch: number
  readonly pid: number
  readonly state: unknown
  /** Its listening sockets, this process's own too from now on. */
  readonly held: readonly HeldSockets[]
  /** Says that this process serves. Resolves when the predecessor's paths are free. */
  readonly ready: () => Promise<void>
  /** What it has counted for a proxy. */
  readonly inherited: (id: string) => readonly StatisticsPart[]
  /** It has no connections any more and has ended. */
  readonly isGone: () => boolean
  /** This process was asked to end: the predecessor must not serve in its place. */
  readonly end: () => void
}

const ANSWER_TIMEOUT_MS = 10_000
const RELEASE_TIMEOUT_MS = 5000
const POLL_MS = 2

/**
 * Asks the process that serves now for its sockets.
 * @returns undefined when there is none
 * @throws when it does not hand over: it goes on serving
 */
export async function takeOver(options: {
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
}): Promise<Predecessor | undefined> {
  const { path, clock, logger } = options
  const fd = connectUnix(path)
  if (fd === undefined) return undefined
  const decoder = createJsonLineDecoder(HANDOVER_LINE_BYTES_MAX)
  let received: { readonly handover: Handover; readonly fds: readonly number[] }
  try {
    const hello: ToPredecessor = { op: 'take-over', version: HANDOVER_VERSION }
    sendWithFds(fd, Buffer.from(encodeJsonLine(hello)), [])
    received = await receiveHandover(fd, decoder, clock)
  } catch (error) {
    closeFd(fd)
    throw new Error(`the process that serves now does not hand over: ${messageOf(error)}`, { cause: error })
  }
  const { handover, fds } = received
  logger.info('taking over', { pid: handover.pid, epoch: handover.epoch + 1, sockets: fds.length })
  const line = followPredecessor(new Socket({ fd }), decoder, options)
  let next = 0
  return {
    epoch: handover.epoch,
    pid: handover.pid,
    state: handover.state,
    held: handover.sockets.map(({ place, count }) => ({ place, fds: fds.slice(next, (next += count)) })),
    ready: line.ready,
    inherited: line.inherited,
    isGone: line.isGone,
    end: line.end,
  }
}

async function receiveHandover(
  fd: number,
  decoder: JsonLineDecoder,
  clock: Clock,
): Promise<{ readonly handover: Handover; readonly fds: readonly number[] }> {
  const deadline = clock.monotonic() + ANSWER_TIMEOUT_MS
  const fds: number[] = []
  let handover: Handover | undefined
  try {
    for (;;) {
      const message = receiveWithFds(fd)
      if (message === undefined) {
        if (clock.monotonic() > deadline) throw new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)
        await clock.sleep(POLL_MS)
        continue
      }
      fds.push(...message.fds)
      if (message.bytes.length === 0) throw new Error('it has gone')
      for (const said of decoder.push(message.bytes) as readonly ToSuccessor[]) {
        if (said.op === 'refused') throw new Error(said.reason)
        if (said.op === 'handover') handover = said
      }
      const wanted = handover?.sockets.reduce((sum, { count }) => sum + count, 0)
      if (handover !== undefined && fds.length === wanted) return { handover, fds }
    }
  } catch (error) {
    fds.forEach(closeFd)
    throw error
  }
}

/** From the handover to the predecessor's end. */
function followPredecessor(
  socket: Socket,
  decoder: JsonLineDecoder,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
) {
  let statistics: ProxyStatistics = {}
  let hasGone = false
  let isTaken = false
  let onReleased = () => {}

  socket.on('error', (error) => logger.warn(`connection of the predecessor: ${messageOf(error)}`))
  socket.on('data', (chunk) => {
    try {
      for (const said of decoder.push(chunk) as readonly ToSuccessor[]) {
        if (said.op === 'statistics') statistics = said.proxies
        if (said.op === 'released') onReleased()
      }
    } catch (error) {
      logger.error(`the predecessor sent what is not understood: ${messageOf(error)}`)
      socket.destroy()
    }
  })
  socket.on('close', () => {
    hasGone = true
    logger.info('the predecessor has ended')
    onReleased()
  })
  // It is read from the start, but keeps no process alive.
  socket.unref()

  return {
    isGone: () => hasGone,
    end: () => {
      if (isTaken && !hasGone) socket.end(encodeJsonLine({ op: 'end' } satisfies ToPredecessor))
    },
    ready: () =>
      new Promise<void>((resolve) => {
        if (hasGone) {
          resolve()
          return
        }
        const cancel = clock.after(RELEASE_TIMEOUT_MS, resolve)
        onReleased = () => {
          cancel()
          resolve()
        }
        isTaken = true
        socket.write(encodeJsonLine({ op: 'ready' } satisfies ToPredecessor))
      }),
    inherited: (id: string): readonly StatisticsPart[] => {
      const text = statistics[id]
      return text === undefined ? [] : [{ text, onlyCounts: hasGone }]
    },
  }
}
