import assert from 'node:assert/strict'
import { connect } from 'node:tls'
import { after, before, describe, test } from 'node:test'
import { createKubeClient, httpsTransport, type KubeClient, KINDS } from '../../kube/client/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { configMap, startTestServer, type TestServer } from './testing.ts'

const COUNT = 1200
const DEADLINE_MS = 20_000
const INITIAL = {
  sendInitialEvents: true,
  resourceVersionMatch: 'NotOlderThan',
  allowWatchBookmarks: true,
} as const

let its: TestServer
let port: number
let overHttps: KubeClient
let close: () => void
before(async () => {
  its = await startTestServer()
  port = await its.server.listen({ host: '127.0.0.1', port: 0 })
  const { caCertificate: ca, admin } = its.pki
  const server = `https://127.0.0.1:${port}`
  const transport = httpsTransport({ server, ca, cert: admin.certificate, key: admin.key })
  overHttps = createKubeClient(transport)
  close = transport.close
  const payload = 'ä'.repeat(500)
  await Promise.all(
    Array.from({ length: COUNT }, (_, index) =>
      its.client.create(KINDS.configMap, configMap(`many-${index}`, { payload })),
    ),
  )
})
after(async () => {
  close()
  await its.stop()
})

describe('an answer that is sent in pieces', () => {
  test('holds every object of a list as it is now, also when it was listed before', async () => {
    for (let round = 0; round < 2; round += 1) {
      const listed = await overHttps.list<KubeObject>(KINDS.configMap, { namespace: 'default' })
      const inside = await its.client.list<KubeObject>(KINDS.configMap, { namespace: 'default' })
      assert.equal(listed.items.length, COUNT)
      assert.deepEqual(listed.items, JSON.parse(JSON.stringify(inside.items)))
      await its.client.patch(
        KINDS.configMap,
        'many-7',
        'default',
        { data: { round: '1' } },
        { type: 'merge' },
      )
    }
  })

  test('begins a watch with every object, and goes on with what happened meanwhile', async () => {
    const names: string[] = []
    const signal = AbortSignal.timeout(DEADLINE_MS)
    for await (const event of overHttps.watch<KubeObject>(KINDS.configMap, {
      namespace: 'default',
      ...INITIAL,
      signal,
    })) {
      if (names.length === 0) await its.client.create(KINDS.configMap, configMap('meanwhile'))
      names.push(event.type === 'BOOKMARK' ? 'BOOKMARK' : event.object.metadata.name)
      if (names.length === COUNT + 2) break
    }
    assert.equal(new Set(names).size, COUNT + 2)
    assert.deepEqual(names.slice(-2), ['BOOKMARK', 'meanwhile'])
  })

  test('is lines without chunks for a client of HTTP/1.0', async () => {
    const { caCertificate: ca, admin } = its.pki
    const socket = connect({ host: '127.0.0.1', port, ca, cert: admin.certificate, key: admin.key })
    const path = '/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name%3Dmany-1'
    socket.setEncoding('utf8').write(`GET ${path} HTTP/1.0\r\n\r\n`)
    let received = ''
    for await (const piece of socket) if ((received += piece).endsWith('}\n')) break
    const body = received.slice(received.indexOf('\r\n\r\n'))
    const { type, object } = JSON.parse(body) as { type: string; object: KubeObject }
    assert.equal(`${type} ${object.metadata.name}`, 'ADDED many-1')
  })
})
