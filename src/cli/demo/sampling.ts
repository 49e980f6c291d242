import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Ask {
  /** An IPv4 address, with a port if it is not 80. */
  readonly address: string
  readonly port?: number
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const TIMEOUT_MS = 5_000
const agent = new Agent({ keepAlive: true, maxSockets: 8 })

/** One request to the gateway. @throws when it is not answered within 5 s */
export function ask(question: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { address, path, method, headers, body } = question
    const [host = '', ownPort] = address.split(':')
    const outgoing = request(
      {
        host,
        port: question.port ?? ownPort ?? 80,
        path,
        method: method ?? 'GET',
        headers: { ...headers },
        agent,
        timeout: TIMEOUT_MS,
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: flatten(response.headers), body: text }),
        )
        response.on('error', reject)
      },
    )
    outgoing.on('timeout', () =>
      outgoing.destroy(
        new Error(`${method ?? 'GET'} http://${address}${path} was not answered within ${TIMEOUT_MS} ms`),
      ),
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/**
 * Asks the same `count` times, one after another: with several at once, least request, the default balancer, would
 * follow the speed of the endpoints and the shares would not be those of independent draws.
 */
export async function sample(question: Ask, count: number): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  while (answers.length < count) answers.push(await ask(question))
  return answers
}

export function tally<T>(items: readonly T[], nameOf: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1)
  return new Map([...counts].sort(([a], [b]) => a.localeCompare(b)))
}

/** One line per name: a bar in proportion, the count and the share. */
export function bars(counts: ReadonlyMap<string, number>, width = 40): readonly string[] {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const longest = Math.max(...[...counts.keys()].map((name) => name.length))
  return [...counts].map(([name, count]) => {
    const filled = Math.round((count / total) * width)
    const share = `${Math.round((count / total) * 100)} %`
    return `${name.padEnd(longest)}  ${'█'.repeat(filled)}${'░'.repeat(width - filled)}  ${String(count).padStart(4)}  ${share.padStart(5)}`
  })
}

function flatten(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, typeof value === 'string' ? value : value.join(', ')] as const],
  )
  return Object.fromEntries(entries)
}
