import { createSeededRandom } from '../../src/base/index.ts'
import type { ModelObject } from '../../src/model/index.ts'
import { createByteClient, createByteServer } from './byte-sessions.ts'
import { createByteStream, type OpenStream } from './byte-stream.ts'
import { checkAtRest, checkClosed, checkNow, checkRequests } from './checks.ts'
import { createHttp1Client, type SimulatedClient } from './http1-client.ts'
import { createHttp1Upstream, type Upstream } from './http1-upstream.ts'
import { createHttp2Client } from './http2-client.ts'
import { createHttp2Upstream } from './http2-upstream.ts'
import { createKernel, type Kernel } from './kernel.ts'
import { createLedger, type Ledger, shadowLedger } from './ledger.ts'
import {
  acceptAll,
  bytesTargetOf,
  endpointsOf,
  FIRST_BYTES_PORT,
  FIRST_HOST_PORT,
  mannersOf,
  type Member,
  routeOf,
  serviceOf,
  SHADOW_PORT,
  startMembers,
  targetOf,
  unpoliced,
} from './members.ts'
import type { ByteScript, ClientScript, Scenario, WorldEvent } from './scenario.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { createSecureStream, type SecureTerms } from './secure-stream.ts'

/** One proxy or two in a row, their clients and their upstreams. */
export interface World {
  readonly scenario: Scenario
  readonly scheduler: Scheduler
  readonly kernel: Kernel
  readonly ledger: Ledger
  /** Of copies of requests. */
  readonly shadow: Ledger
  /** The proxy that clients meet comes first. */
  members: readonly Member[]
  /** The longest route timeout that was in force. */
  longestTimeoutMs: number
}

export function frontOf({ members }: World): Member {
  return members[0] as Member
}

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
  const { scheduler, ledger } = world
  const hosts = startHosts(world)
  startShadow(world)
  const clients = [
    ...scenario.clients.map((script, index) => startClient(world, script, index)),
    ...(scenario.sessions ?? []).map((script) => startSession(world, script)),
  ]
  for (const event of scenario.events) scheduler.at(event.atMs, () => happen(world, hosts, event))
  const end = scheduler.monotonic() + LONGEST_MS
  while (!clients.every((client) => client.isDone()) && ledger.violations.length === 0) {
    if (await scheduler.step(end)) continue
    ledger.fail('a client waits without end')
    break
  }
  if (ledger.violations.length === 0) {
    await scheduler.runUntil(scheduler.monotonic() + EVENTS_MS)
    accept(world, unpoliced(scenario))
    await scheduler.runUntil(scheduler.monotonic() + LINGER_MS)
    checkAtRest(world)
    for (const { proxy } of world.members) proxy.drain()
    await scheduler.runUntil(scheduler.monotonic() + LINGER_MS)
  }
  for (const { proxy } of world.members) proxy.close()
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
  const kernel = createKernel(scheduler, random, mannersOf(scenario, random.next))
  const parts = { scenario, scheduler, kernel, ledger }
  const world: World = {
    ...parts,
    shadow: shadowLedger(ledger, scenario.mirror?.answers ?? []),
    members: [],
    longestTimeoutMs: scenario.config.requestTimeoutMs,
  }
  world.members = await startMembers(parts)
  return world
}

function accept({ members, ledger }: World, objects: readonly ModelObject[]): void {
  for (const { proxy } of members) acceptAll({ proxy, ledger }, objects)
}

/** What is left of streams when a side speaks TLS, and when it does not. */
function opener({ scheduler, kernel }: World, terms: SecureTerms | undefined): OpenStream {
  if (terms === undefined) return (end, events, pace) => createByteStream(scheduler, end, events, pace)
  return (end, events, pace) => createSecureStream({ scheduler, kernel }, end, terms, { ...events, pace })
}

interface SimulatedHost extends Upstream {
  readonly start: () => void
  readonly stop: () => void
}

function startHosts(world: World): SimulatedHost[] {
  const { scheduler, kernel, ledger, scenario } = world
  return Array.from({ length: scenario.hosts }, (_, index) => {
    const isHttp1 = scenario.upstreamProtocol === 'http1'
    const terms = { isServer: true, protocol: isHttp1 ? 'http/1.1' : 'h2' } as const
    const openStream = opener(world, scenario.tls?.up === true ? terms : undefined)
    const parts = { scheduler, ledger, host: index, openStream }
    const upstream = isHttp1 ? createHttp1Upstream(parts) : createHttp2Upstream(parts, scenario.http2)
    const bytes = createByteServer({ scheduler, ledger, openStream })
    let close = (): void => {}
    const host: SimulatedHost = {
      ...upstream,
      start: () => {
        const closers = [
          kernel.listen(FIRST_HOST_PORT + index, upstream),
          kernel.listen(FIRST_BYTES_PORT + index, bytes),
        ]
        close = () => {
          for (const one of closers) one()
        }
      },
      stop: () => close(),
      crash() {
        upstream.crash()
        bytes.crash()
      },
    }
    host.start()
    return host
  })
}

/** Where the copies go. */
function startShadow(world: World): void {
  const { scheduler, kernel, shadow, scenario } = world
  if (scenario.mirror === undefined) return
  const parts = { scheduler, ledger: shadow, host: 0, openStream: opener(world, undefined) }
  kernel.listen(SHADOW_PORT, createHttp1Upstream(parts))
}

function startClient(world: World, script: ClientScript, index: number): SimulatedClient {
  const { scheduler, kernel, ledger, scenario } = world
  const target = targetOf(scenario)
  const protocol = script.protocol === 'http1' ? 'http/1.1' : 'h2'
  const isSecured = scenario.tls?.down === true
  const openStream = opener(world, isSecured ? { isServer: false, protocol } : undefined)
  const parts = { scheduler, kernel, ledger, target, from: `10.2.0.${index + 1}`, script, openStream }
  const client =
    script.protocol === 'http1'
      ? createHttp1Client(parts)
      : createHttp2Client({ ...parts, window: windowOf(scenario, script) })
  const { stall, leave } = script
  if (stall !== undefined) scheduler.at(script.startMs + stall.atMs, () => client.stall(stall.ms))
  if (leave !== undefined) scheduler.at(script.startMs + leave.atMs, () => client.leave(leave.how))
  return client
}

function startSession(world: World, script: ByteScript): SimulatedClient {
  const { scheduler, kernel, ledger, scenario } = world
  const terms = { isServer: false, protocol: 'http/1.1' } as const
  const openStream = opener(world, scenario.tls?.down === true ? terms : undefined)
  const from = `10.2.1.${script.id}`
  return createByteClient({
    scheduler,
    kernel,
    ledger,
    target: bytesTargetOf(scenario),
    from,
    script,
    openStream,
  })
}

/** A client that rests after each read, and allows little at once, would take for ever. */
function windowOf({ http2 }: Scenario, { pace }: ClientScript): number {
  return pace === undefined ? http2.window : Math.max(http2.window, 20_000)
}

function happen(world: World, hosts: readonly SimulatedHost[], event: WorldEvent): void {
  const { scenario, scheduler, ledger } = world
  const { proxy } = frontOf(world)
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
