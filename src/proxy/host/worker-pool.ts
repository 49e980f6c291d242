import { extname } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { type Clock, createBackoff, type Logger, type Random, unreachable } from '../../base/index.ts'
import { createTokenMemory } from '../filters/rate-limit/shared-tokens.ts'
import { forgetWorker, type ThreadBoard } from '../net/intake.ts'
import { createLoadMemory, forgetWorkerLoads } from '../upstream/shared-load.ts'
import type { ListeningSockets } from '../net/listening-sockets.ts'
import type { CreateProxyOptions, ProxyHost } from './proxy-host.ts'
import { createPooledProxy, type PooledProxy, type WorkerLine } from './pooled-proxy.ts'
import {
  createPendingCalls,
  type FromWorker,
  type PendingCalls,
  resultOf,
  type ToWorker,
  type WorkerBirth,
  type WorkerQuestion,
  type WorkerRequest,
} from './worker-protocol.ts'

export interface WorkerPoolOptions {
  readonly board: ThreadBoard & { readonly memory: Int32Array<SharedArrayBuffer> }
  readonly sockets: ListeningSockets
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

interface Line extends WorkerLine {
  readonly thread: Worker
  readonly calls: PendingCalls
}

const REPLACE_BASE_MS = 50
const REPLACE_MAX_MS = 10_000
/** A worker that lived this long is healthy: the next one is replaced at once again. */
const HEALTHY_AFTER_MS = 30_000

/**
 * Serves in worker threads. Each listens on sockets of its own for every port; the kernel spreads the connections, and
 * workers even out what it does not. One that dies is replaced, the others go on; connections that waited for it are
 * the next one's.
 */
export function createWorkerPool(options: WorkerPoolOptions): ProxyHost {
  const { board, sockets, logger } = options
  const proxies = new Map<string, { readonly proxy: PooledProxy; readonly options: CreateProxyOptions }>()
  const lines: (Line | undefined)[] = []
  const backoff = createBackoff({ baseMs: REPLACE_BASE_MS, maxMs: REPLACE_MAX_MS, random: options.random })
  const tokens = createTokenMemory()
  const loads = createLoadMemory(board.workers)
  let closed = false

  for (let worker = 0; worker < board.workers; worker++) startWorker(worker)
  const forgetGate = sockets.gate.follow((state) => {
    for (const line of lines) line?.send({ op: 'gate', state })
  })

  function startWorker(worker: number): void {
    const started = options.clock.monotonic()
    const thread = new Worker(new URL(`./worker-thread${extname(import.meta.filename)}`, import.meta.url), {
      workerData: {
        worker,
        workers: board.workers,
        memory: board.memory.buffer,
        tokens,
        loads,
        connectionsMax: board.connectionsMax,
        isGuarded: board.isGuarded,
        gate: sockets.gate.state(),
      } satisfies WorkerBirth,
      name: `proxy ${worker}`,
    })
    const line = createLine(worker, thread)
    lines[worker] = line
    thread.on('message', (message: FromWorker) => take(line, message))
    thread.on('error', (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      logger.error(`worker ${worker} failed and is replaced: ${text}`)
    })
    thread.on('exit', () => leave(line, started))
    introduce(line)
    for (const { proxy } of proxies.values()) void proxy.revive(line)
  }

  function leave(line: Line, started: number): void {
    const { worker } = line
    line.calls.failAll(`worker ${worker} has ended`)
    lines[worker] = undefined
    forgetWorker(board, worker)
    forgetWorkerLoads(loads, worker, board.workers)
    if (closed) return
    if (options.clock.monotonic() - started > HEALTHY_AFTER_MS) backoff.reset()
    options.clock.after(backoff.nextMs(), () => {
      if (!closed) startWorker(worker)
    })
  }

  /** Connections go from worker to worker without a way through this thread. */
  function introduce(line: Line): void {
    for (const other of lines) {
      if (other === undefined || other === line) continue
      const { port1, port2 } = new MessageChannel()
      line.thread.postMessage({ op: 'peer', worker: other.worker, port: port1 } satisfies ToWorker, [port1])
      other.thread.postMessage({ op: 'peer', worker: line.worker, port: port2 } satisfies ToWorker, [port2])
    }
  }

  function take(line: Line, message: FromWorker): void {
    switch (message.op) {
      case 'answer':
        line.calls.settle(message.call, message.result)
        return
      case 'request':
        void resultOf(() => serve(line.worker, message.request)).then((result) =>
          line.send({ op: 'reply', call: message.call, result }),
        )
        return
      case 'release':
        sockets.source(line.worker).release(message.place)
        return
      case 'ports':
        proxies.get(message.id)?.proxy.takePorts(line.worker, message.ports)
        return
      case 'rejected':
        for (const { key, reason } of message.rejections) {
          logger.error(`worker ${line.worker} does not take what was taken by all others: ${key}: ${reason}`)
        }
        return
      case 'failed':
        proxies.get(message.id)?.options.onFailed?.(new Error(message.error))
        return
      case 'quit':
        proxies.get(message.id)?.options.onQuit()
        return
      default:
        unreachable(message)
    }
  }

  async function serve(worker: number, request: WorkerRequest): Promise<unknown> {
    switch (request.kind) {
      case 'reserve':
        return sockets.source(worker).reserve(request.place)
      case 'acquire':
        return sockets.source(worker).acquire(request.place)
      case 'gather':
        return proxies.get(request.id)?.proxy.gather(worker, request.request, request.own)
      case 'log':
        proxies.get(request.id)?.options.writeLog(request.text)
        return undefined
      default:
        return unreachable(request)
    }
  }

  return {
    create(created) {
      const { id } = created.spec
      const proxy = createPooledProxy({
        ...created,
        lines: () => lines.filter((line) => line !== undefined),
        clock: options.clock,
        onClose: () => proxies.delete(id),
      })
      proxies.set(id, { proxy, options: created })
      return proxy.handle
    },
    async close() {
      closed = true
      forgetGate()
      await Promise.all(lines.flatMap((line) => (line === undefined ? [] : [line.thread.terminate()])))
    },
  }
}

function createLine(worker: number, thread: Worker): Line {
  const calls = createPendingCalls()
  const send = (message: ToWorker) => thread.postMessage(message)
  return {
    worker,
    thread,
    calls,
    send,
    ask(id: string, question: WorkerQuestion) {
      const { call, answered } = calls.add()
      send({ op: 'ask', call, id, question })
      return answered
    },
  }
}
