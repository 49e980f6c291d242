import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { createSeededRandom } from '../../src/base/index.ts'
import { createPlainNetwork, type Network } from '../../src/proxy/net/network.ts'
import { createKernel, type End, type NetworkManners } from './kernel.ts'
import { createSimulatedNetwork } from './network.ts'
import { createScheduler } from './scheduler.ts'

/*
 * The network in memory is only worth something if it behaves as the real one: each script runs on both, and what the
 * proxy's side sees of its socket must be the same.
 */

/** The other program. */
interface Peer {
  readonly send: (text: string) => void
  readonly end: () => void
  readonly reset: () => void
  readonly close: () => void
  readonly pause: () => void
  readonly resume: () => void
  /** What it has read, and how that ended. */
  readonly received: () => number
  readonly ended: () => 'no' | 'end' | 'reset'
}

interface Stage {
  readonly network: Network
  /** A connection from the proxy to the peer, seen from both sides. */
  readonly outgoing: () => Promise<{ readonly socket: Socket; readonly peer: Peer }>
  /** The same the other way round. */
  readonly incoming: () => Promise<{ readonly socket: Socket; readonly peer: Peer }>
  readonly refused: () => Socket
  readonly unreachable: () => Socket
  readonly until: (condition: () => boolean, what: string) => Promise<void>
  /** Time in which nothing of interest may happen. */
  readonly rest: () => Promise<void>
  readonly log: string[]
  readonly close: () => void
}

const BUFFER = Buffer.alloc(64 * 1024)

function note(socket: Socket, log: string[]): Socket {
  socket.on('connect', () => log.push('connect'))
  socket.on('drain', () => log.push('drain'))
  socket.on('end', () => log.push('end'))
  socket.on('error', (error: NodeJS.ErrnoException) => log.push(`error ${error.code}`))
  socket.on('close', (hadError) => log.push(`close ${hadError}`))
  return socket
}

function onreadTo(log: string[]) {
  return {
    buffer: BUFFER,
    callback(bytes: number, buffer: Uint8Array) {
      const text = Buffer.from(buffer).toString('latin1', 0, bytes)
      const last = log.length - 1
      if (log[last]?.startsWith('data ') === true) log[last] += text
      else log.push(`data ${text}`)
      return true
    },
  }
}

