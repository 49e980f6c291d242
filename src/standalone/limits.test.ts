/** What bounds a process as a whole, however many threads it serves with. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, test } from 'node:test'
import { backendRef, createServeBench, gatewayFile, hostFile, type ServeBench } from './testing.ts'

describe('lateen serve with two workers', () => {
  let bench: ServeBench
  const clients: Socket[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy()
    await bench.stop()
  })

  /** A request on a connection of its own. @returns the first line of its answer, once there is one */
  async function request(): Promise<() => string> {
    const client = connect(bench.port, '127.0.0.1')
    clients.push(client)
    await once(client, 'connect')
    let answer = ''
    client.on('data', (chunk) => (answer += chunk.toString('latin1')))
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    return () => answer.slice(0, answer.indexOf('\r\n'))
  }

  test('takes as many requests as a DestinationRule says, not so many for each', async () => {
    bench = await createServeBench({ concurrency: 2 })
    const held: ServerResponse[] = []
    const app = await bench.backend((_request, response) => void held.push(response))
    bench.write(
      'all.yaml',
      `${gatewayFile(bench.port)}${hostFile('app', [app])}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [${backendRef('app')}] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: app }
spec:
  host: app.example
  trafficPolicy: { connectionPool: { http: { http2MaxRequests: 3 } } }
`,
    )
    await bench.start()
    let answered = 0
    for (let i = 0; i < 8; i++) {
      const answer = await request()
      await bench.until(`request ${i} is held or refused`, () => {
        if (answer() !== '') answered++
        return held.length + answered === i + 1
      })
    }
    assert.equal(held.length, 3)
    const counts = [
      ...(await bench.admin('/stats/prometheus')).matchAll(
        /worker_downstream_cx_active\{worker="worker_\d"\} (\d+)/g,
      ),
    ]
    assert.ok(
      counts.every(([, count]) => Number(count) > 0),
      'both workers serve',
    )
    // One that is answered makes room for another, whichever worker has it.
    held.pop()?.end()
    await bench.until('there is room', async () => {
      const again = await request()
      await bench.until('it is held or refused', () => held.length === 3 || again() !== '')
      return held.length === 3
    })
  })
})

test('lateen serve without memory answers requests with 503, and says why in its log', async () => {
  const MORE = 200 * 1024 * 1024
  const log: string[] = []
  const bench = await createServeBench({
    memoryMax: process.memoryUsage.rss() + MORE,
    accessLog: true,
    writeLog: (line) => log.push(line),
  })
  const app = await bench.backend((_request, response) => void response.end('app'))
  bench.write(
    'all.yaml',
    `${gatewayFile(bench.port)}${hostFile('app', [app])}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [${backendRef('app')}] }] }
`,
  )
  const client = new Socket()
  try {
    await bench.start()
    client.connect(bench.port, '127.0.0.1')
    await once(client, 'connect')
    let answer = ''
    client.on('data', (chunk) => (answer += chunk.toString('latin1')))
    client.on('error', () => {})
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await bench.until('it is answered', () => answer.endsWith('app'))
    answer = ''
    const ballast = Buffer.alloc(MORE, 1)
    await bench.until('it is overloaded', () => bench.log().includes('overload: requests are refused'))
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await bench.until('it is refused', () => answer.startsWith('HTTP/1.1 503'))
    assert.match(answer, /\r\nconnection: close\r\n/)
    await bench.until('it is logged', () => log.some((line) => line.includes(' 503 OM overload ')))
    assert.equal(ballast.length, MORE)
  } finally {
    client.destroy()
    await bench.stop()
  }
})
