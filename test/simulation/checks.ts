import type { Cluster } from '../../src/proxy/upstream/cluster.ts'
import { checkSession } from './byte-sessions.ts'
import { bodyOf } from './byte-stream.ts'
import type { Arrival, Ledger, Sent } from './ledger.ts'
import type { Answer, Scenario } from './scenario.ts'
import type { Member } from './members.ts'
import { frontOf, type World } from './world.ts'

/*
 * The laws. Each is one function with its reason; a broken one names the request, so that the trace can be read for it.
 */

/** Of what one connection keeps for a slow peer: the stream's mark, one read, and what a frame or head adds to it. */
const KEPT_MAX = 400_000
/** The proxy replays what a kept connection has lost, at most so often, beside what its policy allows. */
const REPLAYS_MAX = 2
/** What a sidecar tries again by itself for its application. */
const INBOUND_ATTEMPTS = 2

/** What holds at every moment. */
export function checkNow(world: World): void {
  const { ledger, members, scenario } = world
  if (ledger.violations.length > 0) return
  for (const { network, proxy } of members) {
    for (const socket of network.sockets()) {
      if (socket.writableLength > KEPT_MAX)
        ledger.fail(`a connection keeps ${socket.writableLength} bytes for a peer that takes none`)
    }
    for (const cluster of proxy.runtime.clusters()) checkLimits(world, cluster, scenario.hosts)
  }
}

function checkLimits({ ledger }: World, { load }: Cluster, hosts: number): void {
  const { limits } = load
  for (const name of ['connections', 'pending', 'requests', 'retries'] as const) {
    if (load[name] < 0) ledger.fail(`the cluster counts ${load[name]} ${name}`)
  }
  // A policy that has become stricter does not break off what is under way, so that only growth is looked at there.
  const before = lastLoads.get(load) ?? { connections: 0, pending: 0, requests: 0 }
  // Each host may have one connection of its own, whatever the bound on all.
  if (load.connections > before.connections && load.connections > limits.connectionsMax + hosts * 2)
    ledger.fail(`${load.connections} connections, where ${limits.connectionsMax} may be`)
  if (load.pending > before.pending && load.pending > limits.pendingMax)
    ledger.fail(`${load.pending} requests wait, where ${limits.pendingMax} may`)
  if (load.requests > before.requests && load.requests > limits.requestsMax)
    ledger.fail(`${load.requests} requests are under way, where ${limits.requestsMax} may be`)
  lastLoads.set(load, { connections: load.connections, pending: load.pending, requests: load.requests })
}

const lastLoads = new WeakMap<object, { connections: number; pending: number; requests: number }>()

/** What is left when all clients have gone and nothing is asked for by itself. */
export function checkAtRest(world: World): void {
  for (const member of world.members) checkMemberAtRest(world, member)
}

function checkMemberAtRest({ ledger, kernel }: World, { proxy, thread, name, isInbound }: Member): void {
  const downstream = proxy.connections.size()
  // The sidecar before it keeps its connections.
  if (downstream > 0 && !isInbound) ledger.fail(`${downstream} connections of clients are left`)
  let connections = 0
  for (const cluster of proxy.runtime.clusters()) {
    const { load } = cluster
    connections += load.connections
    if (load.requests !== 0 || load.pending !== 0 || load.retries !== 0)
      ledger.fail(`left: ${load.requests} requests, ${load.pending} waiting, ${load.retries} retries`)
    for (const host of cluster.hosts()) {
      const { requestsActive, requestsWaiting, connectionsActive } = host.counters
      if (requestsActive !== 0 || requestsWaiting !== 0)
        ledger.fail(
          `host ${host.address} is left with ${requestsActive} requests, ${requestsWaiting} waiting`,
        )
      if (connectionsActive !== host.idle())
        ledger.fail(
          `host ${host.address} has ${connectionsActive} connections, of which ${host.idle()} are idle`,
        )
    }
  }
  const open = [...kernel.ends()].filter(
    (end) => end.owner === `${name} upstream` && end.isConnected(),
  ).length
  // The addresses that a sidecar hands requests to are no cluster.
  if (open !== connections && !isInbound)
    ledger.fail(`${open} connections to hosts are open, but ${connections} are counted`)
  if (thread.blocks() > 0) ledger.fail(`${thread.blocks()} head blocks are not given back`)
}

/** What is left of a proxy that was closed. */
export function checkClosed({ ledger, members, kernel }: World): void {
  for (const { network, thread } of members) {
    const sockets = [...network.sockets()].length
    if (sockets > 0) ledger.fail(`${sockets} sockets are open after the proxy was closed`)
    if (thread.timers() > 0) ledger.fail(`${thread.timers()} timers are set after the proxy was closed`)
  }
  const ends = [...kernel.ends()].filter((end) => end.owner.startsWith('proxy')).length
  if (ends > 0) ledger.fail(`${ends} connections are open after the proxy was closed`)
}

