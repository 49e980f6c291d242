import { createSeededRandom } from '../../src/base/index.ts'
import type { ModelObject, TrafficPolicy } from '../../src/model/index.ts'
import { createProxyThread } from '../../src/proxy/exchange/thread.ts'
import type { ProxyThread } from '../../src/proxy/exchange/types.ts'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  listenerObject,
  meshObject,
  routeObject,
  serviceObject,
  type TestProxy,
  workloadObject,
} from '../../src/proxy/testing.ts'
import { checkAtRest, checkClosed, checkNow, checkRequests } from './checks.ts'
import { createHttp1Client, type SimulatedClient } from './http1-client.ts'
import { createHttp1Upstream, type Upstream } from './http1-upstream.ts'
import { createHttp2Client } from './http2-client.ts'
import { createHttp2Upstream } from './http2-upstream.ts'
import { createKernel, type Kernel } from './kernel.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from './network.ts'
import type { ClientScript, Configuration, Scenario, WorldEvent } from './scenario.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { watchThread, type WatchedThread } from './watched-thread.ts'

/** One proxy, its clients and its upstreams. */
export interface World {
  readonly scenario: Scenario
  readonly scheduler: Scheduler
  readonly kernel: Kernel
  readonly network: SimulatedNetwork
  readonly ledger: Ledger
  readonly proxy: TestProxy
  readonly thread: WatchedThread
  /** The longest route timeout that was in force. */
  longestTimeoutMs: number
}

const LISTENER_PORT = 8000
const FIRST_HOST_PORT = 9000
const LOG_FORMAT = '%REQ(X-ID)% %RESPONSE_CODE% %RESPONSE_FLAGS% %DURATION% %RESPONSE_CODE_DETAILS%\n'

/** Nothing that a scenario asks for takes longer. */
const LONGEST_MS = 200_000
/** Events of a scenario come within it. */
const EVENTS_MS = 1500
/** What lingers without a client: half-closed connections, answers that nobody reads. */
const LINGER_MS = 80_000

export interface Outcome {
  readonly violations: readonly string[]
  readonly trace: readonly string[]
  readonly requests: number
  readonly answered: number
}

/** Runs a scenario from its beginning until nothing is left of it. */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const world = await createWorld(scenario)
  const { scheduler, ledger, proxy } = world
  const hosts = startHosts(world)
  const clients = scenario.clients.map((script, index) => startClient(world, script, index))
  for (const event of scenario.events) scheduler.at(event.atMs, () => happen(world, hosts, event))
  const end = scheduler.monotonic() + LONGEST_MS
  while (!clients.every((client) => client.isDone()) && ledger.violations.length === 0) {
    if (await scheduler.step(end)) continue
    ledger.fail('a client waits without end')
    break
  }
  if (ledger.violations.length === 0) {
    await scheduler.runUntil(scheduler.monotonic() + EVENTS_MS)
    // Without a policy nothing is asked for by itself.
    accept(world, [serviceOf(scenario, {})])
    await scheduler.runUntil(scheduler.monotonic() + LINGER_MS)
    checkAtRest(world)
    proxy.drain()
    await scheduler.runUntil(scheduler.monotonic() + LINGER_MS)
  }
  proxy.close()
  await scheduler.runUntil(scheduler.monotonic() + 1000)
  if (ledger.violations.length === 0) {
    checkClosed(world)
    checkRequests(world)
  }
  return {
    violations: ledger.violations,
    trace: ledger.lines,
    requests: ledger.sent.size,
    answered: [...ledger.sent.values()].filter(({ answer }) => answer?.isComplete === true).length,
  }
}

async function createWorld(scenario: Scenario): Promise<World> {
  const scheduler = createScheduler(() => checkNow(world))
  const ledger = createLedger(scheduler.monotonic)
  const random = createSeededRandom(scenario.seed ^ 0x5eed)
  const { latencyMaxMs, pieceMax, capacity, refused, hanging } = scenario.network
  const kernel = createKernel(scheduler, random, {
    latencyMaxMs,
    pieceMax,
    capacity,
    connect({ port }) {
      if (port === LISTENER_PORT) return 'accept'
      const drawn = random.next()
      return drawn < refused ? 'refuse' : drawn < refused + hanging ? 'hang' : 'accept'
    },
  })
  const network = createSimulatedNetwork(scheduler, kernel, '10.1.0.1')
  let ids = 0
  const made: ProxyThread = {
    ...createProxyThread({ clock: scheduler, random: createSeededRandom(scenario.seed ^ 0xbeef) }),
    requestId: () => `id-${ids++}`,
  }
  const thread = watchThread(made, ledger)
  const proxy = createTestProxy({ network, thread: made, address: '10.1.0.1' })
  const world: World = {
    scenario,
    scheduler,
    kernel,
    network,
    ledger,
    proxy,
    thread,
    longestTimeoutMs: scenario.config.requestTimeoutMs,
  }
  accept(world, [meshObject(LOG_FORMAT), serviceOf(scenario, scenario.config.traffic)])
  accept(world, [
    ...endpointsOf(scenario),
    routeOf(scenario, scenario.config.requestTimeoutMs),
    listenerObject(LISTENER_PORT),
  ])
  while (!proxy.isBound()) await new Promise((resolve) => setImmediate(resolve))
  return world
}

