import { Socket } from 'node:net'
import type { Network } from '../../src/proxy/net/network.ts'
import { readAccepted } from '../../src/proxy/net/network.ts'
import { type End, ERRNO, type Kernel } from './kernel.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * Node's own sockets over the kernel in memory: only the handle below them, which is otherwise libuv's, is made here.
 * So back-pressure, half-close, `close` and errors are Node's by construction; kernel.test.ts compares what is left.
 */
export interface SimulatedNetwork extends Network {
  /** Sockets of the proxy that are open. */
  readonly sockets: () => Iterable<Socket>
}

/** libuv's answers do not fit in a return value; Node reads them here. */
interface StreamBinding {
  readonly kReadBytesOrError: number
  readonly kArrayBufferOffset: number
  readonly kBytesWritten: number
  readonly kLastWriteWasAsync: number
  readonly streamBaseState: Int32Array
}

type BindingLoader = (name: 'stream_wrap') => StreamBinding
const { kReadBytesOrError, kArrayBufferOffset, kBytesWritten, kLastWriteWasAsync, streamBaseState } = (
  process as unknown as { readonly binding: BindingLoader }
).binding('stream_wrap')

interface WriteRequest {
  readonly oncomplete: (status: number, handle: Handle, error: undefined) => void
}

interface ConnectRequest {
  readonly oncomplete: (
    status: number,
    handle: Handle,
    request: ConnectRequest,
    readable: boolean,
    writable: boolean,
  ) => void
}

interface Pending {
  readonly request: WriteRequest
  /** What is left to be written; memory of the writer, as in libuv: it must not change before the write is done. */
  chunks: Uint8Array[]
}

/** What `net.Socket` calls on a handle. */
interface Handle {
  reading: boolean
  bytesRead: number
  bytesWritten: number
  readonly writeQueueSize: number
  onread: (buffer?: ArrayBuffer) => void
  readonly useUserBuffer: (buffer: Uint8Array) => void
  readonly readStart: () => number
  readonly readStop: () => number
  readonly writeBuffer: (request: WriteRequest, bytes: Uint8Array) => number
  readonly writeLatin1String: (request: WriteRequest, text: string) => number
  readonly writeUtf8String: (request: WriteRequest, text: string) => number
  readonly writeAsciiString: (request: WriteRequest, text: string) => number
  readonly writev: (request: WriteRequest, chunks: readonly unknown[], allBuffers: boolean) => number
  readonly shutdown: (request: WriteRequest) => number
  readonly connect: (request: ConnectRequest, address: string, port: number) => number
  readonly getsockname: (out: Record<string, unknown>) => number
  readonly getpeername: (out: Record<string, unknown>) => number
  readonly setNoDelay: () => number
  readonly setKeepAlive: () => number
  readonly close: (callback?: () => void) => void
  readonly abort: () => void
  readonly ref: () => void
  readonly unref: () => void
  readonly hasRef: () => boolean
}

const READ_BYTES = 64 * 1024