/** What holds of each request once all is over. */
export function checkRequests(world: World): void {
  const { ledger } = world
  for (const sent of ledger.sent.values()) {
    checkAnswered(world, sent)
    checkAnswer(world, sent)
    checkAttempts(world, sent)
    checkCopies(world, sent)
  }
  checkSessions(world)
  checkLog(world)
}

function checkSessions({ ledger, scenario }: World): void {
  const { config, events, tls } = scenario
  const terms = {
    isKept: config.traffic.connections === undefined && events.every(({ kind }) => kind === 'crash'),
    isCalm: isCalm(scenario),
    // With TLS an end is an end: Node does not tell one that was not announced.
    tells: { client: tls?.down !== true && tls?.up !== true, server: tls?.down !== true && tls?.up !== true },
  }
  for (const session of ledger.sessions.values()) checkSession(session, terms, ledger.fail)
}

function checkAnswered({ ledger }: World, { script, answer, isWhole, excuse }: Sent): void {
  if (answer !== undefined || excuse !== undefined || ledger.hasDrained || !isWhole) return
  // Of a body that lasts until the connection ends, only a reset tells that it broke off; it takes along what was sent.
  if (script.isVersion10 && ledger.arrivals.has(script.id)) return
  ledger.fail(`request ${script.id} was sent whole and has no answer`)
}

function checkAnswer({ ledger }: World, { script, answer }: Sent): void {
  if (answer === undefined) return
  const { id } = script
  const from = answer.headers.get('x-id')
  if (from === undefined) return
  // What a server sends without being asked may come when the next request is on its way already.
  if (from === '0') return
  if (Number(from) !== id) return ledger.fail(`request ${id} got the answer to ${from}`)
  const serial = Number(answer.headers.get('x-serial'))
  const arrivals = ledger.arrivals.get(id) ?? []
  const arrival = arrivals.find((one) => one.serial === serial)
  if (arrival === undefined) return ledger.fail(`request ${id} got an answer that no host has given`)
  if (arrival.script.status !== answer.status)
    ledger.fail(`request ${id} got ${answer.status}, the host said ${arrival.script.status}`)
  const size = Number(answer.headers.get('x-size'))
  const whole = bodyOf(serial, size)
  if (!whole.subarray(0, answer.body.length).equals(answer.body))
    ledger.fail(`the answer to ${id} has another body than was sent`)
  if (!answer.isComplete || script.method === 'HEAD' || arrival.script.body.kind === 'none') return
  if (answer.body.length === size) return
  // Nobody can tell such a body that was cut from one that has ended.
  if (arrival.script.body.kind === 'until-close' && arrival.script.cut?.how === 'close') return
  if (answer.endsWithConnection) return
  ledger.fail(`the answer to ${id} is complete with ${answer.body.length} of ${size} bytes`)
}

function checkAttempts({ ledger, scenario }: World, { script }: Sent): void {
  const arrivals = ledger.arrivals.get(script.id) ?? []
  const { attempts, retryOn } = scenario.config.retries
  const isPair = scenario.role === 'pair'
  // The second sidecar tries again on its own where the application cannot have seen the request.
  const most = (1 + attempts + REPLAYS_MAX) * (isPair ? 1 + INBOUND_ATTEMPTS + REPLAYS_MAX : 1)
  if (arrivals.length > most)
    ledger.fail(`request ${script.id} came ${arrivals.length} times, where ${most} are allowed`)
  if (['GET', 'HEAD', 'PUT', 'DELETE'].includes(script.method)) return
  for (const arrival of arrivals.slice(0, -1)) {
    if (!mayBeFollowed(arrival, retryOn, { isPair, latencyMaxMs: scenario.network.latencyMaxMs }))
      ledger.fail(`${script.method} ${script.id} was sent again after a host had got it`)
  }
}

/** Nobody waits for a copy, so nobody may send it twice. */
function checkCopies({ shadow }: World, { script }: Sent): void {
  const copies = shadow.arrivals.get(script.id)?.length ?? 0
  if (copies > 1) shadow.fail(`request ${script.id} was copied ${copies} times`)
}

/**
 * What was said may have been on its way, or read and not looked at yet, when the connection ended for what another
 * stream on it had done.
 */
function wasMissed({ readAt, lostAt }: Arrival, latencyMaxMs: number): boolean {
  if (readAt === undefined || lostAt === undefined) return false
  const at = readAt()
  return at === undefined || lostAt - at <= 2 * latencyMaxMs
}

