import { createSeededRandom, type Random, randomIndex } from '../../src/base/index.ts'
import type { TrafficPolicy } from '../../src/model/index.ts'

/** Everything that happens in one run, as data: the same scenario runs the same way, and parts of it can be left out. */
export interface Scenario {
  readonly seed: number
  readonly config: Configuration
  readonly network: {
    readonly latencyMaxMs: number
    readonly pieceMax: number
    readonly capacity: number
    /** Shares of the connections asked for. */
    readonly refused: number
    readonly hanging: number
  }
  readonly hosts: number
  readonly upstreamProtocol: 'http1' | 'http2'
  /** What peers of HTTP/2 say of themselves. */
  readonly http2: { readonly window: number; readonly streamsMax: number }
  readonly clients: readonly ClientScript[]
  readonly events: readonly WorldEvent[]
  /** What stands between clients and hosts: `outbound` a sidecar, `pair` one on each side. Absent: a gateway. */
  readonly role?: 'outbound' | 'pair'
  /** Which side of the proxy speaks TLS. */
  readonly tls?: { readonly down: boolean; readonly up: boolean }
  readonly mirror?: Mirror
  readonly sessions?: readonly ByteScript[]
}

/** A connection that only carries bytes. */
export interface ByteScript {
  readonly id: number
  readonly startMs: number
  /** What the client sends, and the server. */
  readonly up: number
  readonly down: number
  /** So long after its bytes the client ends its side, or breaks off; or it does when the server has. */
  readonly client: 'end' | 'reset' | 'waits'
  readonly clientMs: number
  /** So long after the first bytes, or when the client has ended. */
  readonly server: 'end' | 'reset' | 'after-client'
  readonly serverMs: number
}

/** Copies go to a host of their own, which does with them what it likes. */
export interface Mirror {
  readonly percent: number
  readonly traffic: TrafficPolicy
  readonly answers: readonly Answer[]
}

export interface Configuration {
  readonly requestTimeoutMs: number
  readonly retries: {
    readonly attempts: number
    readonly retryOn: readonly string[]
    readonly perTryTimeoutMs?: number
  }
  readonly traffic: TrafficPolicy
}

export interface ClientScript {
  readonly protocol: 'http1' | 'http2'
  readonly startMs: number
  /** The next request is not held back until the answer to the one before has come. */
  readonly pipelines: boolean
  readonly requests: readonly RequestScript[]
  /** Reads nothing for a while. */
  readonly stall?: { readonly atMs: number; readonly ms: number }
  /** Reads slowly all the time. */
  readonly pace?: Pace
  /** Leaves early. */
  readonly leave?: { readonly atMs: number; readonly how: 'reset' | 'close' | 'half-close' }
}

export interface Pace {
  readonly bytes: number
  readonly everyMs: number
}

export interface RequestScript {
  readonly id: number
  readonly method: string
  readonly isVersion10: boolean
  readonly body: { readonly kind: 'none' | 'length' | 'chunked'; readonly bytes: number }
  /** The body comes in two parts with a pause between. */
  readonly pauseMs: number
  readonly expects: boolean
  readonly asksToClose: boolean
  readonly gapMs: number
  /** The stream is reset by its client so long after it has begun, if there is no answer by then. HTTP/2 only. */
  readonly cancelMs?: number
  /** What the upstream does at the first arrival, at the second, …; the last holds for all that follow. */
  readonly answers: readonly Answer[]
}

export interface Answer {
  readonly kind: 'answer' | 'silent' | 'reset' | 'garbage' | 'close' | 'refuse'
  readonly status: number
  readonly body: { readonly kind: 'none' | 'length' | 'chunked' | 'until-close'; readonly bytes: number }
  /** Before the request's body is read. */
  readonly isEarly: boolean
  readonly delayMs: number
  readonly informational: number
  readonly closes: boolean
  /** Sends another answer that nobody asked for. */
  readonly isTwice: boolean
  readonly pauseMs: number
  /** The answer breaks off: after this share of its bytes. */
  readonly cut?: { readonly share: number; readonly how: 'reset' | 'close' | 'stall' }
  readonly hasTrailers: boolean
}

