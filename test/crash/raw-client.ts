import { readFileSync } from 'node:fs'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'

export interface RawAnswer {
  /** 0 when the connection ended without an answer */
  readonly status: number
  readonly headers: string
  readonly body: string
  /** the message of a Status, or the body */
  readonly message: string
}

const ANSWER_MAX_BYTES = 4 * 1024 * 1024

/**
 * Writes bytes on a TLS connection of its own and reads the first answer.
 * Resolves when it is complete, when the server closes, or at the deadline with what there is by then.
 */
export function exchange(
  tls: ConnectionOptions,
  bytes: string | Buffer | readonly (string | Buffer)[],
  deadlineMs = 10_000,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...tls, ALPNProtocols: ['http/1.1'] })
    let received = ''
    const finish = () => {
      clearTimeout(deadline)
      socket.destroy()
      resolve(parseAnswer(received))
    }
    const deadline = setTimeout(finish, deadlineMs)
    socket.on('secureConnect', () => {
      for (const part of typeof bytes === 'string' || Buffer.isBuffer(bytes) ? [bytes] : bytes)
        socket.write(part)
    })
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      if (isComplete(received) || received.length > ANSWER_MAX_BYTES) finish()
    })
    socket.on('close', finish)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that refuses may close before all was written; what it said before counts.
      if (['ECONNRESET', 'EPIPE'].includes(error.code ?? '')) return
      clearTimeout(deadline)
      reject(error)
    })
  })
}

/** Opens a connection and gives it when the handshake is over. */
export function open(tls: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(tls, () => {
      socket.removeListener('error', reject)
      socket.on('error', () => {}) // tests end connections in every way there is
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

/** Resolves with the milliseconds until the server closed, or undefined at the deadline. */
export function untilClosed(socket: TLSSocket, deadlineMs: number): Promise<number | undefined> {
  const started = performance.now()
  return new Promise((resolve) => {
    const deadline = setTimeout(() => resolve(undefined), deadlineMs)
    socket.resume()
    socket.on('close', () => {
      clearTimeout(deadline)
      resolve(performance.now() - started)
    })
  })
}

function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const raw = rest.join('\r\n\r\n')
  const body = /transfer-encoding: chunked/i.test(head)
    ? raw.replace(/^[0-9a-f]+\r\n|\r\n[0-9a-f]+\r\n/gi, '')
    : raw
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    headers: head,
    body,
    message: messageIn(body),
  }
}

function messageIn(body: string): string {
  try {
    const status = JSON.parse(body) as { message?: unknown }
    return typeof status.message === 'string' ? status.message : body
  } catch {
    return body
  }
}

function isComplete(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1]
  return length !== undefined && text.length - end - 4 >= Number(length)
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) / 1024
}