function createHandle(
  scheduler: Scheduler,
  kernel: Kernel,
  given: { readonly end: End | undefined; readonly from: string; readonly owner: string },
): Handle {
  let end = given.end
  let ownBuffer: Uint8Array | undefined
  let isClosed = false
  let pumping = false
  const queue: Pending[] = []
  let shutdownRequest: WriteRequest | undefined

  function wire(one: End): void {
    one.owner = given.owner
    one.onReadable = pump
    one.onWritable = () => scheduler.at(0, writeOut)
  }

  /** One read at a time, each in a turn of its own, as libuv calls back. */
  function pump(): void {
    if (pumping || !handle.reading || isClosed) return
    pumping = true
    scheduler.at(0, () => {
      pumping = false
      readOnce()
    })
  }

  function readOnce(): void {
    if (!handle.reading || isClosed || end === undefined || !end.isConnected()) return
    const buffer = ownBuffer ?? new Uint8Array(READ_BYTES)
    const count = end.read(buffer)
    if (count === 0) return
    streamBaseState[kReadBytesOrError] = count
    streamBaseState[kArrayBufferOffset] = 0
    if (count > 0) handle.bytesRead += count
    if (count > 0) pump()
    else handle.reading = false
    if (count > 0 && ownBuffer === undefined) handle.onread(buffer.buffer.slice(0, count) as ArrayBuffer)
    else handle.onread()
  }

  /** Writes what waits as far as it goes. */
  function writeOut(): void {
    for (;;) {
      const first = queue[0]
      if (first === undefined) break
      if (isClosed || end === undefined) return
      const status = writeChunks(end, first)
      if (status === 'more') return
      queue.shift()
      complete(first.request, status)
    }
    endWriting()
  }

  function writeChunks(to: End, pending: Pending): 'more' | number {
    while (pending.chunks.length > 0) {
      const chunk = pending.chunks[0] as Uint8Array
      const count = to.write(chunk)
      if (count < 0) return count
      if (count < chunk.length) {
        pending.chunks[0] = chunk.subarray(count)
        return 'more'
      }
      pending.chunks.shift()
    }
    return 0
  }

  function complete(request: WriteRequest, status: number): void {
    scheduler.at(0, () => request.oncomplete(status, handle, undefined))
  }

  function endWriting(): void {
    const request = shutdownRequest
    if (request === undefined || queue.length > 0 || end === undefined || isClosed) return
    shutdownRequest = undefined
    end.shutdown()
    complete(request, 0)
  }

  function write(request: WriteRequest, chunks: Uint8Array[]): number {
    if (isClosed || end === undefined) return ERRNO.pipe
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    streamBaseState[kBytesWritten] = bytes
    streamBaseState[kLastWriteWasAsync] = 0
    handle.bytesWritten += bytes
    const pending = { request, chunks }
    if (queue.length === 0) {
      const status = writeChunks(end, pending)
      if (status !== 'more') return status
    }
    streamBaseState[kLastWriteWasAsync] = 1
    queue.push(pending)
    return 0
  }

  const own: Omit<Handle, 'writeBuffer'> = {
    reading: false,
    bytesRead: 0,
    bytesWritten: 0,
    get writeQueueSize() {
      let bytes = 0
      for (const { chunks } of queue) for (const chunk of chunks) bytes += chunk.length
      return bytes
    },
    onread: () => {},
    useUserBuffer: (buffer) => {
      ownBuffer = buffer
    },
    readStart() {
      handle.reading = true
      pump()
      return 0
    },
    readStop() {
      handle.reading = false
      return 0
    },
    writeLatin1String: (request, text) => write(request, [Buffer.from(text, 'latin1')]),
    writeAsciiString: (request, text) => write(request, [Buffer.from(text, 'latin1')]),
    writeUtf8String: (request, text) => write(request, [Buffer.from(text, 'utf8')]),
    writev(request, chunks, allBuffers) {
      if (allBuffers) return write(request, [...chunks] as Uint8Array[])
      const buffers: Buffer[] = []
      for (let index = 0; index < chunks.length; index += 2) {
        const chunk = chunks[index]
        buffers.push(
          typeof chunk === 'string'
            ? Buffer.from(chunk, chunks[index + 1] as BufferEncoding)
            : (chunk as Buffer),
        )
      }
      return write(request, buffers)
    },
    shutdown(request) {
      if (end === undefined || !end.isConnected()) return ERRNO.notConnected
      shutdownRequest = request
      endWriting()
      return 0
    },
    connect(request, address, port) {
      const done = (status: number): void => {
        if (!isClosed) request.oncomplete(status, handle, request, true, true)
      }
      end = kernel.connect({ address, port }, given.from, {
        connected: () => {
          scheduler.at(0, () => done(0))
        },
        failed: (code) => {
          scheduler.at(0, () => done(code))
        },
      })
      wire(end)
      return 0
    },
    getsockname: (out) => describe(out, end?.local),
    getpeername: (out) => describe(out, end?.remote),
    setNoDelay: () => 0,
    setKeepAlive: () => 0,
    close(callback) {
      if (isClosed) return
      isClosed = true
      end?.close()
      const cancelled = queue.splice(0).map(({ request }) => request)
      if (shutdownRequest !== undefined) cancelled.push(shutdownRequest)
      shutdownRequest = undefined
      scheduler.at(0, () => {
        for (const request of cancelled) request.oncomplete(ERRNO.cancelled, handle, undefined)
        callback?.call(handle)
      })
    },
    abort: () => end?.abort(),
    ref: () => {},
    unref: () => {},
    hasRef: () => false,
  }
  // As in Node it comes from the prototype: who puts another in its place gets it back by taking that away.
  const handle = Object.setPrototypeOf(own, {
    writeBuffer: (request: WriteRequest, bytes: Uint8Array) => write(request, [bytes]),
  }) as Handle
  if (end !== undefined) wire(end)
  return handle
}

