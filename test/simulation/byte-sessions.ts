import { bodyOf, type ByteStream, isBeginOfBody, type OpenStream } from './byte-stream.ts'
import type { SimulatedClient } from './http1-client.ts'
import type { Upstream } from './http1-upstream.ts'
import type { End, Kernel, Place } from './kernel.ts'
import type { Ledger } from './ledger.ts'
import type { ByteScript } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'

/** A connection that only carries bytes, as its two ends see it. */
export interface Session {
  readonly script: ByteScript
  readonly client: SessionEnd
  readonly server: SessionEnd
  /** How often it came to a host. */
  arrivals: number
}

interface SessionEnd {
  readonly received: Buffer[]
  /** How the other side ended. */
  heard: 'nothing' | 'end' | 'reset'
  /** How it ended itself. */
  said: 'nothing' | 'end' | 'reset'
}

const newEnd = (): SessionEnd => ({ received: [], heard: 'nothing', said: 'nothing' })

/** Bodies of servers are those of other numbers than clients'. */
const SERVER_BODIES = 50_000

function note(of: SessionEnd, how: 'end' | 'reset'): void {
  if (of.heard === 'nothing') of.heard = how
}

export function createByteClient(parts: {
  readonly scheduler: Scheduler
  readonly kernel: Kernel
  readonly ledger: Ledger
  readonly target: Place
  readonly from: string
  readonly script: ByteScript
  readonly openStream: OpenStream
}): SimulatedClient {
  const { scheduler, kernel, ledger, script } = parts
  const session: Session = { script, client: newEnd(), server: newEnd(), arrivals: 0 }
  const mine = session.client
  let isOver = false
  ledger.sessions.set(script.id, session)

  function say(stream: ByteStream, how: 'end' | 'reset'): void {
    if (mine.said !== 'nothing' || isOver) return
    mine.said = how
    ledger.trace(`${parts.from} says ${how} in session ${script.id}`)
    stream.finish(how === 'end' ? 'half-close' : 'reset')
    if (how === 'reset') isOver = true
  }

  scheduler.at(script.startMs, () => {
    const end = kernel.connect(parts.target, parts.from, {
      connected() {
        stream.send(`${script.id}\n`)
        stream.send(bodyOf(script.id, script.up))
        if (script.client !== 'waits')
          scheduler.at(script.clientMs, () => say(stream, script.client === 'reset' ? 'reset' : 'end'))
      },
      failed: () => {
        note(mine, 'reset')
        isOver = true
      },
    })
    end.owner = 'client'
    const stream = parts.openStream(end, {
      data: (bytes) => void mine.received.push(bytes),
      ended(how) {
        ledger.trace(`${parts.from} hears ${how} in session ${script.id}`)
        note(mine, how)
        if (how === 'end') {
          if (mine.said === 'nothing') mine.said = 'end'
          stream.finish('close')
        }
        isOver = true
      },
    })
  })
  return { isDone: () => isOver, leave: () => {}, stall: () => {} }
}

