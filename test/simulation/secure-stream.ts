import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { ByteStream, StreamEvents } from './byte-stream.ts'
import type { End, Kernel } from './kernel.ts'
import { socketOf } from './network.ts'
import type { Pace } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'

/** Of every server here. Signatures of Ed25519 have one size, so that a scenario has the same records every time. */
export interface Certificate {
  readonly chain: string
  readonly privateKey: string
}

let made: Certificate | undefined

/** Signed by itself, so that it is its own authority. */
export function certificate(): Certificate {
  if (made !== undefined) return made
  const folder = mkdtempSync(join(tmpdir(), 'lateen-simulation-'))
  const [key, chain] = [join(folder, 'key'), join(folder, 'chain')]
  const subject = ['-subj', `/CN=${SERVER_NAME}`, '-addext', `subjectAltName=DNS:${SERVER_NAME}`]
  const terms = ['-newkey', 'ed25519', '-nodes', '-days', '2', '-set_serial', '1', ...subject]
  execFileSync('openssl', ['req', '-x509', ...terms, '-keyout', key, '-out', chain], { stdio: 'pipe' })
  made = { chain: readFileSync(chain, 'utf8'), privateKey: readFileSync(key, 'utf8') }
  rmSync(folder, { recursive: true })
  return made
}

export const SERVER_NAME = 'app'

let contexts: { readonly client: SecureContext; readonly server: SecureContext } | undefined

function secureContexts(): NonNullable<typeof contexts> {
  const { chain, privateKey } = certificate()
  contexts ??= {
    client: createSecureContext({ ca: chain }),
    server: createSecureContext({ cert: chain, key: privateKey }),
  }
  return contexts
}

export interface SecureTerms {
  readonly isServer: boolean
  readonly protocol: 'h2' | 'http/1.1'
}

/** The same as `createByteStream`, with Node's TLS between. A client's handshake begins with the first call of `send`. */
export function createSecureStream(
  { scheduler, kernel }: { readonly scheduler: Scheduler; readonly kernel: Kernel },
  end: End,
  terms: SecureTerms,
  events: StreamEvents & { readonly pace?: Pace | undefined },
): ByteStream {
  const { pace } = events
  let socket: TLSSocket | undefined
  let waiting: Buffer[] = []
  let finishing: 'half-close' | 'close' | undefined
  let isPaused = false
  let isOver = false
  let hasEnded = false

  function start(): void {
    if (socket !== undefined || isOver) return
    const raw = socketOf(scheduler, kernel, end)
    const { client, server } = secureContexts()
    const ALPNProtocols = [terms.protocol]
    socket = terms.isServer
      ? new TLSSocket(raw, { isServer: true, secureContext: server, ALPNProtocols })
      : connect({ socket: raw, secureContext: client, servername: SERVER_NAME, ALPNProtocols })
    raw.on('error', () => tellEnd('reset'))
    attach(socket)
    for (const bytes of waiting) socket.write(bytes)
    waiting = []
    if (isPaused) socket.pause()
    if (finishing !== undefined) finish(finishing)
  }

  function attach(to: TLSSocket): void {
    to.on('data', (bytes: Buffer) => {
      events.data(bytes)
      if (pace !== undefined) rest(to, Math.ceil(bytes.length / pace.bytes) * pace.everyMs)
    })
    to.on('end', () => tellEnd('end'))
    to.on('error', () => tellEnd('reset'))
    to.on('close', () => tellEnd('reset'))
  }

  function rest(to: TLSSocket, ms: number): void {
    to.pause()
    scheduler.at(ms, () => {
      if (!isPaused && !isOver) to.resume()
    })
  }

  function tellEnd(how: 'end' | 'reset'): void {
    if (hasEnded) return
    hasEnded = true
    if (how === 'reset') {
      isOver = true
      socket?.destroy()
    }
    events.ended(how)
  }

  function finish(how: 'half-close' | 'close' | 'reset'): void {
    if (how === 'reset') {
      isOver = true
      hasEnded = true
      end.abort()
      socket?.destroy()
    } else if (socket === undefined) finishing = how
    else if (how === 'half-close') socket.end()
    else {
      const closing = socket
      isOver = true
      closing.end(() => closing.destroy())
    }
  }

  if (terms.isServer) start()
  return {
    end,
    send(bytes) {
      if (isOver) return
      const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
      if (buffer.length > 0) {
        if (socket === undefined) waiting.push(buffer)
        else socket.write(buffer)
      }
      if (end.isConnected()) start()
    },
    finish,
    isFlushed: () => waiting.length === 0 && (socket?.writableLength ?? 0) === 0,
    pause() {
      isPaused = true
      socket?.pause()
    },
    resume() {
      isPaused = false
      socket?.resume()
    },
    isOver: () => isOver,
  }
}