export type WorldEvent =
  | { readonly kind: 'endpoints'; readonly atMs: number; readonly present: readonly number[] }
  | { readonly kind: 'policy'; readonly atMs: number; readonly traffic: TrafficPolicy }
  | { readonly kind: 'route'; readonly atMs: number; readonly requestTimeoutMs: number }
  /** The host breaks off what it has and refuses for a while. */
  | { readonly kind: 'crash'; readonly atMs: number; readonly host: number; readonly ms: number }
  | { readonly kind: 'drain'; readonly atMs: number }

interface Dice {
  readonly random: Random
  readonly chance: (share: number) => boolean
  readonly below: (bound: number) => number
  readonly one: <const T>(list: readonly [T, ...T[]]) => T
}

function diceOf(seed: number): Dice {
  const random = createSeededRandom(seed)
  return {
    random,
    chance: (share) => random.next() < share,
    below: (bound) => randomIndex(random, bound),
    one: (list) => list[randomIndex(random, list.length)] ?? list[0],
  }
}

export interface Mix {
  readonly down: 'http1' | 'http2' | 'any'
  readonly up: 'http1' | 'http2' | 'any'
}

/** @param steps about how many requests */
export function generateScenario(seed: number, steps: number, mix: Mix): Scenario {
  const dice = diceOf(seed)
  const isCalm = dice.chance(0.15)
  // Many scenarios are nearly without faults: what is wrong there is easily seen.
  const trouble = isCalm ? 0 : dice.one([0, 0.02, 0.1, 0.3])
  const hosts = 1 + dice.below(3)
  const clients: ClientScript[] = []
  let nextId = 1
  while (nextId <= steps) {
    const count = 1 + dice.below(4)
    const protocol = mix.down === 'any' ? dice.one(['http1', 'http2']) : mix.down
    clients.push(clientOf(dice, trouble, protocol, nextId, count))
    nextId += count
  }
  const plain: Scenario = {
    seed,
    config: {
      requestTimeoutMs: dice.one([300, 1000, 5000]),
      retries: retriesOf(dice),
      traffic: trafficOf(dice),
    },
    network: {
      latencyMaxMs: dice.one([0, 1, 5, 30]),
      pieceMax: dice.one([1, 7, 100, 1500, 20_000]) + 1000 * dice.below(2),
      capacity: dice.one([2000, 20_000, 200_000]),
      refused: dice.chance(0.5) ? trouble / 2 : 0,
      hanging: dice.chance(0.5) ? trouble / 2 : 0,
    },
    hosts,
    upstreamProtocol: mix.up === 'any' ? dice.one(['http1', 'http2']) : mix.up,
    http2: { window: dice.one([1000, 5000, 65_535, 1_000_000]), streamsMax: dice.one([1, 3, 100, 100]) },
    clients,
    events: eventsOf(dice, trouble, hosts),
  }
  const scenario = { ...plain, ...surroundingsOf(dice) }
  return isCalm
    ? calmed(scenario)
    : { ...scenario, clients: clients.map((client) => impatient(dice, trouble, client)) }
}

function surroundingsOf(dice: Dice): Pick<Scenario, 'role' | 'tls' | 'mirror' | 'sessions'> {
  const role = dice.one(['gateway', 'gateway', 'gateway', 'outbound', 'pair'])
  // What is captured by a sidecar is encrypted by its clients, or not at all.
  const tls = { down: role === 'gateway' && dice.chance(0.3), up: role !== 'pair' && dice.chance(0.3) }
  const answers = Array.from({ length: 1 + dice.below(3) }, () => answerOf(dice, 0.3))
  const mirror = { percent: dice.one([50, 100]), traffic: trafficOf(dice), answers }
  return {
    ...(role !== 'gateway' && { role }),
    ...((tls.down || tls.up) && { tls }),
    ...(dice.chance(0.3) && { mirror }),
    ...(dice.chance(0.3) && {
      sessions: Array.from({ length: 1 + dice.below(4) }, (_, index) => sessionOf(dice, index + 1)),
    }),
  }
}