function describe(
  out: Record<string, unknown>,
  place: { address: string; port: number } | undefined,
): number {
  if (place === undefined) return ERRNO.notConnected
  Object.assign(out, { address: place.address, port: place.port, family: 'IPv4' })
  return 0
}

/** @param from the address that outgoing connections have */
export function createSimulatedNetwork(scheduler: Scheduler, kernel: Kernel, from: string): SimulatedNetwork {
  const sockets = new Set<Socket>()

  function track(socket: Socket): Socket {
    sockets.add(socket)
    const { _handle: handle } = socket as unknown as { readonly _handle: Handle }
    // Node only resets what is a handle of libuv's.
    socket.resetAndDestroy = () => {
      handle.abort()
      return socket.destroy()
    }
    socket.once('close', () => sockets.delete(socket))
    return withVirtualTimeout(socket, scheduler)
  }

  return {
    sockets: () => sockets,
    listen: async (listen) => {
      const close = kernel.listen(listen.port, {
        accept(end) {
          const handle = createHandle(scheduler, kernel, { end, from, owner: 'proxy downstream' })
          const raw = new Socket(options(handle, { pauseOnCreate: true }))
          scheduler.at(0, () => listen.onConnection(raw))
        },
      })
      return { port: listen.port, close }
    },
    read: (accepted, onread) => track(readAccepted(accepted, onread)),
    connect(connect) {
      const handle = createHandle(scheduler, kernel, { end: undefined, from, owner: 'proxy upstream' })
      const socket = track(new Socket(options(handle, { manualStart: true, onread: connect.onread })))
      return socket.connect({ host: connect.address, port: connect.port })
    },
    bindUdp: () => Promise.reject(new Error('there are no datagrams here')),
    connectUdp: () => {
      throw new Error('there are no datagrams here')
    },
    originalDestination: () => undefined,
  }
}

function options(handle: Handle, more: object): ConstructorParameters<typeof Socket>[0] {
  const all = { handle, allowHalfOpen: true, readable: true, writable: true, ...more }
  return all as unknown as ConstructorParameters<typeof Socket>[0]
}

/** A socket's own timeout goes by Node's timers, which know no other time than the real one. */
function withVirtualTimeout(socket: Socket, scheduler: Scheduler): Socket {
  let cancel = (): void => {}
  let ms = 0
  let read = -1
  const look = (): void => {
    const bytes = socket.bytesRead + socket.bytesWritten
    if (bytes === read) {
      socket.emit('timeout')
      return
    }
    read = bytes
    cancel = scheduler.after(ms, look)
  }
  socket.setTimeout = (timeout: number, callback?: () => void) => {
    cancel()
    ms = timeout
    if (callback !== undefined) socket.once('timeout', callback)
    read = socket.bytesRead + socket.bytesWritten
    if (ms > 0) cancel = scheduler.after(ms, look)
    return socket
  }
  socket.once('close', () => cancel())
  return socket
}
