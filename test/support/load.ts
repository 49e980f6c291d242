import { Agent, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'

export interface SteadyLoad {
  /** Ends the load and tells what came of it; again, the same. */
  readonly stop: () => Promise<LoadReport>
  readonly sent: () => number
}

export interface LoadReport {
  readonly sent: number
  readonly failures: readonly string[]
  readonly byName: Readonly<Record<string, number>>
}

export interface LoadOptions {
  readonly host: string
  readonly port?: number
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Asks over TLS. */
  readonly tls?: { readonly ca: string; readonly servername: string }
  /** Each request has a connection of its own; otherwise they are kept. */
  readonly opensEach?: boolean
  readonly perSecond: number
  /** Bounds the load whatever happens. */
  readonly requestsMax: number
  /** What an answer is counted under; throwing counts it as a failure. */
  readonly nameOf: (status: number, body: string) => string
}

/** An open-loop load: requests leave at their time whether or not earlier ones were answered. */
export function startLoad(options: LoadOptions): SteadyLoad {
  const agentOptions = { keepAlive: options.opensEach !== true, maxSockets: 64 }
  const agent = options.tls ? new SecureAgent({ ...agentOptions, ...options.tls }) : new Agent(agentOptions)
  const failures: string[] = []
  const byName: Record<string, number> = {}
  const pending = new Set<Promise<void>>()
  const started = performance.now()
  let sent = 0

  const send = () => {
    sent += 1
    const number = sent
    const one = askOnce(agent, options)
      .then(({ status, body }) => {
        const name = options.nameOf(status, body)
        byName[name] = (byName[name] ?? 0) + 1
      })
      .catch((error: unknown) => {
        failures.push(
          `request ${number} after ${Math.round(performance.now() - started)} ms: ${String(error)}`,
        )
      })
      .finally(() => pending.delete(one))
    pending.add(one)
  }

  let report: Promise<LoadReport> | undefined
  const timer = setInterval(() => {
    const due = Math.min(
      options.requestsMax,
      Math.floor(((performance.now() - started) / 1000) * options.perSecond),
    )
    while (sent < due) send()
  }, 5)
  return {
    sent: () => sent,
    stop() {
      clearInterval(timer)
      report ??= Promise.all(pending).then(() => {
        agent.destroy()
        return { sent, failures, byName }
      })
      return report
    },
  }
}

function askOnce(
  agent: Agent,
  options: LoadOptions,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const ask = options.tls ? secureRequest : request
    const outgoing = ask(
      {
        host: options.host,
        port: options.port ?? (options.tls ? 443 : 80),
        path: options.path,
        headers: { ...options.headers },
        agent,
        timeout: 10_000,
      },
      (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
        response.on('error', reject)
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 10 s')))
    outgoing.on('error', reject)
    outgoing.end()
  })
}
