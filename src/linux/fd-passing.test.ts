import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectUnix, duplicateFd, receiveWithFds, sendWithFds } from './fd-passing.ts'
import { closeFd, openTcpListener, socketFd } from './sockets.ts'

test('descriptors go through a Unix socket, and work at the other end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-fds-'))
  const path = join(folder, 'socket')
  const server = createServer().listen(path)
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connectUnix(path)
  assert.ok(client !== undefined)
  const [peer] = await accepted
  assert.equal(receiveWithFds(client), undefined)
  const listeners = Array.from({ length: 3 }, () =>
    openTcpListener({ address: '127.0.0.1', port: 0, backlog: 16 }),
  )
  assert.equal(sendWithFds(socketFd(peer) as number, Buffer.from('hello'), listeners), 5)
  const received = receiveWithFds(client)
  assert.equal(Buffer.from(received?.bytes ?? []).toString(), 'hello')
  assert.equal(received?.fds.length, 3)
  for (const fd of listeners) closeFd(fd)
  const [first = -1, ...rest] = received?.fds ?? []
  for (const fd of rest) closeFd(fd)
  const copy = duplicateFd(first)
  closeFd(first)
  const taken = new Server()
  taken.listen({ fd: copy }, 16)
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const connection = new Socket().connect(port, '127.0.0.1')
  await once(taken, 'connection').then(([socket]) => (socket as Socket).destroy())
  connection.destroy()
  taken.close()
  peer.destroy()
  server.close()
  assert.equal(receiveWithFds(client)?.bytes.length, 0, 'the peer has closed')
  closeFd(client)
  rmSync(folder, { recursive: true })
})

test('where nobody listens there is no connection', () => {
  assert.equal(connectUnix(join(tmpdir(), `lateen-none-${process.pid}`)), undefined)
  assert.throws(() => connectUnix(`/tmp/${'x'.repeat(120)}`), /too long/)
})
