import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { deepEqual, silentLogger, systemClock } from '../../base/index.ts'
import { createStateDirectory, stateDirectory, type StateDirectory } from '../supervisor/index.ts'
import type { PlannedForward } from './forward-plan.ts'
import { createForwarder, type Forwarder, readForwards } from './forwarder.ts'
import { type Listeners, startListeners } from './listeners.ts'

let listeners: Listeners
let state: StateDirectory
let echo: net.Server
let forwarder: Forwarder | undefined
before(async () => {
  listeners = await startListeners()
  state = stateDirectory(mkdtempSync(join(tmpdir(), 'lateen-forwarder-')))
  createStateDirectory(state)
  echo = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
})
afterEach(() => forwarder?.close())
after(async () => {
  echo.close()
  await listeners.close()
  rmSync(state.root, { recursive: true })
})

test('bytes go both ways, and the end of one way is not that of the other', async () => {
  const [port = 0] = await freePorts(1)
  await forwarding([planned('a', portOf(echo), [port])])
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  client.end('hello')
  const [answer] = (await once(client, 'data')) as [Buffer]
  assert.equal(answer.toString(), 'hello')
  client.destroy()
})

test('a connection that nobody takes is reset', async () => {
  const [port = 0, nobody = 0] = await freePorts(2)
  await forwarding([planned('r', nobody, [port])])
  const client = net.connect(port, '127.0.0.1')
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
})

test('of two that want a port the second gets a spare one, and keeps it after a restart', async () => {
  const [first = 0, spare = 0] = await freePorts(2)
  const both = [planned('a', portOf(echo), [first, spare]), planned('b', portOf(echo), [first, spare])]
  await forwarding(both)
  assert.deepEqual(localPorts(), { a: first, b: spare })
  await forwarder?.close()
  await forwarding([...both].reverse())
  assert.deepEqual(localPorts(), { a: first, b: spare })
})

test('a spare port is not one that another has the first right to', async () => {
  const [first = 0, second = 0, third = 0] = await freePorts(3)
  await forwarding([
    planned('c', portOf(echo), [first, second, third]),
    planned('d', portOf(echo), [first, second, third]),
    planned('e', portOf(echo), [second]),
  ])
  assert.deepEqual(localPorts(), { c: first, d: third, e: second })
})

test('a port that another program lets go is taken, and what is not wanted any more is closed', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const port = portOf(taken)
  await forwarding([planned('f', portOf(echo), [port])], 0)
  taken.close()
  await until(() => localPorts()['f'] === port)
  forwarder?.forward([])
  await until(() => Object.keys(localPorts()).length === 0)
  const client = net.connect(port, '127.0.0.1')
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
})

function planned(id: string, port: number, candidates: readonly number[]): PlannedForward {
  return { id, target: { kind: 'api' }, address: '127.0.0.1', port, candidates }
}

async function forwarding(forwards: readonly PlannedForward[], inForce = forwards.length): Promise<void> {
  forwarder = createForwarder({ state, listeners, clock: systemClock, logger: silentLogger })
  forwarder.forward(forwards)
  // Those of an earlier forwarder are still written down, in another order or under other names.
  const wanted = forwards.slice(0, inForce).map(({ id }) => id)
  await until(() =>
    deepEqual(
      readForwards(state).map(({ id }) => id),
      wanted,
    ),
  )
}

function localPorts(): Readonly<Record<string, number>> {
  return Object.fromEntries(readForwards(state).map(({ id, localPort }) => [id, localPort]))
}

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => portOf(server))
  await Promise.all(
    servers.map(async (server) => {
      server.close()
      await once(server, 'close')
    }),
  )
  return ports
}

async function until(look: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!look()) {
    assert.ok(performance.now() < deadline, 'waited 10 s in vain')
    await systemClock.sleep(10)
  }
}
