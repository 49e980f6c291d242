import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import { createManualClock } from '../../base/index.ts'
import { until } from '../testing.ts'
import { canRace, pendingLookup, race } from './race.ts'
import { createTimerWheel } from './timer-wheel.ts'

const PENDING = { host: 'endpoint.invalid', port: 1, lookup: pendingLookup }

let server: Server
let accepted: Socket[] = []
beforeEach(async () => {
  accepted = []
  server = createServer((socket) => {
    accepted.push(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => {
  for (const socket of accepted) socket.destroy()
  server.close()
})

/** `silent` never answers, `refused` does at once, any other address is the server's. */
function start(addresses: readonly string[], header?: string) {
  const clock = createManualClock()
  const tried: string[] = []
  const made: Socket[] = []
  let received = ''
  const socket = new Socket({
    onread: {
      buffer: Buffer.alloc(1024),
      callback(bytes, buffer) {
        received += Buffer.from(buffer.buffer, buffer.byteOffset, bytes).toString()
        return true
      },
    },
  }).connect(PENDING)
  const { port } = server.address() as { port: number }
  race(socket, {
    addresses,
    connect(address) {
      tried.push(address)
      const one = new Socket()
      made.push(one)
      if (address === 'silent') return one.connect(PENDING)
      return one.connect({ host: '127.0.0.1', port: address === 'refused' ? 1 : port })
    },
    wheel: createTimerWheel(clock),
    header: header === undefined ? undefined : Buffer.from(header),
  })
  return { clock, tried, made, socket, received: () => received }
}

test('this Node can give a connecting socket its connection', () => assert.ok(canRace))

test('the first address is the one, when it answers', async () => {
  const { socket, tried, received } = start(['a', 'b'], 'head ')
  socket.write('hello')
  await once(socket, 'connect')
  await until(() => received() === 'head hello', 'the echo is here')
  assert.deepEqual(tried, ['a'])
  assert.equal(socket.remoteAddress, '127.0.0.1')
  socket.destroy()
})

test('an address that is refused is followed by the next at once', async () => {
  const { socket, tried, received } = start(['refused', 'refused', 'b'])
  socket.write('hello')
  await until(() => received() === 'hello', 'the echo is here')
  assert.deepEqual(tried, ['refused', 'refused', 'b'])
  socket.destroy()
})

test('one that is silent gets company after a while, and is dropped when that is faster', async () => {
  const { socket, tried, clock, made, received } = start(['silent', 'silent', 'b'])
  socket.write('hello')
  assert.deepEqual(tried, ['silent'])
  clock.advance(310)
  assert.deepEqual(tried, ['silent', 'silent'])
  clock.advance(310)
  await until(() => received() === 'hello', 'the echo is here')
  assert.deepEqual(
    made.map((one) => one.destroyed),
    [true, true, false],
  )
  socket.destroy()
})

test('when none answers the last reason is told', async () => {
  const { socket, tried } = start(['refused', 'refused'])
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
  assert.deepEqual(tried, ['refused', 'refused'])
})

test('a socket that is given up meanwhile leaves no attempt behind', async () => {
  const { socket, made, clock } = start(['silent', 'silent'])
  clock.advance(310)
  socket.destroy()
  await once(socket, 'close')
  assert.deepEqual(
    made.map((one) => one.destroyed),
    [true, true],
  )
})
