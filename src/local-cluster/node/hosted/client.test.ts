import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLogger, systemClock, systemRandom } from '../../../base/index.ts'
import { encodeJsonLine, NODE_PROXY_PROTOCOL_VERSION, type NodeProxyEvent } from '../../../linux/index.ts'
import { createHostedClient, type HostedClient } from './client.ts'

const ID = 'sidecar-1'
const HELLO: NodeProxyEvent = {
  op: 'hello',
  version: NODE_PROXY_PROTOCOL_VERSION,
  instances: [{ id: ID, startedAt: 0, ready: true }],
}

let folder = ''
let path = ''
let client: HostedClient

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-hosted-'))
  path = join(folder, 'proxy.sock')
  client = createHostedClient({
    socketPath: path,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
})
afterEach(() => {
  client.close()
  rmSync(folder, { recursive: true })
})

test('readiness stands while one node proxy process takes the place of another, however often the path is not there', async () => {
  const said: boolean[] = []
  let attempts = 0
  client.adopt({ id: ID } as Parameters<HostedClient['adopt']>[0])
  client.follow(ID, { onReady: (ready) => said.push(ready), onExited: () => assert.fail('it has not ended') })
  const first = await serve()
  client.connect()
  const [agent] = (await once(first, 'connection')) as [Socket]
  agent.write(encodeJsonLine(HELLO))
  await until(() => said.length === 1)
  first.close()
  agent.destroySoon()
  await once(first, 'close')
  // What refuses counts the attempts that fail.
  const refusing = createServer((socket) => socket.destroy())
  refusing.on('connection', () => attempts++)
  refusing.listen(path)
  await until(() => attempts >= 3)
  refusing.close()
  await once(refusing, 'close')
  const second = await serve()
  const [again] = (await once(second, 'connection')) as [Socket]
  again.write(encodeJsonLine(HELLO))
  await until(() => said.length === 2)
  assert.deepEqual(said, [true, true])
  again.destroy()
  second.close()
})

async function serve(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).resume())
  server.listen(path)
  await once(server, 'listening')
  return server
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'waited in vain')
    await systemClock.sleep(5)
  }
}