function accept(world: World, objects: readonly ModelObject[]): void {
  const rejections = world.proxy.accept(changesOf(objects))
  for (const { key, reason } of rejections) world.ledger.fail(`the proxy refuses ${key}: ${reason}`)
}

function serviceOf(scenario: Scenario, traffic: TrafficPolicy) {
  const protocol = scenario.upstreamProtocol === 'http2' ? 'http2' : 'http'
  const service = serviceObject('app', { ports: [{ port: 80, name: 'web', protocol }] })
  return { ...service, policies: [{ traffic, ports: {}, subsets: [], origin: service.origin }] }
}

function endpointsOf(scenario: Scenario): ModelObject[] {
  return Array.from({ length: scenario.hosts }, (_, index) => endpointOf(scenario, index))
}

function endpointOf(scenario: Scenario, index: number) {
  return workloadObject(`app-${index}`, {
    address: `10.3.0.${index + 1}`,
    services: { [serviceOf(scenario, {}).key]: { ports: { '80': FIRST_HOST_PORT + index }, ready: true } },
  })
}

function routeOf(scenario: Scenario, requestMs: number) {
  const { retries }: Configuration = scenario.config
  return routeObject('all', {
    port: LISTENER_PORT,
    action: forwardTo(serviceOf(scenario, {}), { timeouts: { requestMs }, retries }),
  })
}

interface SimulatedHost extends Upstream {
  readonly start: () => void
  readonly stop: () => void
}

function startHosts(world: World): SimulatedHost[] {
  const { scheduler, kernel, ledger, scenario } = world
  return Array.from({ length: scenario.hosts }, (_, index) => {
    const upstream =
      scenario.upstreamProtocol === 'http1'
        ? createHttp1Upstream(scheduler, ledger, index)
        : createHttp2Upstream(scheduler, ledger, index, scenario.http2)
    let close = (): void => {}
    const host: SimulatedHost = {
      ...upstream,
      start: () => {
        close = kernel.listen(FIRST_HOST_PORT + index, upstream)
      },
      stop: () => close(),
    }
    host.start()
    return host
  })
}

function startClient(world: World, script: ClientScript, index: number): SimulatedClient {
  const { scheduler, kernel, ledger, scenario } = world
  const target = { address: '10.1.0.1', port: LISTENER_PORT }
  const parts = { scheduler, kernel, ledger, target, from: `10.2.0.${index + 1}`, script }
  const client =
    script.protocol === 'http1'
      ? createHttp1Client(parts)
      : createHttp2Client({ ...parts, window: windowOf(scenario, script) })
  const { stall, leave } = script
  if (stall !== undefined) scheduler.at(script.startMs + stall.atMs, () => client.stall(stall.ms))
  if (leave !== undefined) scheduler.at(script.startMs + leave.atMs, () => client.leave(leave.how))
  return client
}

/** A client that rests after each read, and allows little at once, would take for ever. */
function windowOf({ http2 }: Scenario, { pace }: ClientScript): number {
  return pace === undefined ? http2.window : Math.max(http2.window, 20_000)
}

function happen(world: World, hosts: readonly SimulatedHost[], event: WorldEvent): void {
  const { scenario, scheduler, proxy, ledger } = world
  ledger.trace(`event ${event.kind}`)
  switch (event.kind) {
    case 'endpoints': {
      const all = endpointsOf(scenario)
      const gone = all.filter((_, index) => !event.present.includes(index))
      accept(
        world,
        all.filter((_, index) => event.present.includes(index)),
      )
      proxy.accept(gone.map(({ type, key }) => ({ kind: 'delete', type, key }) as never))
      return
    }
    case 'policy':
      return accept(world, [serviceOf(scenario, event.traffic)])
    case 'route':
      world.longestTimeoutMs = Math.max(world.longestTimeoutMs, event.requestTimeoutMs)
      return accept(world, [routeOf(scenario, event.requestTimeoutMs)])
    case 'crash': {
      const host = hosts[event.host] as SimulatedHost
      host.stop()
      host.crash()
      scheduler.at(event.ms, host.start)
      return
    }
    case 'drain':
      ledger.hasDrained = true
      return proxy.drain()
  }
}
