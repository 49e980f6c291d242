import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock, Logger } from '../../base/index.ts'
import type { StateDirectory } from '../supervisor/index.ts'
import { type Forward, FORWARD_HOST, type PlannedForward } from './forward-plan.ts'
import type { Listeners } from './listeners.ts'

export interface ForwarderOptions {
  readonly state: StateDirectory
  /** Opens sockets in the machine's network; the forwarder's own connections go out in the cluster's. */
  readonly listeners: Listeners
  readonly clock: Clock
  readonly logger: Logger
}

export interface Forwarder {
  /** Opens and closes ports until these are forwarded; ports that others have taken are tried again. */
  readonly forward: (planned: readonly PlannedForward[]) => void
  readonly close: () => Promise<void>
}

/** How long it takes to notice that another program has let go of a port. */
const TAKEN_RETRY_MS = 2_000
const CONNECT_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 4_096

interface OpenForward {
  readonly forward: Forward
  readonly server: Server
}

/** Forwards TCP ports of 127.0.0.1 into the cluster's network, and writes down which. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { clock, logger, state } = options
  const open = new Map<string, OpenForward>()
  const earlier = new Map(readForwards(state).map(({ id, localPort }) => [id, localPort]))
  const complained = new Set<string>()
  const stopping = new AbortController()
  let planned: readonly PlannedForward[] = []
  let cancelRetry = () => {}
  let last: Promise<void> = Promise.resolve()

  const reconcile = async () => {
    if (stopping.signal.aborted) return
    const wanted = new Map(planned.map((one) => [one.id, one]))
    for (const [id, { forward, server }] of open) {
      const still = wanted.get(id)
      if (still?.address === forward.address && still.port === forward.port) continue
      server.close() // connections that are there go on to their end
      open.delete(id)
    }
    const without: PlannedForward[] = []
    for (const one of planned) if (!open.has(one.id) && !(await openOne(one))) without.push(one)
    writeForwards(
      state,
      [...open.values()].map(({ forward }) => forward),
    )
    cancelRetry()
    if (without.length > 0) cancelRetry = clock.after(TAKEN_RETRY_MS, run)
  }

  const openOne = async (one: PlannedForward): Promise<boolean> => {
    // A spare port must not be one that another has the first right to: node ports have no other.
    const rights = new Set(planned.flatMap(({ id, candidates: [first] }) => (id === one.id ? [] : [first])))
    const choice = one.candidates.filter((port, index) => index === 0 || !rights.has(port))
    const before = earlier.get(one.id)
    const ports = before !== undefined && one.candidates.includes(before) ? [before, ...choice] : choice
    for (const localPort of new Set(ports)) {
      const made = await options.listeners.open(FORWARD_HOST, localPort)
      if ('error' in made) continue
      const { id, target, address, port } = one
      const forward = { id, target, address, port, localPort }
      open.set(id, { forward, server: serve(made.fd, forward) })
      earlier.set(id, localPort)
      complained.delete(id)
      logger.info('forwarded', { port: localPort, to: `${address}:${port}` })
      return true
    }
    if (!complained.has(one.id))
      logger.warn('no local port is free', { for: one.id, tried: one.candidates.join(',') })
    complained.add(one.id)
    return false
  }

  const run = () => {
    last = last.then(reconcile).catch((error: unknown) => {
      logger.error('forwarding failed', { error: String(error) })
    })
  }

  return {
    forward(next) {
      planned = next
      run()
    },
    async close() {
      stopping.abort()
      cancelRetry()
      await last
      for (const { server } of open.values()) server.close()
    },
  }
}

function serve(fd: number, forward: Forward): Server {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (outer) => {
    splice(outer, forward)
  })
  server.maxConnections = CONNECTIONS_MAX
  server.listen({ fd })
  return server
}

/** A connection that the cluster refuses is reset, as the cluster's own address would do. */
function splice(outer: Socket, { address, port }: Forward): void {
  const inner = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
  outer.setNoDelay(true)
  const reset = () => {
    if (!outer.destroyed) outer.resetAndDestroy()
    inner.destroy()
  }
  inner.setTimeout(CONNECT_TIMEOUT_MS, reset)
  inner.once('connect', () => {
    inner.setTimeout(0)
    outer.pipe(inner)
    inner.pipe(outer)
  })
  inner.on('error', reset)
  outer.on('error', () => inner.destroy())
  // Half an end is passed on by `pipe`; a whole one ends both.
  outer.on('close', () => inner.destroy())
  inner.on('close', () => outer.destroySoon())
}

function forwardsFile(state: StateDirectory): string {
  return join(state.run, 'forwards.json')
}

/** The forwards in force, or those of the last time; none in a cluster with root. */
export function readForwards(state: StateDirectory): readonly Forward[] {
  const path = forwardsFile(state)
  if (!existsSync(path)) return []
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as readonly Forward[]
  } catch {
    return [] // half a file of a machine that went down: the forwarder writes it anew
  }
}

function writeForwards(state: StateDirectory, forwards: readonly Forward[]): void {
  const path = forwardsFile(state)
  writeFileSync(`${path}.new`, JSON.stringify(forwards), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
