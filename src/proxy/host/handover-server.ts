import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import {
  closeFd,
  connectUnix,
  createJsonLineDecoder,
  DESCRIPTORS_PER_MESSAGE_MAX,
  encodeJsonLine,
  sendWithFds,
  socketFd,
} from '../../linux/index.ts'
import type { HeldSockets } from '../net/listening-sockets.ts'
import {
  HANDOVER_LINE_BYTES_MAX,
  HANDOVER_VERSION,
  type Handover,
  type ProxyStatistics,
  type ToPredecessor,
  type ToSuccessor,
} from './handover-protocol.ts'

export interface HandoverServerOptions {
  /** The Unix socket on which a successor calls. */
  readonly path: string
  /** What it is given. */
  readonly hand: () => Omit<Handover, 'op' | 'version' | 'sockets'> & {
    readonly held: readonly HeldSockets[]
  }
  /** A successor has begun; until it is ready or gone nothing that it was told should change. */
  readonly onBegin: () => void
  /** It went before it was ready: everything is as before. */
  readonly onAbort: () => void
  /** It serves: this process accepts no more and comes to its end. */
  readonly onTaken: () => void
  /** It was asked to end, and this process with it. */
  readonly onEnd: () => void
  /** It went before this process did, which serves again. */
  readonly onLost: () => void
  /** What was counted so far, for the successor to go on from. */
  readonly statistics: () => Promise<ProxyStatistics>
  readonly clock: Clock
  readonly logger: Logger
}

/** The predecessor's side of a hot restart. */
export interface HandoverServer {
  /** @throws when the path cannot be had */
  readonly listen: () => Promise<void>
  /** Tells the last figures; resolves when the successor has them. */
  readonly finish: () => Promise<void>
  readonly close: () => void
}

const STATISTICS_INTERVAL_MS = 1000
const FINISH_TIMEOUT_MS = 2000
const WRITE_RETRY_MS = 2
const WRITE_DEADLINE_MS = 10_000

type Phase = 'idle' | 'handing' | 'taken'

