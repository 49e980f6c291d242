import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type ReadMessage, readRequest, valuesOf } from './strict-reader.ts'

/** A back end that answers 200 to whatever it reads, strictly, and writes down what that was. */
export interface Recorder {
  readonly port: number
  /** What was read since the last call; what could not be read begins with `error`. */
  readonly take: () => readonly string[]
  /** Connections on which a request has begun and not ended. */
  readonly waiting: () => number
  readonly close: () => void
}

export async function startRecorder(): Promise<Recorder> {
  let seen: string[] = []
  const pending = new Map<Socket, string>()
  const server = createServer({ allowHalfOpen: false, noDelay: true }, (socket) => {
    pending.set(socket, '')
    socket.on('error', () => {})
    socket.on('close', () => pending.delete(socket))
    socket.on('data', (bytes) => {
      let text = (pending.get(socket) ?? '') + bytes.toString('latin1')
      try {
        for (let request = readRequest(text, 0); request !== undefined; request = readRequest(text, 0)) {
          seen.push(describeRequest(request))
          text = text.slice(request.end)
          socket.write(answerTo(request))
          if (text === '') break
        }
      } catch (error) {
        seen.push(`error: ${(error as Error).message}`)
        text = ''
        socket.destroy()
      }
      if (!socket.destroyed) pending.set(socket, text)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    take() {
      const taken = seen
      seen = []
      return taken
    },
    waiting: () => [...pending.values()].filter((text) => text !== '').length,
    close() {
      server.close()
      for (const socket of pending.keys()) socket.destroy()
    },
  }
}

/** Fields that end with the client's connection: behind a proxy they would say what nobody there meant. */
const NEVER_PASSED_ON = ['http2-settings', 'keep-alive', 'proxy-connection']

function answerTo(request: ReadMessage): string {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
  return request.first.startsWith('HEAD ') ? head : `${head}ok`
}

/** `METHOD TARGET HOST BODYLENGTH`, with ` +name` for each trailer and ` ^protocol` for an upgrade. */
export function describeRequest(request: ReadMessage): string {
  for (const name of NEVER_PASSED_ON)
    if (valuesOf(request.fields, name).length > 0) throw new Error(`${name} was passed on`)
  const expectations = valuesOf(request.fields, 'expect')
  // One that is not understood, or nothing to wait with, is read in as many ways as there are servers.
  if (expectations.length > 1 || expectations.some((one) => one.toLowerCase() !== '100-continue'))
    throw new Error('an expectation was passed on that is none')
  if (
    expectations.length > 0 &&
    request.body.length === 0 &&
    valuesOf(request.fields, 'content-length').length > 0
  )
    throw new Error('an expectation was passed on without a body')
  const [method, target] = request.first.split(' ')
  const host = valuesOf(request.fields, 'host')[0] ?? ''
  const trailers = request.trailers.map(([name]) => ` +${name}`).join('')
  const upgrade = valuesOf(request.fields, 'upgrade').map((protocol) => ` ^${protocol}`)
  return `${method} ${target} ${host} ${request.body.length}${trailers}${upgrade.join('')}`
}
