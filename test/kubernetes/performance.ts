import { rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { percentile } from '../../bench/figures.ts'
import { cpuMilliseconds, pssMegabytes } from '../../bench/processes.ts'
import { waitFor } from '../support/wait.ts'
import type { Server } from './servers.ts'

interface Options {
  readonly directory: string
  readonly print: (line: string) => void
  readonly ours: () => Promise<Server>
  readonly reference: () => Promise<Server>
}

/** Name of the figure, with its unit, to its value. */
type Figures = Map<string, number>

const RUN_MS = 4_000
const WARM_UP_MS = 1_000
const LISTED = 1_000
const PODS = 1_000
const WATCHERS = 200
const FAN_OUTS = 30
const MANY = 10_000
const NAMESPACE = 'bench'
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`
/** Of another namespace, so that their number does not burden the lists. */
const OTHERS = '/api/v1/namespaces/default/configmaps'
const PODS_PATH = `/api/v1/namespaces/${NAMESPACE}/pods`

/**
 * The same requests to both, one server after the other, each alone on the machine with the client. The client is one
 * process of this machine: where it is the limit, the server's CPU time per request tells them apart.
 */
export async function measureAll(options: Options): Promise<void> {
  const lateen = await measure(options.ours, 'lateen', options.print)
  const kubernetes = await measure(options.reference, 'kubernetes', options.print)
  const width = Math.max(...[...lateen.keys()].map((name) => name.length))
  options.print(`\n${''.padEnd(width)}  ${'lateen'.padStart(10)}  ${'kubernetes'.padStart(10)}`)
  for (const [name, value] of lateen) {
    const other = kubernetes.get(name) ?? Number.NaN
    options.print(`${name.padEnd(width)}  ${format(value).padStart(10)}  ${format(other).padStart(10)}`)
  }
  const result = { lateen: Object.fromEntries(lateen), kubernetes: Object.fromEntries(kubernetes) }
  writeFileSync(join(options.directory, '..', 'lateen-kubernetes-performance.json'), JSON.stringify(result))
}

async function measure(
  start: () => Promise<Server>,
  name: string,
  print: (line: string) => void,
): Promise<Figures> {
  const figures: Figures = new Map()
  const note = (figure: string, value: number) => {
    figures.set(figure, value)
    print(`  ${name}: ${figure} ${format(value)}`)
  }
  const first = await start()
  note('first start, s', first.startSeconds)
  await first.stop()
  const server = await start()
  try {
    note('later start, s', server.startSeconds)
    await waitFor(
      'the namespace default',
      async () => (await call(server, 'GET', '/api/v1/namespaces/default')).status === 200,
    )
    note('memory empty, MB', memory(server))
    await must(server, 'POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } })
    await must(server, 'POST', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, {
      metadata: { name: 'default' },
    })
    await fill(server, 'many', MANY, OTHERS)
    note(`memory with ${MANY} objects more, MB`, memory(server))
    await fill(server, 'listed', LISTED)
    await measureRequests(server, note)
    await measurePods(server, note)
    await measureFanOut(server, note)
  } finally {
    await server.stop()
    agents.delete(server)
    rmSync(server.directory, { recursive: true, force: true })
  }
  return figures
}

async function measureRequests(server: Server, note: (figure: string, value: number) => void): Promise<void> {
  const one = `${MAPS}/listed-0`
  const type = 'application/merge-patch+json'
  let created = 0
  const kinds = {
    get: () => must(server, 'GET', one),
    'list 1,000': () => must(server, 'GET', `${MAPS}?labelSelector=of=listed`),
    create: () => must(server, 'POST', MAPS, map(`created-${created++}`, 'created')),
    patch: (client: number) =>
      must(server, 'PATCH', `${MAPS}/listed-${client}`, { data: { n: String(Math.random()) } }, type),
  }
  for (const [kind, send] of Object.entries(kinds)) {
    for (const clients of [1, 32]) {
      const { perSecond, p99, cpu } = await load(server, clients, send)
      const who = `${clients} client${clients === 1 ? '' : 's'}`
      note(`${kind}, ${who}, requests/s`, perSecond)
      note(`${kind}, ${who}, p99 ms`, p99)
      note(`${kind}, ${who}, server’s CPU ms per request`, cpu)
    }
  }
}

async function load(
  server: Server,
  clients: number,
  send: (client: number) => Promise<unknown>,
): Promise<{ readonly perSecond: number; readonly p99: number; readonly cpu: number }> {
  const run = async (milliseconds: number): Promise<readonly number[]> => {
    const times: number[] = []
    const end = performance.now() + milliseconds
    const client = async (number: number) => {
      for (let now = performance.now(); now < end; now = performance.now()) {
        await send(number)
        times.push(performance.now() - now)
      }
    }
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
    return times
  }
  await run(WARM_UP_MS)
  const [started, before] = [performance.now(), processorTime(server)]
  const times = await run(RUN_MS)
  const seconds = (performance.now() - started) / 1000
  return {
    perSecond: times.length / seconds,
    p99: percentile(times, 0.99),
    cpu: (processorTime(server) - before) / times.length,
  }
}

async function measurePods(server: Server, note: (figure: string, value: number) => void): Promise<void> {
  const started = performance.now()
  await inParallel(PODS, (index) =>
    must(server, 'POST', PODS_PATH, {
      metadata: { name: `pod-${index}` },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    }),
  )
  note(`${PODS} pods created by 32 clients, s`, (performance.now() - started) / 1000)
}

/** From the moment the write is sent until the last of the watchers has its event. */
async function measureFanOut(server: Server, note: (figure: string, value: number) => void): Promise<void> {
  const abort = new AbortController()
  let arrived = 0
  let complete = () => {}
  let open = 0
  for (let index = 0; index < WATCHERS; index++) {
    const path = `${MAPS}?watch=1&fieldSelector=metadata.name=watched`
    const call = request(
      { ...base(server), agent: false, method: 'GET', path, signal: abort.signal },
      (response) => {
        open += 1
        response.setEncoding('utf8').on('data', (text: string) => {
          arrived += text.split('\n').length - 1
          if (arrived >= WATCHERS) complete()
        })
        response.on('error', () => {}) // ended below
      },
    )
    call.on('error', () => {}) // ended below
    call.end()
  }
  await waitFor('all watches to be open', () => open === WATCHERS)
  const times: number[] = []
  const write = async (send: () => Promise<unknown>) => {
    arrived = 0
    const all = new Promise<void>((resolve) => (complete = resolve))
    const started = performance.now()
    await Promise.all([send(), all])
    times.push(performance.now() - started)
  }
  await write(() => must(server, 'POST', MAPS, map('watched', 'watched')))
  times.length = 0
  for (let index = 0; index < FAN_OUTS; index++) {
    await write(() =>
      must(
        server,
        'PATCH',
        `${MAPS}/watched`,
        { data: { n: String(index) } },
        'application/merge-patch+json',
      ),
    )
  }
  note(`a change at the last of ${WATCHERS} watchers, median ms`, percentile(times, 0.5))
  note(`a change at the last of ${WATCHERS} watchers, p99 ms`, percentile(times, 0.99))
  abort.abort()
}

function fill(server: Server, prefix: string, count: number, path = MAPS): Promise<void> {
  return inParallel(count, (index) => must(server, 'POST', path, map(`${prefix}-${index}`, prefix)))
}

async function inParallel(count: number, action: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await action(index)
  }
  await Promise.all(Array.from({ length: 32 }, worker))
}

const map = (name: string, of: string) => ({
  metadata: { name, labels: { of } },
  data: { text: 'x'.repeat(200) },
})

const agents = new WeakMap<Server, Agent>()

function base(server: Server) {
  const { caCertificate: ca, admin } = server.pki
  return { host: server.host, port: server.port, ca, cert: admin.certificate, key: admin.key }
}

interface Answer {
  readonly status: number
  readonly text: string
}

function call(
  server: Server,
  method: string,
  path: string,
  body?: unknown,
  type = 'application/json',
): Promise<Answer> {
  const agent = agents.get(server) ?? new Agent({ keepAlive: true, maxSockets: 32 })
  agents.set(server, agent)
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const headers = bytes ? { 'content-type': type, 'content-length': bytes.length } : {}
  return new Promise((resolve, reject) => {
    request({ ...base(server), agent, method, path, headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
      )
    })
      .on('error', reject)
      .end(bytes)
  })
}

async function must(
  server: Server,
  method: string,
  path: string,
  body?: unknown,
  type?: string,
): Promise<void> {
  const { status, text } = await call(server, method, path, body, type)
  if (status >= 300) throw new Error(`${server.name}: ${method} ${path}: ${status} ${text.slice(0, 500)}`)
}

const memory = (server: Server) => server.pids.reduce((sum, pid) => sum + pssMegabytes(pid), 0)
const processorTime = (server: Server) => server.pids.reduce((sum, pid) => sum + cpuMilliseconds(pid), 0)

function format(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}
