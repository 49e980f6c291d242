import { connect } from 'node:net'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  routeObject,
  serviceObject,
  until,
  workloadObject,
} from '../../src/proxy/testing.ts'
import { type RequestCase, SECOND, SECOND_MEANT } from './cases.ts'
import { type ReadMessage, readResponse, statusOf } from './strict-reader.ts'

/** A gateway that forwards everything to one port of loopback. */
export async function startGateway(backendPort: number): Promise<{ port: number; close: () => void }> {
  const port = await freePort()
  const service = serviceObject('back', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
  const workload = workloadObject('back-1', {
    address: '127.0.0.1',
    services: { [service.key]: { ports: { '80': backendPort }, ready: true } },
  })
  const proxy = createTestProxy()
  const route = routeObject('all', { port, action: forwardTo(service) })
  const rejections = proxy.accept(changesOf([meshObject(), service, workload, route, listenerObject(port)]))
  if (rejections.length > 0)
    throw new Error(`the gateway refuses its configuration: ${JSON.stringify(rejections)}`)
  await until(() => proxy.isBound(), 'the gateway is bound')
  return { port, close: () => proxy.close() }
}

const ANSWER_DEADLINE_MS = 10_000

/**
 * Sends everything, then (unless told) the end of the stream.
 * @returns what came until the other side ended as well
 */
export async function exchangeAll(
  port: number,
  bytes: string,
  options: { readonly halfClose: boolean } = { halfClose: true },
): Promise<{ received: string }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  let received = ''
  await new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => {
      reject(new Error(`no end of the answer; so far: ${received}`))
    }, ANSWER_DEADLINE_MS)
    const stop = (): void => {
      clearTimeout(deadline)
      resolve()
    }
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('end', stop)
    // A reset is an end too, for a client that had more to say.
    socket.on('error', () => {})
    socket.on('close', stop)
    if (options.halfClose) socket.end(bytes, 'latin1')
    else socket.write(bytes, 'latin1')
  }).finally(() => socket.destroy())
  return { received }
}

/** What goes over the wire for a case. */
export function wireOf(one: RequestCase): string {
  return one.ending === 'unfinished' ? one.bytes : one.bytes + SECOND
}

/** All that the back end must have read of a case; `{dialled}` is the gateway's own address. */
export function meantOf(one: RequestCase, port: number): readonly string[] {
  const meant = one.meant.map((text) => text.replace('{dialled}', `127.0.0.1:${port}`))
  return one.ending === 'kept' ? [...meant, SECOND_MEANT] : meant
}

/** Methods of the requests that are answered, in order; whatever is refused counts as GET. */
function methodsOf(one: RequestCase): readonly string[] {
  return one.meant.map((text) => text.split(' ')[0] as string)
}

/** The final responses a client reads, strictly: everything has to be a response, up to the end of the stream. */
export function readAnswers(text: string, methods: readonly string[]): readonly ReadMessage[] {
  const answers: ReadMessage[] = []
  let at = 0
  while (at < text.length) {
    const method = methods[answers.length] ?? 'GET'
    const answer = readResponse(text, at, { method, ended: true })
    if (answer === undefined)
      throw new Error(`not a whole response: ${JSON.stringify(text.slice(at, at + 200))}`)
    if (statusOf(answer.first) >= 200) answers.push(answer)
    at = answer.end
  }
  return answers
}

/** Statuses that the client of a case gets from a proxy whose back end answers 200 to everything. */
export function statusesOf(one: RequestCase): readonly number[] {
  const forwarded = one.meant.map(() => 200)
  switch (one.ending) {
    case 'kept':
      return one.status === 0 ? [...forwarded, 200] : [...forwarded, one.status, 200]
    case 'refused':
      return [...forwarded, one.status]
    case 'closed':
    case 'unfinished':
      return forwarded
  }
}

/** Sends a case and reads what its client gets. */
export async function runCase(port: number, one: RequestCase): Promise<readonly number[]> {
  const { received } = await exchangeAll(port, wireOf(one))
  return readAnswers(received, methodsOf(one)).map((answer) => statusOf(answer.first))
}
