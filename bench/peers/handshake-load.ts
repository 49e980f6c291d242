/**
 * `node handshake-load.ts full|resumed PORT HOST AUTHORITY CERTIFICATE KEY SECONDS`: connections of mutual TLS 1.3 with
 * one request each, from some clients at once; prints what it saw as JSON.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { percentile } from '../figures.ts'
import { SERVER_NAME } from './hop.ts'

const [, , kind, port, host, authority = '', certificate = '', key = '', seconds] = process.argv
const CLIENTS = 8
/** Tickets are sent behind the handshake: of the first connections there are none yet. */
const RESUMED_SHARE_LEAST = 0.95

const secureContext = createSecureContext({
  ca: readFileSync(authority),
  cert: readFileSync(certificate),
  key: readFileSync(key),
  minVersion: 'TLSv1.3',
})
const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
const times: number[] = []
let resumed = 0
let isOver = false

async function client(): Promise<void> {
  let session: Buffer | undefined
  while (!isOver) {
    const since = performance.now()
    const socket: TLSSocket = connect({
      host: '127.0.0.1',
      port: Number(port),
      secureContext,
      servername: SERVER_NAME,
      ...(session && { session }),
    })
    if (kind === 'resumed') socket.on('session', (ticket: Buffer) => (session = ticket))
    await once(socket, 'secureConnect')
    if (socket.isSessionReused()) resumed += 1
    socket.write(request)
    const [head] = (await once(socket, 'data')) as [Buffer]
    if (!head.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(head.toString('latin1'))
    times.push(performance.now() - since)
    socket.resume()
    await once(socket, 'close')
  }
}

const started = performance.now()
setTimeout(() => (isOver = true), Number(seconds) * 1000)
await Promise.all(Array.from({ length: CLIENTS }, client))
const elapsed = (performance.now() - started) / 1000
const share = resumed / times.length
if (kind === 'resumed' ? share < RESUMED_SHARE_LEAST : resumed > 0)
  throw new Error(`${resumed} of ${times.length} handshakes were resumed`)
const result = {
  requests: times.length,
  perSecond: times.length / elapsed,
  p50Ms: percentile(times, 0.5),
  p99Ms: percentile(times, 0.99),
}
process.stdout.write(JSON.stringify(result))
