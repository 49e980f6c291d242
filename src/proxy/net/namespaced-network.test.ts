import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { createNamespacedNetwork } from './namespaced-network.ts'
import { createPlainNetwork } from './network.ts'

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
  const server = await network.bindUdp({ address: '127.0.0.1', port: 5353 })
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

test('a socket for datagrams in a namespace that is gone fails like any other', { skip }, async () => {
  const gone = createNamespacedNetwork({ netns: '/run/netns/lateen-absent', mark: 1337 })
  const [error] = (await once(gone.connectUdp({ address: '127.0.0.1', port: 53 }), 'error')) as [Error]
  assert.match(error.message, /open \/run\/netns\/lateen-absent/)
  await assert.rejects(gone.bindUdp({ address: '127.0.0.1', port: 53 }), /lateen-absent/)
})