async function realStage(): Promise<Stage> {
  const log: string[] = []
  const network = createPlainNetwork({})
  const closers: (() => void)[] = []

  function peerOf(socket: Socket): Peer {
    let received = 0
    let ended: 'no' | 'end' | 'reset' = 'no'
    socket.on('data', (chunk) => (received += chunk.length))
    socket.on('end', () => (ended = 'end'))
    socket.on('error', () => (ended = 'reset'))
    closers.push(() => socket.destroy())
    return {
      send: (text) => void socket.write(text),
      end: () => void socket.end(),
      reset: () => void socket.resetAndDestroy(),
      close: () => void socket.destroy(),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      received: () => received,
      ended: () => ended,
    }
  }

  return {
    network,
    log,
    async outgoing() {
      const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      const socket = note(network.connect({ address: '127.0.0.1', port, onread: onreadTo(log) }), log)
      const [[accepted]] = await Promise.all([once(server, 'connection'), once(socket, 'connect')])
      server.close()
      closers.push(() => socket.destroy())
      return { socket, peer: peerOf(accepted as Socket) }
    },
    async incoming() {
      let accept: (socket: Socket) => void = () => {}
      const accepted = new Promise<Socket>((resolve) => (accept = resolve))
      const bound = await network.listen({ address: '127.0.0.1', port: 0, onConnection: accept })
      const client = connect({ host: '127.0.0.1', port: bound.port, allowHalfOpen: true })
      await once(client, 'connect')
      const socket = note(network.read(await accepted, onreadTo(log)), log)
      bound.close()
      closers.push(() => socket.destroy())
      return { socket, peer: peerOf(client) }
    },
    refused: () => note(network.connect({ address: '127.0.0.1', port: 1, onread: onreadTo(log) }), log),
    // TEST-NET: nobody answers, or the machine says that there is no way; both are cut short by the test.
    unreachable: () => note(network.connect({ address: '192.0.2.1', port: 9, onread: onreadTo(log) }), log),
    async until(condition, what) {
      const deadline = Date.now() + 5000
      while (!condition()) {
        assert.ok(Date.now() < deadline, `waited for ${what}: ${log.join(', ')}`)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    },
    async rest() {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
    },
    close: () => {
      for (const closer of closers) closer()
    },
  }
}

function simulatedStage(seed: number): Stage {
  const log: string[] = []
  const scheduler = createScheduler()
  const manners: NetworkManners = {
    latencyMaxMs: 3,
    pieceMax: 20_000,
    capacity: 300_000,
    connect: ({ address }) => (address === '192.0.2.1' ? 'hang' : 'accept'),
  }
  const kernel = createKernel(scheduler, createSeededRandom(seed), manners)
  const network = createSimulatedNetwork(scheduler, kernel, '127.0.0.1')

  function peerOf(end: End): Peer {
    let received = 0
    let ended: 'no' | 'end' | 'reset' = 'no'
    let isPaused = false
    let waiting = Buffer.alloc(0)
    const buffer = Buffer.alloc(4096)
    const read = (): void => {
      while (!isPaused) {
        const count = end.read(buffer)
        if (count === 0) return
        if (count < 0) {
          ended = count === -4095 ? 'end' : 'reset'
          return
        }
        received += count
      }
    }
    const write = (): void => {
      const count = end.write(waiting)
      if (count > 0) waiting = waiting.subarray(count)
    }
    end.onReadable = read
    end.onWritable = write
    return {
      send: (text) => {
        waiting = Buffer.concat([waiting, Buffer.from(text)])
        write()
      },
      end: end.shutdown,
      reset: end.abort,
      close: end.close,
      pause: () => (isPaused = true),
      resume: () => {
        isPaused = false
        read()
      },
      received: () => received,
      ended: () => ended,
    }
  }

  async function until(condition: () => boolean, what: string): Promise<void> {
    const deadline = scheduler.monotonic() + 60_000
    while (!condition()) assert.ok(await scheduler.step(deadline), `waited for ${what}: ${log.join(', ')}`)
  }

  return {
    network,
    log,
    async outgoing() {
      let end: End | undefined
      kernel.listen(80, { accept: (one) => (end = one) })
      const socket = note(network.connect({ address: '10.0.0.1', port: 80, onread: onreadTo(log) }), log)
      await until(() => log.includes('connect'), 'the connection')
      return { socket, peer: peerOf(end as End) }
    },
    async incoming() {
      let accepted: Socket | undefined
      await network.listen({ address: '10.0.0.2', port: 81, onConnection: (one) => (accepted = one) })
      const end = kernel.connect({ address: '10.0.0.2', port: 81 }, '10.0.0.3', {
        connected: () => {},
        failed: () => {},
      })
      const peer = peerOf(end)
      await until(() => accepted !== undefined, 'a connection')
      return { socket: note(network.read(accepted as Socket, onreadTo(log)), log), peer }
    },
    refused: () => note(network.connect({ address: '10.0.0.1', port: 1, onread: onreadTo(log) }), log),
    unreachable: () => note(network.connect({ address: '192.0.2.1', port: 9, onread: onreadTo(log) }), log),
    until,
    rest: () => scheduler.runUntil(scheduler.monotonic() + 1000),
    close: () => {},
  }
}

type Side = 'outgoing' | 'incoming'
type Script = (stage: Stage, side: Side) => Promise<void>

const closed = (stage: Stage) => () => stage.log.some((line) => line.startsWith('close'))

const SCRIPTS: Readonly<Record<string, Script>> = {
  async 'both send and end in turn'(stage, side) {
    const { socket, peer } = await stage[side]()
    peer.send('hello')
    peer.end()
    await stage.until(() => stage.log.includes('end'), 'the end')
    await stage.rest()
    socket.write('x')
    socket.end('y')
    await stage.until(closed(stage), 'the close')
    await stage.until(() => peer.ended() === 'end', 'the end at the peer')
    stage.log.push(`peer has ${peer.received()}`)
  },
  async 'an end of our own leaves the other direction open'(stage, side) {
    const { socket, peer } = await stage[side]()
    socket.end('bye')
    await stage.until(() => peer.ended() === 'end', 'the end at the peer')
    peer.send('late')
    await stage.until(() => stage.log.includes('data late'), 'late bytes')
    peer.end()
    await stage.until(closed(stage), 'the close')
  },
  async 'a reset after bytes'(stage, side) {
    const { peer } = await stage[side]()
    peer.send('some')
    await stage.until(() => stage.log.includes('data some'), 'bytes')
    peer.reset()
    await stage.until(closed(stage), 'the close')
  },
  async 'a paused socket hears nothing until it is resumed'(stage, side) {
    const { socket, peer } = await stage[side]()
    socket.pause()
    peer.send('abc')
    peer.end()
    await stage.rest()
    stage.log.push('resumed')
    socket.resume()
    await stage.until(() => stage.log.includes('end'), 'the end')
    socket.end()
    await stage.until(closed(stage), 'the close')
  },
  async 'a paused socket does not notice a reset until it writes'(stage, side) {
    const { socket, peer } = await stage[side]()
    socket.pause()
    peer.reset()
    await stage.rest()
    stage.log.push('written')
    socket.write('x')
    await stage.until(closed(stage), 'the close')
  },
  async 'a peer that takes nothing fills the socket, and one that takes again drains it'(stage, side) {
    const { socket, peer } = await stage[side]()
    peer.pause()
    let sent = 0
    do {
      sent += 65_536
    } while (socket.write(Buffer.alloc(65_536)) || socket.writableLength === 0)
    await stage.rest()
    stage.log.push(`needs drain: ${socket.writableNeedDrain}`)
    peer.resume()
    await stage.until(() => stage.log.includes('drain'), 'the drain')
    await stage.until(() => peer.received() === sent, 'all bytes')
    stage.log.push(`left ${socket.writableLength}`)
    socket.destroy()
    await stage.until(closed(stage), 'the close')
  },
  async 'destroying drops what waits'(stage, side) {
    const { socket, peer } = await stage[side]()
    peer.pause()
    while (socket.writableLength === 0) socket.write(Buffer.alloc(65_536))
    socket.destroy()
    await stage.until(closed(stage), 'the close')
    peer.resume()
    await stage.until(() => peer.ended() !== 'no', 'the end at the peer')
    stage.log.push(`destroyed ${socket.destroyed}, peer: ${peer.ended()}`)
  },
  async 'destroying before all was read is a reset for the peer'(stage, side) {
    const { socket, peer } = await stage[side]()
    socket.pause()
    peer.send('unread')
    await stage.rest()
    socket.destroy()
    await stage.until(() => peer.ended() !== 'no', 'the end at the peer')
    await stage.until(closed(stage), 'the close')
    stage.log.push(`peer: ${peer.ended()}`)
  },
  async 'writing to a peer that has closed fails at the second write'(stage, side) {
    const { socket, peer } = await stage[side]()
    peer.close()
    await stage.until(() => stage.log.includes('end'), 'the end')
    socket.write('first')
    await stage.rest()
    stage.log.push('second')
    socket.write('second')
    await stage.until(closed(stage), 'the close')
  },
  async 'corked writes arrive together'(stage, side) {
    const { socket, peer } = await stage[side]()
    socket.cork()
    socket.write('abc')
    socket.write(Buffer.from('def'))
    socket.uncork()
    await stage.until(() => peer.received() === 6, 'both')
    stage.log.push(`left ${socket.writableLength}`)
  },
  async 'writes before the end are all delivered'(stage, side) {
    const { socket, peer } = await stage[side]()
    peer.pause()
    let sent = 0
    while (socket.writableLength === 0) {
      socket.write(Buffer.alloc(50_000))
      sent += 50_000
    }
    socket.end(Buffer.alloc(1000))
    peer.resume()
    await stage.until(() => peer.ended() === 'end', 'the end')
    stage.log.push(`lost ${sent + 1000 - peer.received()}`)
  },
}

const WITHOUT_PEER: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async 'a refused connection'(stage) {
    stage.refused()
    await stage.until(closed(stage), 'the close')
  },
  async 'bytes written to a connection that is refused'(stage) {
    const socket = stage.refused()
    socket.write('x')
    await stage.until(closed(stage), 'the close')
  },
  async 'a connection that is given up while it is on its way'(stage) {
    const socket = stage.unreachable()
    socket.write('x')
    socket.destroy()
    await stage.until(closed(stage), 'the close')
  },
}

async function compare(run: (stage: Stage) => Promise<void>): Promise<void> {
  const real = await realStage()
  try {
    await run(real)
    for (let seed = 1; seed <= 5; seed++) {
      const simulated = simulatedStage(seed)
      await run(simulated)
      assert.deepEqual(simulated.log, real.log, `seed ${seed}`)
    }
  } finally {
    real.close()
  }
}

for (const side of ['outgoing', 'incoming'] as const) {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    test(`${side}: ${name}`, () => compare((stage) => script(stage, side)))
  }
}
for (const [name, script] of Object.entries(WITHOUT_PEER)) test(name, () => compare(script))
