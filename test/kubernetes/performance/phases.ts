import { waitFor } from '../../support/wait.ts'
import type { Server } from '../servers.ts'
import type { Client } from './client.ts'
import type { Part } from './figures.ts'
import { inParallel, load } from './load.ts'

/** What every phase works with. */
export interface Bench {
  readonly server: Server
  readonly client: Client
  readonly note: (name: string, ...parts: readonly Part[]) => void
}

const LISTED = 1_000
const PODS = 1_000
const WATCHERS = 200
const PAGE = 500
const NAMESPACE = 'bench'
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`
/** Of another namespace, so that their number does not burden the lists of 1,000. */
const MANY = '/api/v1/namespaces/default/configmaps'
const MERGE = 'application/merge-patch+json'

export async function makeNamespace({ client }: Bench): Promise<void> {
  await waitFor(
    'the namespace default',
    async () => (await client.call('GET', '/api/v1/namespaces/default')).bytes > 0,
  )
  await client.call('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } })
  await client.call('POST', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, {
    metadata: { name: 'default' },
  })
}

export async function fillMany({ client, note }: Bench, count: number): Promise<void> {
  const seconds = await inParallel(count, (index) => client.call('POST', MANY, map(`many-${index}`, 'many')))
  note(`${count.toLocaleString('en')} small objects created by 32 clients`, [seconds, ' s'])
}

export async function measureRequests({ server, client, note }: Bench): Promise<void> {
  await inParallel(LISTED, (index) => client.call('POST', MAPS, map(`listed-${index}`, 'listed')))
  let created = 0
  const kinds = {
    get: () => client.call('GET', `${MAPS}/listed-0`),
    'list of 1,000': () => client.call('GET', `${MAPS}?labelSelector=of=listed`),
    create: () => client.call('POST', MAPS, map(`created-${created++}`, 'created')),
    patch: (number: number) =>
      client.call('PATCH', `${MAPS}/listed-${number}`, { data: { n: String(Math.random()) } }, MERGE),
  }
  for (const [kind, send] of Object.entries(kinds)) {
    for (const clients of [1, 32]) {
      const { perSecond, p99, cpu } = await load(server, clients, send)
      const who = `${clients} client${clients === 1 ? '' : 's'}`
      note(`${kind}, ${who}`, [perSecond, '/s'], [p99, ' ms'], [cpu, ' ms'])
    }
  }
}

export async function measurePods({ client, note }: Bench): Promise<void> {
  const seconds = await inParallel(PODS, (index) =>
    client.call('POST', `/api/v1/namespaces/${NAMESPACE}/pods`, {
      metadata: { name: `pod-${index}` },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    }),
  )
  note('1,000 pods created by 32 clients', [seconds, ' s'])
}

/** From the moment the write is sent until the last of the watchers has its event. */
export async function measureFanOut({ server, client, note }: Bench): Promise<void> {
  let arrived = 0
  let complete = () => {}
  const onText = (text: string) => {
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) arrived += 1
    if (arrived >= WATCHERS) complete()
  }
  const path = `${MAPS}?watch=1&fieldSelector=metadata.name=watched`
  await Promise.all(Array.from({ length: WATCHERS }, () => client.watch(path, onText)))
  const untilAllHaveIt = async (send: () => Promise<unknown>) => {
    arrived = 0
    const all = new Promise<void>((resolve) => (complete = resolve))
    await Promise.all([send(), all])
  }
  await untilAllHaveIt(() => client.call('POST', MAPS, map('watched', 'watched')))
  const change = () => client.call('PATCH', `${MAPS}/watched`, { data: { n: String(Math.random()) } }, MERGE)
  const { median, p99, cpu } = await load(server, 1, () => untilAllHaveIt(change))
  note(
    `a change at the last of ${WATCHERS} watchers: median, p99, CPU`,
    [median, ' ms'],
    [p99, ' ms'],
    [cpu, ' ms'],
  )
}

/** Lists of everything, and the longest that somebody else's small request waits meanwhile. */
export async function measureLargeLists(bench: Bench, count: number): Promise<void> {
  const many = count.toLocaleString('en')
  await timed(bench, `list of ${many} in pages of ${PAGE}`, async () => {
    for (let next: string | undefined = ''; next !== undefined;) {
      const token: string = next === '' ? '' : `&continue=${encodeURIComponent(next)}`
      const answer = await bench.client.call('GET', `${MANY}?limit=${PAGE}${token}`)
      next = /"continue":"([^"]+)"/.exec(answer.text().slice(0, 1000))?.[1]
    }
  })
  await timed(bench, `list of ${many} at once`, () => bench.client.call('GET', MANY))
}

export async function measureInitialEvents(bench: Bench, count: number): Promise<void> {
  const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  await timed(bench, `watch that begins with ${count.toLocaleString('en')} objects`, async () => {
    let isComplete = () => {}
    const all = new Promise<void>((resolve) => (isComplete = resolve))
    // The end of one piece and the beginning of the next may hold the mark together.
    let tail = ''
    await bench.client.watch(`${MANY}?${query}`, (text) => {
      if ((tail + text).includes('k8s.io/initial-events-end')) isComplete()
      tail = text.slice(-100)
    })
    await all
  })
}

async function timed({ client, note }: Bench, name: string, action: () => Promise<unknown>): Promise<void> {
  let isOver = false
  const probe = async (): Promise<number> => {
    let longest = 0
    while (!isOver) {
      const asked = performance.now()
      await client.call('GET', `/api/v1/namespaces/${NAMESPACE}`)
      longest = Math.max(longest, performance.now() - asked)
    }
    return longest
  }
  const started = performance.now()
  const probing = probe()
  await action()
  const seconds = (performance.now() - started) / 1000
  isOver = true
  note(`${name}; longest get meanwhile`, [seconds, ' s'], [await probing, ' ms'])
}

const map = (name: string, of: string) => ({
  metadata: { name, labels: { of } },
  data: { text: 'x'.repeat(200) },
})
