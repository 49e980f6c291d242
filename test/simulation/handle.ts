import { type End, ERRNO, type Kernel } from './kernel.ts'
import type { Scheduler } from './scheduler.ts'

/** libuv's answers do not fit in a return value; Node reads them here. */
interface StreamBinding {
  readonly kReadBytesOrError: number
  readonly kArrayBufferOffset: number
  readonly kBytesWritten: number
  readonly kLastWriteWasAsync: number
  readonly streamBaseState: Int32Array
}

/** Node's stream whose other side is JavaScript: what TLS can be put on, as on a handle of libuv's. */
interface NativeStream {
  readonly readBuffer: (bytes: Uint8Array) => void
  readonly emitEOF: () => void
  readonly finishWrite: (request: object, status: number) => void
  readonly finishShutdown: (request: object, status: number) => void
}

interface TlsBinding {
  wrap: (handle: object, ...terms: readonly unknown[]) => TlsHandle
}

/** Node's TLS, between a `TLSSocket` and the handle below. */
export interface TlsHandle {
  readonly onread: () => void
}

interface Bindings {
  readonly stream_wrap: StreamBinding
  readonly js_stream: { readonly JSStream: new () => NativeStream }
  readonly tls_wrap: TlsBinding
}

const { binding } = process as unknown as {
  readonly binding: <Name extends keyof Bindings>(name: Name) => Bindings[Name]
}
const { kReadBytesOrError, kArrayBufferOffset, kBytesWritten, kLastWriteWasAsync, streamBaseState } =
  binding('stream_wrap')
const { JSStream } = binding('js_stream')

// Node tells nobody on which handle it puts TLS; from then on it is TLS that hears of what comes and goes there.
const tls = binding('tls_wrap')
const wrapWithTls = tls.wrap
tls.wrap = (handle, ...terms) => {
  const made = wrapWithTls(handle, ...terms)
  ;(handle as Partial<Handle>).onTls?.(made)
  return made
}

interface WriteRequest {
  readonly oncomplete: (status: number, handle: Handle, error: undefined) => void
}

/** One of TLS, which only Node itself can complete. */
interface TlsRequest {
  readonly tls: object
}

type AnyRequest = WriteRequest | TlsRequest

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
  readonly request: AnyRequest
  /** What is left to be written; memory of the writer, as in libuv: it must not change before the write is done. */
  chunks: Uint8Array[]
}

/** What `net.Socket` calls on a handle, and what TLS calls in its place. */
export interface Handle {
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
  readonly onreadstart: () => number
  readonly onreadstop: () => number
  readonly onwrite: (request: object, chunks: readonly Uint8Array[]) => number
  readonly onshutdown: (request: object) => number
  readonly isClosing: () => boolean
  /** TLS has been put on it. */
  readonly onTls: (tls: TlsHandle) => void
  readonly tls: () => TlsHandle | undefined
  readonly scheduler: Scheduler
}

/** Who reads here copies at once. */
const SCRATCH = new Uint8Array(64 * 1024)

