import { execFile } from 'node:child_process'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import type { ResponseCase } from './cases.ts'
import type { PeerProgram } from './peers.ts'
import { readResponse, statusOf } from './strict-reader.ts'

/**
 * `STATUS LENGTH` of the final response, `broken` when it is not whole, `silent` when nothing comes: nginx up to 1.28 takes
 * an informational response for a final one, and waits for its end.
 */
export type Read = string

/** A client that is not ours: it asks for a case, and on the same connection, if there is one, for what follows. */
export interface ResponseReader {
  readonly read: (one: ResponseCase) => Promise<{ readonly answer: Read; readonly next: Read }>
  readonly close: () => Promise<void>
}

const DEADLINE_MS = 3000

/** A proxy that reads what our gateway sends, and passes it on to us. */
export async function readThrough(program: PeerProgram, gatewayPort: number): Promise<ResponseReader> {
  const running = await program.start(gatewayPort)
  return {
    async read(one) {
      const first = await askRaw(
        running.port,
        [requestFor(one.method, '/case'), requestFor('GET', '/next')],
        one.method,
      )
      if (first.length === 2) return { answer: first[0] as Read, next: first[1] as Read }
      // It ended the connection to us; the one to the gateway may go on.
      const [next = 'broken'] = await askRaw(running.port, [requestFor('GET', '/next')], 'GET')
      return { answer: first[0] ?? 'broken', next }
    },
    close: running.close,
  }
}

function requestFor(method: string, path: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`
}

/** Sends each request when the one before it is answered. @returns the answers up to the end of the connection */
function askRaw(port: number, requests: readonly string[], method: string): Promise<readonly Read[]> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const answers: Read[] = []
    let text = ''
    const deadline = setTimeout(() => {
      answers.push(text === '' ? 'silent' : 'broken')
      finish()
    }, DEADLINE_MS)
    const finish = (): void => {
      clearTimeout(deadline)
      socket.removeAllListeners('close').destroy()
      resolve(answers)
    }
    const readAll = (ended: boolean): void => {
      for (;;) {
        const options = { method: answers.length === 0 ? method : 'GET', ended }
        const message = text === '' ? undefined : readResponse(text, 0, options)
        if (message === undefined) return
        text = text.slice(message.end)
        const status = statusOf(message.first)
        if (status < 200) continue
        answers.push(`${status} ${message.body.length}`)
        const next = requests[answers.length]
        if (next === undefined) return finish()
        socket.write(next, 'latin1')
      }
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      readAll(false)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      readAll(true)
      if (text !== '') answers.push('broken')
      finish()
    })
    socket.write(requests[0] as string, 'latin1')
  })
}

export function readWithNode(gatewayPort: number): ResponseReader {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (method: string, path: string): Promise<Read> =>
    new Promise((resolve) => {
      const outgoing = request({ agent, port: gatewayPort, host: '127.0.0.1', method, path }, (response) => {
        let length = 0
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
        })
        response.on('error', () => {})
        response.on('close', () => resolve(response.complete ? `${response.statusCode} ${length}` : 'broken'))
      })
      outgoing.on('error', () => resolve('broken'))
      outgoing.end()
    })
  return {
    read: async (one) => ({ answer: await ask(one.method, '/case'), next: await ask('GET', '/next') }),
    close: async () => agent.destroy(),
  }
}

const run = promisify(execFile)

export function readWithCurl(gatewayPort: number): ResponseReader {
  const format = '%{http_code} %{size_download} %{exitcode}\n'
  const of = (method: string, path: string): readonly string[] => [
    '-s',
    '-o',
    '/dev/null',
    '-w',
    format,
    ...(method === 'HEAD' ? ['-I'] : ['-X', method]),
    `http://127.0.0.1:${gatewayPort}${path}`,
  ]
  return {
    async read(one) {
      const args = [...of(one.method, '/case'), '--next', ...of('GET', '/next')]
      // What the last transfer came to is in its line, and again in the exit status.
      const { stdout } = await run('curl', args).catch((error: unknown) => error as { stdout: string })
      const [answer = 'broken', next = 'broken'] = stdout
        .trim()
        .split('\n')
        .map((line) => (line.endsWith(' 0') ? line.slice(0, -2) : 'broken'))
      return { answer, next }
    },
    close: async () => {},
  }
}
