/**
 * A worker: serves the connections of all proxies of the process that the kernel, or another worker, gives it. It
 * knows what the main thread tells it and asks nobody else.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { createLogger, systemClock, systemRandom, unreachable } from '../../base/index.ts'
import { createAccessLogWriter } from '../../telemetry/index.ts'
import { createAcceptGate } from '../net/accept-gate.ts'
import type { ListenPlace, SocketSource } from '../net/listening-sockets.ts'
import { createLogFile } from './log-file.ts'
import type { AdminAnswer } from '../admin/types.ts'
import type { ProxyStatus } from './proxy-handle.ts'
import { createServingThread } from './proxy-host.ts'
import type { ServedProxy } from './served-proxy.ts'
import {
  createPendingCalls,
  type FromWorker,
  type HandedConnection,
  resultOf,
  type ToWorker,
  type WorkerBirth,
  type WorkerQuestion,
  type WorkerRequest,
} from './worker-protocol.ts'

interface Served {
  readonly proxy: ServedProxy
  readonly closeLog: () => void
  status: ProxyStatus
}

const birth = workerData as WorkerBirth
const main = parentPort as MessagePort
const calls = createPendingCalls()
const peers = new Map<number, MessagePort>()
const proxies = new Map<string, Served>()
const gate = createAcceptGate(birth.gate)

const source: SocketSource = {
  gate,
  reserve: async (place) => void (await request({ kind: 'reserve', place })),
  acquire: async (place) => (await request({ kind: 'acquire', place })) as readonly number[],
  // What this thread listens on comes from the main thread always.
  lend: () => {},
  release: (place: ListenPlace) => tell({ op: 'release', place }),
}
const thread = createServingThread({
  clock: systemClock,
  random: systemRandom,
  board: { ...birth, memory: new Int32Array(birth.memory) },
  source,
  tokens: birth.tokens,
  loads: birth.loads,
  hand: (worker, key, fd) => peers.get(worker)?.postMessage({ key, fd } satisfies HandedConnection),
})

main.on('message', (message: ToWorker) => take(message))

function tell(message: FromWorker): void {
  main.postMessage(message)
}

function request(asked: WorkerRequest): Promise<unknown> {
  const { call, answered } = calls.add()
  tell({ op: 'request', call, request: asked })
  return answered
}

function take(message: ToWorker): void {
  switch (message.op) {
    case 'create':
      create(message)
      return
    case 'gate':
      gate.set(message.state)
      return
    case 'peer':
      meet(message.worker, message.port)
      return
    case 'reply':
      calls.settle(message.call, message.result)
      return
    case 'ask':
      void resultOf(() => answer(message.id, message.question)).then((result) =>
        tell({ op: 'answer', call: message.call, result }),
      )
      return
    default: {
      const served = proxies.get(message.id)
      if (served !== undefined) takeForProxy(served, message)
    }
  }
}

type ForProxy = Extract<
  ToWorker,
  {
    readonly op:
      | 'accept'
      | 'ready-gateways'
      | 'status'
      | 'draining'
      | 'stop-accepting'
      | 'drain'
      | 'close-idle'
      | 'close'
  }
>

function takeForProxy(served: Served, message: ForProxy): void {
  const { proxy } = served
  switch (message.op) {
    case 'accept': {
      const rejections = proxy.accept(message.changes)
      if (rejections.length > 0) tell({ op: 'rejected', id: message.id, rejections })
      tellPorts(message.id)
      return
    }
    case 'ready-gateways':
      proxy.setReadyGateways(message.names)
      tellPorts(message.id)
      return
    case 'status':
      served.status = message.status
      return
    case 'draining':
      proxy.setDraining(message.draining)
      return
    case 'stop-accepting':
      proxy.stopAccepting()
      return
    case 'drain':
      proxy.drain()
      return
    case 'close-idle':
      proxy.closeIdle()
      return
    case 'close':
      proxies.delete(message.id)
      proxy.close()
      served.closeLog()
      return
    default:
      unreachable(message)
  }
}

function answer(id: string, question: WorkerQuestion): unknown {
  const proxy = proxies.get(id)?.proxy
  if (proxy === undefined) throw new Error(`no proxy ${id} here`)
  switch (question.kind) {
    case 'start':
      return proxy.start()
    case 'connections':
      return proxy.connections()
    case 'events':
      return proxy.events()
    case 'statistics':
      return proxy.statistics()
    case 'page': {
      const { path, method, query } = question.request
      return proxy.answer(path, { method, query: new URLSearchParams(query) })
    }
    default:
      return unreachable(question)
  }
}

function create({ spec, placement, logFile, isGuarded }: Extract<ToWorker, { readonly op: 'create' }>): void {
  const { id } = spec
  const log = openLog(id, logFile)
  const logger = createLogger({
    scope: `proxy worker ${birth.worker}`,
    level: 'info',
    write: log.write,
    now: systemClock.now,
  })
  const proxy = thread.create({
    // The pages are one thread's work.
    spec: birth.worker === 0 ? spec : { ...spec, admin: 'none' },
    placement,
    logger,
    writeLog: log.write,
    ...(isGuarded && {
      onFailed: (error: unknown) => tell({ op: 'failed', id, error: describe(error) }),
    }),
    gather: async (asked, own) => (await request({ kind: 'gather', id, request: asked, own })) as AdminAnswer,
    onStateChange: () => tellPorts(id),
    onQuit: () => tell({ op: 'quit', id }),
    status: () => proxies.get(id)?.status ?? { isReady: false, isConnected: false },
  })
  proxies.set(id, { proxy, closeLog: log.close, status: { isReady: false, isConnected: false } })
}

function openLog(id: string, file: string | undefined): { write: (line: string) => void; close: () => void } {
  if (file !== undefined) {
    const log = createLogFile(file, systemClock)
    return { write: log.write, close: () => void log.close() }
  }
  const writer = createAccessLogWriter({
    // The answer says that it is written: a slow terminal or pipe is felt here.
    sink: async (text) => void (await request({ kind: 'log', id, text })),
    after: systemClock.after,
    onError: () => {},
  })
  return { write: writer.write, close: writer.flush }
}

function tellPorts(id: string): void {
  const served = proxies.get(id)
  if (served !== undefined) tell({ op: 'ports', id, ports: served.proxy.ports() })
}

function meet(worker: number, port: MessagePort): void {
  peers.get(worker)?.close()
  peers.set(worker, port)
  port.on('message', ({ key, fd }: HandedConnection) => thread.intake.adopt(key, fd))
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