export function createHandoverServer(options: HandoverServerOptions): HandoverServer {
  const { clock, logger, path } = options
  let phase: Phase = 'idle'
  let successor: Socket | undefined
  let server: Server | undefined
  let cancelStatistics = () => {}
  let finished = false

  async function listen(): Promise<void> {
    rmSync(path, { force: true })
    const next = createServer(serve)
    await new Promise<void>((resolve, reject) => {
      next.once('error', reject)
      next.listen(path, resolve)
    })
    chmodSync(path, 0o600)
    server = next
  }

  function serve(socket: Socket): void {
    const decoder = createJsonLineDecoder(HANDOVER_LINE_BYTES_MAX)
    socket.on('error', (error) => logger.warn(`connection of the successor: ${messageOf(error)}`))
    socket.on('close', () => leave(socket))
    socket.on('data', (chunk) => {
      try {
        for (const message of decoder.push(chunk)) take(socket, message as ToPredecessor)
      } catch (error) {
        logger.error(`a successor sent what is not understood: ${messageOf(error)}`)
        socket.destroy()
      }
    })
  }

  function take(socket: Socket, message: ToPredecessor): void {
    if (message.op === 'take-over') {
      if (phase !== 'idle') return refuse(socket, 'another process is taking over already')
      if (message.version !== HANDOVER_VERSION)
        return refuse(socket, `this process hands over by version ${HANDOVER_VERSION} of the protocol`)
      phase = 'handing'
      successor = socket
      options.onBegin()
      void hand(socket)
    } else if (message.op === 'ready' && socket === successor && phase === 'handing') {
      phase = 'taken'
      logger.info('the successor is ready; this process accepts no more and finishes what it has')
      options.onTaken()
      // Node takes the path away with it.
      server?.close()
      server = undefined
      void release(socket)
    } else if (message.op === 'end' && socket === successor && phase === 'taken') {
      logger.info('the successor was asked to end; this process ends with it')
      finished = true
      cancelStatistics()
      options.onEnd()
    }
  }

  async function hand(socket: Socket): Promise<void> {
    try {
      const { held, ...rest } = options.hand()
      const sockets = held.map(({ place, fds }) => ({ place, count: fds.length }))
      const message: ToSuccessor = { op: 'handover', version: HANDOVER_VERSION, ...rest, sockets }
      await writeAll(socket, Buffer.from(encodeJsonLine(message)))
      const fds = held.flatMap((one) => one.fds)
      for (let i = 0; i < fds.length; i += DESCRIPTORS_PER_MESSAGE_MAX) {
        await writeFds(socket, fds.slice(i, i + DESCRIPTORS_PER_MESSAGE_MAX))
      }
    } catch (error) {
      logger.error(`handing over failed: ${messageOf(error)}`)
      socket.destroy()
    }
  }

  async function writeAll(socket: Socket, bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** An empty line with descriptors beside it. */
  async function writeFds(socket: Socket, fds: readonly number[]): Promise<void> {
    const deadline = clock.monotonic() + WRITE_DEADLINE_MS
    for (;;) {
      const fd = socketFd(socket)
      if (fd === undefined) throw new Error('the successor has gone')
      if (sendWithFds(fd, Buffer.from('\n'), fds) > 0) return
      if (clock.monotonic() > deadline) throw new Error('the successor does not read')
      await clock.sleep(WRITE_RETRY_MS)
    }
  }

  async function release(socket: Socket): Promise<void> {
    await tellStatistics(socket)
    if (!socket.destroyed) socket.write(encodeJsonLine({ op: 'released' } satisfies ToSuccessor))
    scheduleStatistics(socket)
  }

  function scheduleStatistics(socket: Socket): void {
    cancelStatistics = clock.after(STATISTICS_INTERVAL_MS, () => {
      void tellStatistics(socket).then(() => {
        if (socket === successor && !finished) scheduleStatistics(socket)
      })
    })
  }

  async function tellStatistics(socket: Socket): Promise<void> {
    try {
      const proxies = await options.statistics()
      if (!socket.destroyed) socket.write(encodeJsonLine({ op: 'statistics', proxies } satisfies ToSuccessor))
    } catch (error) {
      logger.warn(`statistics could not be handed over: ${messageOf(error)}`)
    }
  }

  function isServedByAnother(): boolean {
    const fd = connectUnix(path)
    if (fd !== undefined) closeFd(fd)
    return fd !== undefined
  }

  function leave(socket: Socket): void {
    if (socket !== successor) return
    const before = phase
    successor = undefined
    cancelStatistics()
    phase = 'idle'
    if (finished) return
    if (before === 'handing') {
      logger.warn('the successor went before it was ready; this process goes on')
      options.onAbort()
    } else if (before === 'taken' && isServedByAnother()) {
      phase = 'taken'
      logger.info('the successor has gone; its own successor serves, and this process finishes what it has')
    } else if (before === 'taken') {
      logger.warn('the successor has gone; this process serves again')
      options.onLost()
      listen().catch((error: unknown) => logger.error(`cannot hand over any more: ${messageOf(error)}`))
    }
  }

  return {
    listen,
    async finish() {
      finished = true
      cancelStatistics()
      const socket = successor
      if (socket === undefined) return
      await tellStatistics(socket)
      await new Promise<void>((resolve) => {
        const cancel = clock.after(FINISH_TIMEOUT_MS, resolve)
        socket.once('close', () => {
          cancel()
          resolve()
        })
        socket.end()
      })
    },
    close() {
      finished = true
      cancelStatistics()
      successor?.destroy()
      server?.close()
    },
  }
}

function refuse(socket: Socket, reason: string): void {
  socket.end(encodeJsonLine({ op: 'refused', reason } satisfies ToSuccessor))
}
