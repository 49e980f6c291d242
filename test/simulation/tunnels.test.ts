import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createProxyStage, HTTP_PORT, type ProxyStage, TLS_PORT, type Wire } from '../../fuzz/proxy-stage.ts'
import { helloRecords } from '../../fuzz/targets/tls.ts'

/* Bytes that pass in both directions, each as fast as its receiver takes them, each ended on its own. */

const UPGRADE = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'
/** More than the network holds, less than the proxy keeps for a slow reader. */
const BYTES = 30_000
const CAPACITY = 3000

interface Tunnel {
  readonly stage: ProxyStage
  readonly client: Wire
  readonly server: Wire
}

async function webSocket(): Promise<Tunnel> {
  const stage = await createProxyStage('http', () => {}, { capacity: CAPACITY })
  const client = stage.connect(HTTP_PORT)
  await stage.settle()
  client.stream.send(UPGRADE)
  await stage.settle()
  const [server] = stage.served
  assert.ok(server)
  server.stream.send(SWITCHED)
  await stage.settle()
  return { stage, client, server }
}

async function tls(): Promise<Tunnel> {
  const stage = await createProxyStage('http', () => {}, { capacity: CAPACITY })
  const client = stage.connect(TLS_PORT)
  await stage.settle()
  client.stream.send(helloRecords[0] as Buffer)
  await stage.settle()
  const [server] = stage.served
  assert.ok(server)
  return { stage, client, server }
}

for (const [name, open] of Object.entries({ 'a WebSocket': webSocket, 'TLS that is passed on': tls })) {
  describe(name, () => {
    for (const [from, to] of [
      ['client', 'server'],
      ['server', 'client'],
    ] as const) {
      test(`brings all that the ${from} has sent, though the ${to} is slow and has ended long before`, async () => {
        const { stage, ...ends } = await open()
        const before = ends[to].received().length
        ends.client.closesToo = ends.server.closesToo = false
        ends[to].stream.finish('half-close')
        ends[to].stream.pause()
        await stage.settle()
        ends[from].stream.send(Buffer.alloc(BYTES))
        ends[from].stream.finish('half-close')
        await stage.settle(4000)
        ends[to].stream.resume()
        await stage.settle(20_000)
        assert.equal(ends[to].received().length - before, BYTES)
        assert.equal(ends[to].ended(), 'end')
        await stage.close()
      })

      test(`brings all that the ${from} has sent before it closed, though the ${to} is slow`, async () => {
        const { stage, ...ends } = await open()
        const before = ends[to].received().length
        ends[to].stream.pause()
        ends[from].stream.send(Buffer.alloc(BYTES))
        ends[from].stream.finish('close')
        await stage.settle(4000)
        ends[to].stream.resume()
        await stage.settle(20_000)
        assert.equal(ends[to].received().length - before, BYTES)
        await stage.close()
      })

      test(`tells the ${to} that the ${from} has broken off`, async () => {
        const { stage, ...ends } = await open()
        ends[from].stream.finish('reset')
        await stage.settle(100)
        assert.notEqual(ends[to].ended(), 'open')
        await stage.close()
      })
    }
  })
}