/** Reads the number of a session, then does what its script says. */
export function createByteServer(parts: {
  readonly scheduler: Scheduler
  readonly ledger: Ledger
  readonly openStream: OpenStream
}): Upstream {
  const { scheduler, ledger } = parts
  const streams = new Set<() => void>()

  function accept(end: End): void {
    end.owner = 'byte host'
    let head = ''
    let session: Session | undefined
    let hasHeardEnd = false
    let isOver = false
    const stream = parts.openStream(end, {
      data(bytes) {
        if (session !== undefined) {
          session.server.received.push(bytes)
          return
        }
        const at = bytes.indexOf(10)
        head += bytes.toString('latin1', 0, at < 0 ? bytes.length : at)
        if (at < 0) return
        begin(Number(head))?.server.received.push(bytes.subarray(at + 1))
      },
      ended(how) {
        if (session !== undefined) note(session.server, how)
        ledger.trace(`the server of session ${session?.script.id} hears ${how}`)
        hasHeardEnd = true
        if (how === 'reset') over()
        else if (session === undefined) stream.finish('close')
        else if (session.script.server === 'after-client') answer('end')
        else closeWhenDone()
      },
    })
    streams.add(crash)

    function crash(): void {
      if (isOver) return
      if (session?.server.said === 'nothing') session.server.said = 'reset'
      // What it would have heard is its own doing.
      if (session !== undefined) note(session.server, 'reset')
      stream.finish('reset')
      over()
    }

    function over(): void {
      isOver = true
      streams.delete(crash)
    }

    function begin(id: number): Session | undefined {
      session = ledger.sessions.get(id)
      if (session === undefined) {
        ledger.fail(`bytes came of session ${head}, which nobody has begun`)
        return undefined
      }
      session.arrivals++
      ledger.trace(`session ${id} arrives`)
      const { server, serverMs } = session.script
      if (server !== 'after-client') scheduler.at(serverMs, () => answer(server))
      return session
    }

    function answer(how: 'end' | 'reset'): void {
      if (session === undefined || isOver) return
      const { script, server } = session
      stream.send(bodyOf(SERVER_BODIES + script.id, script.down))
      server.said = how
      ledger.trace(`the server of session ${script.id} says ${how}`)
      stream.finish(how === 'end' ? 'half-close' : 'reset')
      if (how === 'reset') over()
      else closeWhenDone()
    }

    function closeWhenDone(): void {
      if (!hasHeardEnd || session?.server.said !== 'end') return
      stream.finish('close')
      over()
    }
  }

  return {
    accept,
    crash() {
      for (const crash of new Set(streams)) crash()
    },
  }
}

/**
 * What holds of each session: bytes come once, in order, and as they are; who hears the end has all of them, and who
 * broke off is not taken for one that has ended.
 * @param terms isKept: the proxy itself has no reason to end a session; tells: which side can tell a reset
 */
export function checkSession(
  session: Session,
  terms: {
    readonly isKept: boolean
    readonly isCalm: boolean
    readonly tells: { client: boolean; server: boolean }
  },
  fail: (what: string) => void,
): void {
  const { script, client, server, arrivals } = session
  const name = `session ${script.id}`
  const [up, down] = [Buffer.concat(server.received), Buffer.concat(client.received)]
  if (arrivals > 1) fail(`${name} came to ${arrivals} hosts`)
  if (!isBeginOfBody(script.id, up, script.up)) fail(`${name} brings the server other bytes than were sent`)
  if (!isBeginOfBody(SERVER_BODIES + script.id, down, script.down))
    fail(`${name} brings the client other bytes than were sent`)
  if (client.heard === 'nothing' && client.said !== 'reset') fail(`the client of ${name} waits without end`)
  if (arrivals > 0 && server.heard === 'nothing' && server.said !== 'reset')
    fail(`the server of ${name} waits without end`)
  if (arrivals > 0 && terms.isKept) {
    if (client.heard === 'end' && terms.tells.client) {
      if (server.said === 'reset') fail(`the client of ${name} hears an end, but the server has broken off`)
      else if (client.said !== 'reset' && down.length < script.down)
        fail(`the client of ${name} has ${down.length} of ${script.down} bytes, and the end`)
    }
    if (server.heard === 'end' && terms.tells.server) {
      if (client.said === 'reset') fail(`the server of ${name} hears an end, but the client has broken off`)
      else if (server.said !== 'reset' && up.length < script.up)
        fail(`the server of ${name} has ${up.length} of ${script.up} bytes, and the end`)
    }
  }
  const isOrderly = script.client !== 'reset' && script.server !== 'reset'
  if (terms.isCalm && isOrderly && (up.length < script.up || down.length < script.down))
    fail(
      `${name} brought ${up.length} of ${script.up} and ${down.length} of ${script.down} bytes in a calm world`,
    )
}
