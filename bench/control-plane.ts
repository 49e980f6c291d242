import { addOneByOne, changeInStream, changeOneByOne, latencyFigures } from './route-changes.ts'
import type { Figure } from './figures.ts'
import { type Poller, startPoller } from './poller.ts'
import { clusterProcesses, cpuMilliseconds, pssMegabytes } from './processes.ts'
import { pushedSoFar } from './pushes.ts'
import { createRoutes, type Routes } from './routes.ts'
import type { DemoCluster, Session } from './session.ts'

const SIZES = [10, 1_000, 3_000, 5_000] as const
const CHANGES = 60
const STREAM = { count: 100, everyMs: 50 } as const
/** 1,000 routes written until all statuses are set: Istio takes 11 s on such a machine. */
const GROWTH = { routes: 1_000, mostMs: 3_000 } as const
const GOAL = { p50Ms: 10, p99Ms: 30, cpuMs: 3 } as const
/** A route of the bench is some 600 bytes as model JSON; the response's own fields and a name come to as many. */
const WIRE_BYTES_MAX = 2_000

type Processes = ReturnType<typeof clusterProcesses>

/**
 * What changes cost while ever more routes stand beside the one that changes: time until a client that asks about every
 * millisecond sees it, processor time of each process, and bytes that the proxies are sent.
 */
export async function measureControlPlane(session: Session): Promise<readonly Figure[]> {
  const demo = await session.demo()
  const poller = startPoller({ host: demo.gateway })
  const routes = createRoutes(demo.client)
  const processes = clusterProcesses(demo.cluster.stateDirectory)
  const figures: Figure[] = []
  try {
    for (const size of SIZES) {
      session.print(`• ${size} routes …`)
      figures.push(...(await grow(routes, size, processes)))
      figures.push(...(await changes({ session, demo, routes, poller, processes })))
      figures.push(...memory(size, processes))
    }
    return figures
  } finally {
    await poller.stop()
  }
}

async function grow(routes: Routes, to: number, processes: Processes): Promise<readonly Figure[]> {
  const from = routes.size()
  const before = cpuMilliseconds(processes.istiod)
  const ms = await routes.grow(to)
  const created = to - from
  const spent = cpuMilliseconds(processes.istiod) - before
  return [
    {
      name: `${created} routes created by 16 writers until all are Accepted, beside ${from}`,
      value: ms / 1000,
      unit: 's',
      ...(to === GROWTH.routes ? { most: GROWTH.mostMs / 1000 } : {}),
    },
    { name: `istiod per route of these`, value: spent / created, unit: 'ms CPU' },
  ]
}

async function changes(options: {
  readonly session: Session
  readonly demo: DemoCluster
  readonly routes: Routes
  readonly poller: Poller
  readonly processes: Processes
}): Promise<readonly Figure[]> {
  const { routes, poller, session, processes, demo } = options
  const suffix = `with ${routes.size()} routes`
  const way = { routes, poller, count: CHANGES, signal: session.signal }
  const pushedBefore = await pushedSoFar(demo.client)
  const changed = await measured(processes, CHANGES, () => changeOneByOne(way))
  const pushed = await pushedSoFar(demo.client)
  const added = await measured(processes, 2 * CHANGES, () => addOneByOne(way))
  const streamed = await measured(processes, STREAM.count, () => changeInStream({ ...way, ...STREAM }))
  return [
    ...latencyFigures(`change a route ${suffix}`, changed.latencies, GOAL),
    ...cpuFigures(`per change ${suffix}`, changed.cpuMs, GOAL.cpuMs),
    {
      name: `on the wire per change ${suffix}`,
      value: (pushed.bytes - pushedBefore.bytes) / CHANGES,
      unit: 'bytes',
      most: WIRE_BYTES_MAX,
    },
    {
      name: `responses to proxies per change ${suffix}`,
      value: (pushed.responses - pushedBefore.responses) / CHANGES,
      unit: '',
    },
    ...latencyFigures(`add a route ${suffix}`, added.latencies, GOAL),
    ...cpuFigures(`per route added or removed ${suffix}`, added.cpuMs, GOAL.cpuMs),
    ...latencyFigures(`edits ${STREAM.everyMs} ms apart ${suffix}`, streamed.latencies, {
      p50Ms: GOAL.p50Ms,
    }),
    ...cpuFigures(`per edit of these ${suffix}`, streamed.cpuMs, GOAL.cpuMs),
  ]
}

interface Measured {
  readonly latencies: readonly number[]
  /** Per change. */
  readonly cpuMs: Readonly<Record<keyof Processes, number>>
}

async function measured(
  processes: Processes,
  count: number,
  action: () => Promise<readonly number[]>,
): Promise<Measured> {
  const before = cpuOf(processes)
  const latencies = await action()
  const after = cpuOf(processes)
  const perChange = (name: keyof Processes): number => (after[name] - before[name]) / count
  return {
    latencies,
    cpuMs: {
      apiServer: perChange('apiServer'),
      nodeProxy: perChange('nodeProxy'),
      istiod: perChange('istiod'),
    },
  }
}

function cpuOf({ apiServer, nodeProxy, istiod }: Processes): Readonly<Record<keyof Processes, number>> {
  return {
    apiServer: cpuMilliseconds(apiServer),
    nodeProxy: cpuMilliseconds(nodeProxy),
    istiod: cpuMilliseconds(istiod),
  }
}

/** The node proxy is left out: it also carries the client's requests. */
function cpuFigures(
  suffix: string,
  { istiod, apiServer }: Measured['cpuMs'],
  most: number,
): readonly Figure[] {
  return [
    { name: `istiod ${suffix}`, value: istiod, unit: 'ms CPU', most },
    { name: `API server ${suffix}`, value: apiServer, unit: 'ms CPU' },
  ]
}

function memory(size: number, processes: Processes): readonly Figure[] {
  return Object.entries(processes).map(([name, pid]) => ({
    name: `${name} with ${size} routes`,
    value: pssMegabytes(pid),
    unit: 'MB',
  }))
}