function sessionOf(dice: Dice, id: number): ByteScript {
  const server = dice.one(['end', 'end', 'after-client', 'reset'])
  return {
    id,
    startMs: dice.below(400),
    up: dice.one(SIZES),
    down: dice.one(SIZES),
    // One of the two has to be the first.
    client:
      server === 'after-client' ? dice.one(['end', 'end', 'reset']) : dice.one(['end', 'waits', 'reset']),
    clientMs: dice.one([0, 1, 30, 300]),
    server,
    serverMs: dice.one([0, 1, 30, 300]),
  }
}

/** Some give up what they have asked for. */
function impatient(dice: Dice, trouble: number, client: ClientScript): ClientScript {
  if (client.protocol === 'http1') return client
  const requests = client.requests.map((request) =>
    dice.chance(trouble) ? { ...request, cancelMs: dice.one([0, 1, 20, 100]) } : request,
  )
  return { ...client, requests }
}

/** Nobody is slow and nothing is bounded, but buffers are small all the same. */
function calmed(scenario: Scenario): Scenario {
  const { config, network, http2, clients } = scenario
  const { perTryTimeoutMs: _perTry, ...retries } = config.retries
  return {
    ...scenario,
    config: { requestTimeoutMs: 5000, retries, traffic: {} },
    network: { ...network, latencyMaxMs: Math.min(1, network.latencyMaxMs) },
    http2: { ...http2, window: Math.max(5000, http2.window) },
    clients: clients.map(({ pace: _pace, ...client }) => client),
    events: [],
  }
}

function retriesOf(dice: Dice): Configuration['retries'] {
  return {
    attempts: dice.below(4),
    retryOn: dice.one<readonly string[]>([
      [],
      ['connect-failure', 'refused-stream', '503'],
      ['5xx'],
      ['gateway-error', 'reset'],
      ['retriable-4xx', 'connect-failure'],
    ]),
    ...(dice.chance(0.3) && { perTryTimeoutMs: dice.one([50, 200]) }),
  }
}

function trafficOf(dice: Dice): TrafficPolicy {
  return {
    connectTimeoutMs: dice.one([50, 500]),
    ...(dice.chance(0.5) && {
      connections: {
        ...(dice.chance(0.5) && { connectionsMax: 1 + dice.below(4) }),
        ...(dice.chance(0.5) && { pendingMax: 1 + dice.below(4) }),
        ...(dice.chance(0.4) && { requestsMax: 1 + dice.below(5) }),
        ...(dice.chance(0.4) && { retriesMax: dice.below(3) }),
        ...(dice.chance(0.3) && { requestsPerConnectionMax: 1 + dice.below(3) }),
        ...(dice.chance(0.3) && { streamsMax: 1 + dice.below(3) }),
        ...(dice.chance(0.3) && { idleTimeoutMs: dice.one([20, 200]) }),
        ...(dice.chance(0.2) && { durationMaxMs: dice.one([30, 300]) }),
      },
    }),
    ...(dice.chance(0.3) && {
      outlierDetection: {
        consecutive5xx: 1 + dice.below(3),
        consecutiveGatewayErrors: dice.below(3),
        consecutiveLocalFailures: dice.below(3),
        splitLocal: dice.chance(0.5),
        intervalMs: 50,
        baseEjectionMs: 100,
        maxEjectionPercent: dice.one([10, 50, 100]),
        minHealthPercent: dice.one([0, 50]),
      },
    }),
    ...(dice.chance(0.2) && {
      healthCheck: {
        probe: dice.one([
          { kind: 'tcp' },
          { kind: 'http', path: '/health', statuses: [{ from: 200, to: 300 }] },
        ]),
        intervalMs: dice.one([40, 400]),
        timeoutMs: 30,
        healthyThreshold: 1 + dice.below(2),
        unhealthyThreshold: 1 + dice.below(3),
      },
    }),
    ...(dice.chance(0.5) && {
      balancer: dice.one<NonNullable<TrafficPolicy['balancer']>>([
        { kind: 'round-robin' },
        { kind: 'least-request' },
        { kind: 'random' },
      ]),
    }),
  }
}