/** @param given end: absent for a connection that is asked for through the handle */
export function createHandle(
  scheduler: Scheduler,
  kernel: Kernel,
  given: { readonly end: End | undefined; readonly from: string; readonly owner: string },
): Handle {
  const native = new JSStream()
  let secured: TlsHandle | undefined
  let isReading = false
  let end = given.end
  let ownBuffer: Uint8Array | undefined
  let isClosed = false
  let pumping = false
  const queue: Pending[] = []
  let shutdownRequest: AnyRequest | undefined

  function wire(one: End): void {
    one.owner = given.owner
    one.onReadable = pump
    one.onWritable = () => scheduler.at(0, writeOut)
  }

  /** One read at a time, each in a turn of its own, as libuv calls back. */
  function pump(): void {
    if (pumping || !isReading || isClosed) return
    pumping = true
    scheduler.at(0, () => {
      pumping = false
      readOnce()
    })
  }

  function readOnce(): void {
    if (!isReading || isClosed || end === undefined || !end.isConnected()) return
    // TLS has a buffer of its own.
    const buffer = (secured === undefined ? ownBuffer : undefined) ?? SCRATCH
    const count = end.read(buffer)
    if (count === 0) return
    if (count > 0) {
      handle.bytesRead += count
      pump()
    } else isReading = false
    if (secured === undefined) tellRead(count, buffer)
    else tellTls(secured, count, buffer)
  }

  function tellRead(count: number, buffer: Uint8Array): void {
    if (count < 0) handle.reading = false
    streamBaseState[kReadBytesOrError] = count
    streamBaseState[kArrayBufferOffset] = 0
    if (count > 0 && ownBuffer === undefined) handle.onread(buffer.buffer.slice(0, count) as ArrayBuffer)
    else handle.onread()
  }

  function tellTls(to: TlsHandle, count: number, buffer: Uint8Array): void {
    if (count > 0) native.readBuffer(buffer.subarray(0, count))
    else if (count === ERRNO.eof) native.emitEOF()
    else {
      // TLS passes errors on as they are.
      streamBaseState[kReadBytesOrError] = count
      streamBaseState[kArrayBufferOffset] = 0
      to.onread()
    }
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

  function complete(request: AnyRequest, status: number): void {
    scheduler.at(0, () => finish(request, status))
  }

  function finish(request: AnyRequest, status: number): void {
    if ('oncomplete' in request) request.oncomplete(status, handle, undefined)
    else native.finishWrite(request.tls, status)
  }

  function endWriting(): void {
    const request = shutdownRequest
    if (request === undefined || queue.length > 0 || end === undefined || isClosed) return
    shutdownRequest = undefined
    end.shutdown()
    scheduler.at(0, () => finishShutdown(request, 0))
  }

  function finishShutdown(request: AnyRequest, status: number): void {
    if ('oncomplete' in request) request.oncomplete(status, handle, undefined)
    else native.finishShutdown(request.tls, status)
  }

  function shutDown(request: AnyRequest): number {
    if (end === undefined || !end.isConnected()) return ERRNO.notConnected
    shutdownRequest = request
    endWriting()
    return 0
  }

  /** What Node's streams of JavaScript write is never done at once. */
  function writeSecured(request: object, chunks: readonly Uint8Array[]): number {
    if (isClosed || end === undefined) return ERRNO.pipe
    const pending: Pending = { request: { tls: request }, chunks: [...chunks] }
    handle.bytesWritten += bytesOf(chunks)
    const status = queue.length > 0 ? 'more' : writeChunks(end, pending)
    if (status === 'more') queue.push(pending)
    else if (status < 0) return status
    else complete(pending.request, 0)
    return 0
  }

  function write(request: WriteRequest, chunks: Uint8Array[]): number {
    if (isClosed || end === undefined) return ERRNO.pipe
    const bytes = bytesOf(chunks)
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

  function readStart(): number {
    isReading = true
    pump()
    return 0
  }

  function readStop(): number {
    isReading = false
    return 0
  }

  const own: Omit<Handle, 'writeBuffer'> = {
    scheduler,
    reading: false,
    bytesRead: 0,
    bytesWritten: 0,
    get writeQueueSize() {
      return queue.reduce((sum, { chunks }) => sum + bytesOf(chunks), 0)
    },
    onread: () => {},
    useUserBuffer: (buffer) => {
      ownBuffer = buffer
    },
    readStart,
    readStop,
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
    shutdown: shutDown,
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
      const cancelled = queue.splice(0)
      const notShut = shutdownRequest
      shutdownRequest = undefined
      scheduler.at(0, () => {
        for (const { request } of cancelled) finish(request, ERRNO.cancelled)
        if (notShut !== undefined) finishShutdown(notShut, ERRNO.cancelled)
        callback?.call(handle)
      })
    },
    abort: () => end?.abort(),
    ref: () => {},
    unref: () => {},
    hasRef: () => false,
    onreadstart: readStart,
    onreadstop: readStop,
    onwrite: writeSecured,
    onshutdown: (request) => shutDown({ tls: request }),
    isClosing: () => isClosed,
    onTls: (made) => {
      secured = made
    },
    tls: () => secured,
  }
  // As in Node it comes from the prototype: who puts another in its place gets it back by taking that away.
  const writing = { writeBuffer: (request: WriteRequest, bytes: Uint8Array) => write(request, [bytes]) }
  Object.setPrototypeOf(writing, Object.getPrototypeOf(native) as object)
  Object.setPrototypeOf(native, writing)
  const handle = Object.defineProperties(
    native,
    Object.getOwnPropertyDescriptors(own),
  ) as unknown as NativeStream & Handle
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

function bytesOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}
