import { Agent, request } from 'node:http'

export interface Target {
  readonly host: string
  readonly port?: number
}

export interface Seen {
  /** performance.now() when the head of the answer was there */
  readonly at: number
  readonly status: number
  /** the backend's version, undefined when no backend answered */
  readonly version: string | undefined
}

export interface Poller {
  /**
   * From now on asks for this path; for several that are waited for, in turn. One wait at a time for each.
   * @returns the first answer that is as wanted
   * @throws after the deadline, or when a request gets no answer at all
   */
  readonly until: (path: string, wanted: (seen: Seen) => boolean) => Promise<Seen>
  readonly stop: () => Promise<void>
}

const EVERY_MS = 1
const DEADLINE_MS = 10_000

interface Waiter {
  readonly wanted: (seen: Seen) => boolean
  readonly resolve: (seen: Seen) => void
}

/** Asks over one keep-alive connection about every millisecond, one request at a time. */
export function startPoller(target: Target): Poller {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  /** In the order in which they are asked for; the one that was asked for last goes to the end. */
  const waiters = new Map<string, Waiter>()
  let last = '/'
  let running = true

  const loop = async (): Promise<void> => {
    while (running) {
      const [asked = last] = waiters.keys()
      const sent = performance.now()
      const waiter = waiters.get(asked)
      const seen = await askOnce(agent, target, asked)
      if (waiter && waiters.get(asked) === waiter) {
        waiters.delete(asked)
        if (waiter.wanted(seen)) waiter.resolve(seen)
        else waiters.set(asked, waiter)
      }
      last = asked
      const rest = EVERY_MS - (performance.now() - sent)
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest))
    }
  }
  const ended = loop()
  ended.catch(() => {}) // told to whoever waits for an answer, and by stop
  return {
    until(path, wanted) {
      let timer: NodeJS.Timeout | undefined
      const found = new Promise<Seen>((resolve, reject) => {
        waiters.set(path, { wanted, resolve })
        timer = setTimeout(
          () => reject(new Error(`${path} did not answer as it must within ${DEADLINE_MS / 1000} s`)),
          DEADLINE_MS,
        )
      })
      const stopped = ended.then(() => Promise.reject(new Error('the poller was stopped')))
      const first = Promise.race([found, stopped]).finally(() => clearTimeout(timer))
      first.catch(() => {}) // the caller waits for it only after the change that it makes first
      return first
    },
    async stop() {
      running = false
      await ended.finally(() => agent.destroy())
    },
  }
}

function askOnce(agent: Agent, { host, port }: Target, path: string): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port: port ?? 80, path, agent, timeout: DEADLINE_MS }, (response) => {
      const at = performance.now()
      const version = response.headers['x-version']
      response.resume()
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          at,
          status: response.statusCode ?? 0,
          version: Array.isArray(version) ? version.join(', ') : version,
        }),
      )
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${path}: no answer`)))
    outgoing.on('error', reject)
    outgoing.end()
  })
}