function clientOf(
  dice: Dice,
  trouble: number,
  protocol: ClientScript['protocol'],
  firstId: number,
  count: number,
): ClientScript {
  return {
    protocol,
    startMs: dice.below(400),
    pipelines: dice.chance(0.4),
    requests: Array.from({ length: count }, (_, index) =>
      requestOf(dice, trouble, protocol, firstId + index),
    ),
    ...(dice.chance(0.05) && { pace: { bytes: dice.one([1500, 5000]), everyMs: dice.one([20, 200]) } }),
    ...(dice.chance(trouble) && { stall: { atMs: dice.below(500), ms: dice.one([10, 200, 9000]) } }),
    ...(dice.chance(trouble) && {
      leave: { atMs: dice.below(1000), how: dice.one(['reset', 'close', 'half-close']) },
    }),
  }
}

const SIZES: readonly [number, ...number[]] = [
  0, 1, 1, 10, 10, 300, 1000, 1000, 5000, 20_000, 70_000, 200_000,
]

function requestOf(
  dice: Dice,
  trouble: number,
  protocol: ClientScript['protocol'],
  id: number,
): RequestScript {
  const method = dice.one(['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH'])
  const isVersion10 = protocol === 'http1' && dice.chance(0.08)
  const takesBody = method !== 'GET' && method !== 'HEAD' && method !== 'DELETE'
  const kind = takesBody ? (isVersion10 ? 'length' : dice.one(['length', 'chunked'])) : 'none'
  return {
    id,
    method,
    isVersion10,
    body: { kind, bytes: kind === 'none' ? 0 : dice.one(SIZES) },
    pauseMs: dice.chance(0.2) ? dice.one([1, 40]) : 0,
    expects: takesBody && !isVersion10 && protocol === 'http1' && dice.chance(0.2),
    asksToClose: protocol === 'http1' && dice.chance(0.1),
    gapMs: dice.chance(0.3) ? dice.below(100) : 0,
    answers: Array.from({ length: 1 + dice.below(3) }, () => answerOf(dice, trouble)),
  }
}

function answerOf(dice: Dice, trouble: number): Answer {
  const kind = dice.chance(trouble) ? dice.one(['silent', 'reset', 'garbage', 'close', 'refuse']) : 'answer'
  const status = dice.chance(0.75) ? 200 : dice.one([204, 304, 404, 409, 500, 502, 503, 503])
  const isEmpty = status === 204 || status === 304
  const cut = dice.chance(trouble)
  return {
    kind,
    status,
    body: isEmpty
      ? { kind: 'none', bytes: 0 }
      : { kind: dice.one(['length', 'length', 'chunked', 'until-close']), bytes: dice.one(SIZES) },
    isEarly: dice.chance(trouble),
    delayMs: dice.chance(0.3) ? dice.one([1, 30, 150]) : 0,
    informational: dice.chance(0.1) ? 1 + dice.below(2) : 0,
    closes: dice.chance(0.15),
    isTwice: dice.chance(trouble / 3),
    pauseMs: dice.chance(0.2) ? dice.one([1, 30]) : 0,
    ...(cut && { cut: { share: dice.random.next(), how: dice.one(['reset', 'close', 'stall']) } }),
    hasTrailers: dice.chance(0.1),
  }
}

function eventsOf(dice: Dice, trouble: number, hosts: number): WorldEvent[] {
  const events: WorldEvent[] = []
  const every = Array.from({ length: hosts }, (_, index) => index)
  if (dice.chance(0.3)) {
    const present = every.filter(() => dice.chance(0.6))
    events.push({ kind: 'endpoints', atMs: dice.below(500), present })
    if (dice.chance(0.7)) events.push({ kind: 'endpoints', atMs: 500 + dice.below(300), present: every })
  }
  if (dice.chance(0.3)) events.push({ kind: 'policy', atMs: dice.below(600), traffic: trafficOf(dice) })
  if (dice.chance(0.2))
    events.push({ kind: 'route', atMs: dice.below(600), requestTimeoutMs: dice.one([200, 800, 4000]) })
  if (dice.chance(trouble))
    events.push({ kind: 'crash', atMs: dice.below(600), host: dice.below(hosts), ms: 1 + dice.below(300) })
  if (dice.chance(0.15)) events.push({ kind: 'drain', atMs: 100 + dice.below(900) })
  return events
}
