import type { KubeObject } from '../src/kube/index.ts'
import { type KubeClient, KINDS } from '../src/kube/client/index.ts'
import { waitFor } from '../test/support/wait.ts'
import { type Figure, percentile } from './figures.ts'
import { type Poller, type Seen, startPoller } from './poller.ts'
import { type ClusterProcesses, clusterProcesses, cpuMilliseconds } from './processes.ts'
import type { Session } from './session.ts'

interface Scenario {
  readonly routes: number
  readonly goalP50Ms: number
  readonly goalP99Ms: number
}

const SCENARIOS: readonly Scenario[] = [
  { routes: 10, goalP50Ms: 10, goalP99Ms: 30 },
  { routes: 1_000, goalP50Ms: 10, goalP99Ms: 30 },
]
const CHANGES = 60
const WRITERS = 16
const NAMESPACE = 'demo'
const ALL_ACCEPTED_DEADLINE_MS = 120_000
const BACKENDS = [
  { service: 'backend-v1', version: '1.0.0' },
  { service: 'backend-v2', version: '2.0.0' },
] as const

type Backend = (typeof BACKENDS)[number]

/**
 * From the API server's answer to a change of one route to the first answer from its new destination, seen by a client
 * that asks about every millisecond; likewise for routes that are added.
 */
export async function measureChangeLatency(session: Session): Promise<readonly Figure[]> {
  const { client, gateway, cluster } = await session.demo()
  const processes = clusterProcesses(cluster.stateDirectory)
  const poller = startPoller({ host: gateway })
  const figures: Figure[] = []
  let present = 0
  try {
    for (const scenario of SCENARIOS) {
      session.print(`• ${scenario.routes} routes …`)
      const started = performance.now()
      await createRoutes(client, present, scenario.routes)
      await untilAllAccepted(client, scenario.routes)
      const acceptedSeconds = (performance.now() - started) / 1000
      const added = scenario.routes - present
      present = scenario.routes
      const suffix = `with ${present} routes`
      figures.push({ name: `${added} routes created and Accepted`, value: acceptedSeconds, unit: 's' })

      const before = cpuOf(processes)
      const changes = await changeRoutes(client, poller, present, session.signal)
      figures.push(...spread(`change a route ${suffix}`, changes, scenario))
      figures.push(...cpuPerChange(suffix, before, cpuOf(processes)))
      const additions = await addRoutes(client, poller, session.signal)
      figures.push(...spread(`add a route ${suffix}`, additions))
    }
    return figures
  } finally {
    await poller.stop()
  }
}

/** Switches one route after another between the two backends. */
async function changeRoutes(client: KubeClient, poller: Poller, routes: number, signal: AbortSignal) {
  const latencies: number[] = []
  for (let change = 0; change < CHANGES; change++) {
    signal.throwIfAborted()
    // Spread over all routes, so that neither the first nor the last of the table is favoured.
    const index = (change * 7919) % routes
    const path = pathOf(index)
    const now = await poller.until(path, (seen) => seen.version !== undefined)
    const next = BACKENDS.find((backend) => backend.version !== now.version) ?? BACKENDS[0]
    const seen = poller.until(path, (answer) => answer.version === next.version)
    await client.patch(
      KINDS.httpRoute,
      nameOf(index),
      NAMESPACE,
      [{ op: 'replace', path: '/spec/rules/0/backendRefs/0/name', value: next.service }],
      { type: 'json' },
    )
    latencies.push(await since(performance.now(), seen))
  }
  return latencies
}

/** Adds a route, and takes it away again before the next, so that the number of routes stays. */
async function addRoutes(client: KubeClient, poller: Poller, signal: AbortSignal) {
  const latencies: number[] = []
  for (let change = 0; change < CHANGES; change++) {
    signal.throwIfAborted()
    const index = 1_000_000 + change
    const path = pathOf(index)
    const seen = poller.until(path, (answer) => answer.version !== undefined)
    await client.create(KINDS.httpRoute, route(index, BACKENDS[change % 2] ?? BACKENDS[0]))
    latencies.push(await since(performance.now(), seen))
    const gone = poller.until(path, (answer) => answer.version === undefined)
    await client.delete(KINDS.httpRoute, nameOf(index), NAMESPACE)
    await gone
  }
  return latencies
}

/** Zero when the answer over the new route came even before the API server's answer was read. */
async function since(answered: number, seen: Promise<Seen>): Promise<number> {
  return Math.max(0, (await seen).at - answered)
}

function spread(name: string, latencies: readonly number[], goal?: Scenario): readonly Figure[] {
  const p50 = { name: `${name}, p50`, value: percentile(latencies, 0.5), unit: 'ms' }
  const p99 = { name: `${name}, p99`, value: percentile(latencies, 0.99), unit: 'ms' }
  return goal
    ? [
        { ...p50, most: goal.goalP50Ms },
        { ...p99, most: goal.goalP99Ms },
      ]
    : [p50, p99]
}

function cpuOf(processes: ClusterProcesses): ReadonlyMap<string, number> {
  return new Map(Object.entries(processes).map(([name, pid]) => [name, cpuMilliseconds(pid)]))
}

/** The node proxy is left out: it also carries the client's requests. */
function cpuPerChange(
  suffix: string,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): readonly Figure[] {
  return ['apiServer', 'istiod'].map((name) => ({
    name: `${name} per change ${suffix}`,
    value: ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / CHANGES,
    unit: 'ms CPU',
  }))
}

/** @param to how many there are afterwards; those below `from` are there already */
async function createRoutes(client: KubeClient, from: number, to: number): Promise<void> {
  let next = from
  const writer = async () => {
    while (next < to) {
      const index = next
      next += 1
      await client.create(KINDS.httpRoute, route(index, BACKENDS[0]))
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
}

interface RouteWithStatus extends KubeObject {
  readonly status?: {
    readonly parents?: readonly {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    }[]
  }
}

async function untilAllAccepted(client: KubeClient, count: number): Promise<void> {
  await waitFor(
    `${count} routes to be Accepted`,
    async () => {
      const { items } = await client.list<RouteWithStatus>(KINDS.httpRoute, { namespace: NAMESPACE })
      const accepted = items.filter((item) =>
        item.status?.parents?.some((parent) =>
          parent.conditions?.some((one) => one.type === 'Accepted' && one.status === 'True'),
        ),
      )
      return accepted.length >= count
    },
    { deadlineMs: ALL_ACCEPTED_DEADLINE_MS, everyMs: 100 },
  )
}

function nameOf(index: number): string {
  return `bench-${index}`
}

function pathOf(index: number): string {
  return `/bench-${index}/`
}

/** The backend does not know the path and answers 404, with its version in a header, which is all that is asked of it. */
function route(index: number, backend: Backend): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: nameOf(index), namespace: NAMESPACE },
    spec: {
      parentRefs: [{ name: 'demo-app-gateway' }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: pathOf(index) } }],
          backendRefs: [{ name: backend.service, port: 3000 }],
        },
      ],
    },
  }
}
