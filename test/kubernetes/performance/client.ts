import { Agent, request } from 'node:https'
import type { Server } from '../servers.ts'

/** As many connections as the busiest figure has clients. */
const CONNECTIONS = 32
const CLIENT_DEADLINE_MS = 120_000

export interface Answer {
  readonly bytes: number
  /** the last bytes, where a list has nothing and a watch its newest frame */
  readonly text: () => string
}

export interface Client {
  /** @throws for any status but success */
  readonly call: (method: string, path: string, body?: unknown, type?: string) => Promise<Answer>
  /** A connection of its own that stays open; `opened` resolves with the headers of the answer. */
  readonly watch: (path: string, onText: (text: string) => void) => Promise<void>
  /** Ends every watch and every connection. */
  readonly close: () => void
}

/** The same for both servers: HTTP/1.1 with keep-alive, JSON, the administrator's certificate. */
export function createClient(server: Server): Client {
  const { caCertificate: ca, admin } = server.pki
  const identity = { ca, cert: admin.certificate, key: admin.key }
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ...identity })
  const address = { host: server.host, port: server.port }
  const ending = new AbortController()
  return {
    call(method, path, body, type = 'application/json') {
      const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
      const headers = bytes ? { 'content-type': type, 'content-length': bytes.length } : {}
      return new Promise((resolve, reject) => {
        const what = `${server.name}: ${method} ${path}`
        request({ ...address, agent, method, path, headers, timeout: CLIENT_DEADLINE_MS }, (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('error', reject)
          response.on('end', () => {
            const text = () => Buffer.concat(parts).toString()
            const status = response.statusCode ?? 0
            if (status >= 300) reject(new Error(`${what}: ${status} ${text().slice(0, 500)}`))
            else resolve({ bytes: parts.reduce((sum, part) => sum + part.length, 0), text })
          })
        })
          .on('timeout', function (this: import('node:http').ClientRequest) {
            this.destroy(new Error(`${what}: no answer for ${CLIENT_DEADLINE_MS} ms`))
          })
          .on('error', reject)
          .end(bytes)
      })
    },
    watch: (path, onText) =>
      new Promise((resolve, reject) => {
        const { signal } = ending
        request({ ...address, ...identity, agent: false, path, signal }, (response) => {
          response.setEncoding('utf8').on('data', onText)
          response.on('error', () => {}) // ended by close
          if (response.statusCode === 200) resolve()
          else reject(new Error(`${server.name}: watch ${path}: ${response.statusCode}`))
        })
          .on('error', reject) // after the answer this means nothing: it was ended by close
          .end()
      }),
    close() {
      ending.abort()
      agent.destroy()
    },
  }
}
