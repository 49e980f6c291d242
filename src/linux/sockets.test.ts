import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { originalDestination, openTcpListener, openTcpSocket, openUdpSocket, socketFd } from './index.ts'
import dgram from 'node:dgram'
import { once } from 'node:events'

const NAMESPACE = `lateen-test-${process.pid}`
const NETNS = `/run/netns/${NAMESPACE}`
const ROOT = process.getuid?.() === 0
const skip = ROOT ? false : 'network namespaces need root'

const RULES = `
table ip test {
  chain output {
    type nat hook output priority -100
    meta mark 1337 return
    ip daddr 10.96.0.0/16 tcp dport 80 redirect to :15001
  }
}`

before(() => {
  if (!ROOT) return
  const commands = ['link set lo up', 'addr add 10.99.0.1/32 dev lo', 'addr add 10.96.0.10/32 dev lo']
  execFileSync('ip', ['netns', 'add', NAMESPACE])
  execFileSync('ip', ['-n', NAMESPACE, '-batch', '-'], { input: commands.join('\n') })
  execFileSync('ip', ['netns', 'exec', NAMESPACE, 'nft', '-f', '-'], { input: RULES })
})

after(() => {
  if (ROOT) execFileSync('ip', ['netns', 'del', NAMESPACE])
})

async function listen(port: number, onConnection: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer(onConnection)
  const fd = openTcpListener({ netns: NETNS, address: '0.0.0.0', port, reusePort: true, backlog: 128 })
  server.listen({ fd })
  await once(server, 'listening')
  return server
}

function connect(port: number, host: string, mark?: number): net.Socket {
  const fd = openTcpSocket({ netns: NETNS, family: 4, ...(mark === undefined ? {} : { mark }) })
  return new net.Socket({ fd, allowHalfOpen: false }).connect(port, host)
}

test('a listener and a connection made in another namespace carry bytes both ways', { skip }, async () => {
  const server = await listen(8080, (socket) => socket.pipe(socket))
  const client = connect(8080, '10.99.0.1')
  client.write('hello')
  const [chunk] = (await once(client, 'data')) as [Buffer]
  assert.equal(chunk.toString(), 'hello')
  client.destroy()
  server.close()
  await once(server, 'close')
})

test('a redirected connection tells where it was going', { skip }, async () => {
  const seen: unknown[] = []
  const server = await listen(15001, (socket) => {
    const fd = socketFd(socket)
    if (fd !== undefined) seen.push(originalDestination(fd))
    socket.end('x')
  })
  const client = connect(80, '10.96.0.10')
  await once(client, 'data')
  assert.deepEqual(seen, [{ address: '10.96.0.10', port: 80 }])
  client.destroy()
  server.close()
  await once(server, 'close')
})

test('a socket with the mark is not redirected', { skip }, async () => {
  const server = await listen(15001, (socket) => socket.end('captured'))
  const client = connect(80, '10.96.0.10', 1337)
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
  server.close()
  await once(server, 'close')
})

test('a UDP socket made in another namespace receives there', { skip }, async () => {
  const server = dgram.createSocket('udp4')
  server.bind({ fd: openUdpSocket({ netns: NETNS, family: 4, port: 5353 }) })
  const client = dgram.createSocket('udp4')
  client.bind({ fd: openUdpSocket({ netns: NETNS, family: 4 }) })
  client.send('ping', 5353, '10.99.0.1')
  const [message] = (await once(server, 'message')) as [Buffer]
  assert.equal(message.toString(), 'ping')
  server.close()
  client.close()
})

test('a failure names the call and the reason, and leaves no descriptor open', { skip }, () => {
  openTcpSocketAndForget()
  const before = readdirSync('/proc/self/fd').length
  assert.throws(
    () => openTcpListener({ netns: '/run/netns/lateen-absent', address: '0.0.0.0', port: 1, backlog: 1 }),
    /open \/run\/netns\/lateen-absent failed: ENOENT/,
  )
  assert.throws(
    () => openTcpListener({ netns: NETNS, address: '192.0.2.1', port: 1, backlog: 1 }),
    /bind 192\.0\.2\.1:1 failed: EADDRNOTAVAIL/,
  )
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

/** Loads the library, whose own descriptors would otherwise count. */
function openTcpSocketAndForget(): void {
  new net.Socket({ fd: openTcpSocket({ family: 4 }) }).destroy()
}
