import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { startPoller } from './poller.ts'

let version = '1.0.0'
const sockets = new Set<unknown>()
const server = createServer((request, response) => {
  if (request.url === '/known') response.setHeader('x-version', version)
  response.statusCode = 404
  response.end()
}).on('connection', (socket) => sockets.add(socket))

before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => server.close())

test('the poller tells the first answer that is as wanted, all over one connection', async () => {
  const poller = startPoller({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  assert.equal((await poller.until('/known', (seen) => seen.version !== undefined)).version, '1.0.0')
  const changed = poller.until('/known', (seen) => seen.version === '2.0.0')
  const at = performance.now()
  version = '2.0.0'
  assert.ok((await changed).at >= at)
  assert.equal((await poller.until('/other', (seen) => seen.version === undefined)).status, 404)
  await poller.stop()
  assert.equal(sockets.size, 1)
})

test('a server that goes away fails the wait at once', async () => {
  const poller = startPoller({ host: '127.0.0.1', port: 1 })
  await assert.rejects(
    poller.until('/', () => true),
    /ECONNREFUSED/,
  )
  await assert.rejects(poller.stop(), /ECONNREFUSED/)
})