/** What the policy allows to be repeated whatever the method: what the host itself has answered or refused. */
function mayBeFollowed(
  arrival: Arrival,
  retryOn: readonly string[],
  { isPair, latencyMaxMs }: { readonly isPair: boolean; readonly latencyMaxMs: number },
): boolean {
  if (retryOn.some((word) => word === '5xx' || word === 'reset' || word === 'gateway-error')) return true
  if (arrival.answered === 'refused') return true
  if (arrival.answered === 'no' && !isPair) return false
  // What breaks off behind the second sidecar is its 503 to the first.
  const isBroken = isPair && (arrival.answered !== 'whole' || wasMissed(arrival, latencyMaxMs))
  const possible = isBroken ? [503, arrival.script.status] : [arrival.script.status]
  const statuses = retryOn.filter((word) => /^\d+$/.test(word)).map(Number)
  const isListed = possible.some((one) => (statuses.length > 0 ? statuses.includes(one) : one === 503))
  const isDefault = retryOn.length === 0 || statuses.length > 0
  return (isDefault && isListed) || (retryOn.includes('retriable-4xx') && possible.includes(409))
}

/** The client, which stayed, has less than the host has sent. */
function wasCutShort(ledger: Ledger, { script, answer, excuse }: Sent): boolean {
  if (answer === undefined || excuse !== undefined || script.method === 'HEAD') return false
  if (!answer.isComplete) return true
  const serial = Number(answer.headers.get('x-serial'))
  const arrival = ledger.arrivals.get(script.id)?.find((one) => one.serial === serial)
  if (arrival === undefined || arrival.script.cut !== undefined || arrival.script.body.kind === 'none')
    return false
  return answer.body.length < Number(answer.headers.get('x-size'))
}

/** Nothing goes wrong, nobody is slow, and nothing is bounded: then nothing may fail either. */
function isCalm({ config, network, clients, events, http2 }: Scenario): boolean {
  const { outlierDetection, healthCheck, connections } = config.traffic
  const isQuick = network.latencyMaxMs <= 1 && config.requestTimeoutMs >= 5000 && http2.window >= 5000
  if (!isQuick || network.refused + network.hanging > 0 || events.length > 0) return false
  if ((outlierDetection ?? healthCheck ?? connections) !== undefined) return false
  if (config.retries.perTryTimeoutMs !== undefined) return false
  return clients.every(
    ({ pace, stall, leave, requests }) =>
      (pace ?? stall ?? leave) === undefined &&
      requests.every(({ answers }) => answers.every((answer) => isOrderly(answer))),
  )
}

/** A server that closes without having said so may meet the next request on its way. */
function isOrderly({ kind, cut, isEarly, isTwice, body }: Answer): boolean {
  return kind === 'answer' && cut === undefined && !isEarly && !isTwice && body.kind !== 'until-close'
}

/** Envoy's flags of what went wrong between the proxy and its peers. */
const FAILED = /UT|UC|UF|UO|UH|UPE|UR\b|DC|DPE|SI|DT/

function checkLog(world: World): void {
  const { ledger, longestTimeoutMs, scenario } = world
  const { proxy } = frontOf(world)
  const calm = isCalm(scenario)
  const seen = new Map<number, number>()
  for (const line of proxy.logLines) {
    const [id = '', status = '', flags = '', duration = '', details = ''] = line.trim().split(' ')
    // A connection of bytes has no such field.
    if (id === '-' && (scenario.sessions?.length ?? 0) > 0) continue
    if (!/^\d+$/.test(id)) {
      ledger.fail(`the log has a line for nobody: ${line.trim()}`)
      continue
    }
    const sent = ledger.sent.get(Number(id))
    seen.set(Number(id), (seen.get(Number(id)) ?? 0) + 1)
    // The time of a request with a body begins when the proxy has all of it, which only the proxy knows.
    if (sent?.script.body.kind === 'none' && Number(duration) > longestTimeoutMs + 10)
      ledger.fail(`request ${id} took ${duration} ms (${status} ${flags} ${details})`)
    if (calm && FAILED.test(flags)) ledger.fail(`request ${id} failed in a calm world: ${flags} ${details}`)
    const answer = sent?.answer
    if (sent !== undefined && flags === '-' && wasCutShort(ledger, sent))
      ledger.fail(`request ${id} is logged as answered (${details}), but its client got a part of it`)
    if (answer?.isComplete === true && Number(status) !== answer.status)
      ledger.fail(`request ${id} is logged as ${status}, but was answered ${answer.status}`)
  }
  for (const [id, times] of seen) if (times > 1) ledger.fail(`request ${id} is logged ${times} times`)
  for (const [id, { answer }] of ledger.sent) {
    if (answer !== undefined && !seen.has(id)) ledger.fail(`request ${id} was answered and is not logged`)
  }
}
