import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import type { Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { Socket } from 'node:net'
import { systemClock } from '../../base/index.ts'
import { createNamespacedNetwork } from './namespaced-network.ts'
import { createPlainNetwork } from './network.ts'
import { pendingLookup, race } from './race.ts'
import { createTimerWheel } from './timer-wheel.ts'

const NAMESPACE = `lateen-udp-${process.pid}`
const ROOT = process.getuid?.() === 0
const skip = ROOT ? false : 'network namespaces need root'
const network = createNamespacedNetwork({ netns: `/run/netns/${NAMESPACE}`, mark: 1337 })

before(() => {
  if (!ROOT) return
  execFileSync('ip', ['netns', 'add', NAMESPACE])
  execFileSync('ip', ['-n', NAMESPACE, 'link', 'set', 'lo', 'up'])
})
after(() => {
  if (ROOT) execFileSync('ip', ['netns', 'del', NAMESPACE])
})

test('datagrams are exchanged in the namespace, and nobody outside of it hears them', { skip }, async () => {
  let servers: readonly UdpSocket[] = []
  await network.listenUdp({
    address: '127.0.0.1',
    port: 5353,
    onSockets: (sockets) => (servers = sockets),
    onLeaving: () => {},
    onLeave: () => {},
  })
  const [server] = servers
  assert.ok(server)
  server.on('message', (message, from) => server.send(`${message.toString()}!`, from.port, from.address))
  const client = network.connectUdp({ address: '127.0.0.1', port: 5353 })
  await once(client, 'connect')
  client.send('ping')
  const [answer] = (await once(client, 'message')) as [Buffer]
  assert.equal(answer.toString(), 'ping!')
  const outside = createPlainNetwork({}).connectUdp({ address: '127.0.0.1', port: 5353 })
  await once(outside, 'connect')
  outside.send('ping')
  const [error] = (await once(outside, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
  for (const socket of [server, client, outside]) socket.close()
})

test('of several addresses in the namespace the first that answers is used', { skip }, async () => {
  const accepted: Socket[] = []
  const bound = await network.listen({
    address: '127.0.0.2',
    port: 0,
    onConnection: (socket) => {
      accepted.push(socket)
      socket.resume()
      socket.end('here')
    },
  })
  const onread = { buffer: Buffer.alloc(64), callback: () => true }
  let received = ''
  const reader = {
    buffer: Buffer.alloc(64),
    callback(bytes: number, buffer: Uint8Array) {
      received += Buffer.from(buffer.subarray(0, bytes)).toString()
      return true
    },
  }
  const socket = new Socket({ onread: reader }).connect({
    host: 'endpoint.invalid',
    port: bound.port,
    lookup: pendingLookup,
  })
  race(socket, {
    addresses: ['127.0.0.9', '::1', '127.0.0.2'],
    connect: (address) => network.connect({ address, port: bound.port, onread }),
    wheel: createTimerWheel(systemClock),
    header: undefined,
  })
  socket.resume()
  await once(socket, 'end')
  assert.equal(received, 'here')
  bound.close()
  for (const one of [socket, ...accepted]) one.destroy()
})

test('a socket for datagrams in a namespace that is gone fails like any other', { skip }, async () => {
  const gone = createNamespacedNetwork({ netns: '/run/netns/lateen-absent', mark: 1337 })
  const [error] = (await once(gone.connectUdp({ address: '127.0.0.1', port: 53 }), 'error')) as [Error]
  assert.match(error.message, /open \/run\/netns\/lateen-absent/)
  await assert.rejects(
    gone.listenUdp({
      address: '127.0.0.1',
      port: 53,
      onSockets: () => {},
      onLeaving: () => {},
      onLeave: () => {},
    }),
    /lateen-absent/,
  )
})
