import { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { HttpsTransportConfig } from './https-transport.ts'

/** The protocol without SPDY: each port has a channel for data and one for errors, told by a message's first byte. */
const PROTOCOL = 'v4.channel.k8s.io'
const DATA = 0
const ERROR = 1
/** What each channel begins with: its port's number. */
const LEAD_BYTES = 2
const OPEN_TIMEOUT_MS = 10_000

/**
 * A connection to a port of a pod, through the API server. Only loopback of the pod's network has to listen there.
 * @throws when the API server refuses
 */
export function openPortForward(
  config: HttpsTransportConfig,
  target: { readonly namespace: string; readonly pod: string; readonly port: number },
): Promise<Duplex> {
  const url = new URL(config.server)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const base = url.pathname.replace(/\/$/, '')
  url.pathname = `${base}/api/v1/namespaces/${encodeURIComponent(target.namespace)}/pods/${encodeURIComponent(target.pod)}/portforward`
  url.search = `?ports=${target.port}`
  const token = config.token?.()
  const socket = new WebSocket(url, PROTOCOL, {
    handshakeTimeout: OPEN_TIMEOUT_MS,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(config.ca !== undefined && { ca: config.ca }),
    ...(config.cert !== undefined && { cert: config.cert }),
    ...(config.key !== undefined && { key: config.key }),
    ...(config.serverName !== undefined && { servername: config.serverName }),
    ...(config.insecure === true && { rejectUnauthorized: false }),
  })
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_request, response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () =>
        reject(new Error(messageOfStatus(body) ?? `the API server answers ${response.statusCode}`)),
      )
    })
    socket.on('error', reject)
    socket.on('open', () => resolve(streamOf(socket)))
  })
}

function streamOf(socket: WebSocket): Duplex {
  const led = [false, false]
  const stream = new Duplex({
    read: () => socket.resume(),
    write(chunk: Uint8Array, _encoding, done) {
      socket.send(Buffer.concat([Buffer.of(DATA), chunk]), { binary: true }, (error) => done(error ?? null))
    },
    final(done) {
      socket.close(1000)
      done()
    },
    destroy(error, done) {
      socket.terminate()
      done(error)
    },
  })
  socket.on('message', (message: Buffer) => {
    const channel = message[0] ?? -1
    const isLead = led[channel] === false
    led[channel] = true
    const bytes = message.subarray(1 + (isLead ? LEAD_BYTES : 0))
    if (bytes.length === 0) return
    if (channel === ERROR) stream.destroy(new Error(bytes.toString('utf8').trim()))
    else if (channel === DATA && !stream.push(bytes)) socket.pause()
  })
  socket.on('error', (error) => stream.destroy(error))
  socket.on('close', () => {
    if (!stream.readableEnded) stream.push(null)
  })
  return stream
}

/** The words of a Status. */
function messageOfStatus(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
