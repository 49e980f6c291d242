import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { silentLogger, systemClock, systemRandom } from '../base/index.ts'
import { serve } from './index.ts'
import { serveFolder } from './testing.ts'

/** A gateway, two hosts of the outside world, and a route between them. */
function filesFor(port: number, backends: readonly number[]): string {
  const entries = backends.map(
    (backend, i) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: backend-${i} }
spec:
  hosts: [backend-${i}.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${backend} } }]
`,
  )
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ['*'] }]
${entries.join('')}`
}

function routeTo(host: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web }
spec:
  hosts: ['*']
  gateways: [edge]
  http: [{ route: [{ destination: { host: ${host} } }] }]
`
}

describe('lateen serve', () => {
  let folder = ''
  const backends: Server[] = []
  let port = 0
  let lines: string[] = []
  let abort = new AbortController()
  let ended: Promise<void> = Promise.resolve()

  before(async () => {
    for (const name of ['one', 'two']) {
      const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      backends.push(server)
    }
  })
  after(() => {
    for (const server of backends) server.close()
  })
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lateen-serve-'))
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    port = portOf(probe)
    probe.close()
    await once(probe, 'close')
    lines = []
    abort = new AbortController()
    write('base.yaml', filesFor(port, backends.map(portOf)))
    write('route.yaml', routeTo('backend-0.example'))
  })
  afterEach(async () => {
    abort.abort()
    await ended
    rmSync(folder, { recursive: true })
  })

  function write(name: string, text: string): void {
    writeFileSync(join(folder, name), text)
  }

  function start(): Promise<readonly number[]> {
    const served = serveFolder({ folder, lines, signal: abort.signal })
    ended = served.ended
    return served.ready
  }

  async function answer(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${port}/`)).text()
  }

  async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 10_000
    while (!(await condition())) {
      if (Date.now() > deadline) assert.fail(`waited in vain for ${what}\n${lines.join('')}`)
      await systemClock.sleep(5)
    }
  }

  test('serves Istio’s files, and what they become when they change', async () => {
    assert.deepEqual(await start(), [port])
    assert.equal(await answer(), 'one')
    write('route.yaml', routeTo('backend-1.example'))
    await until('the other backend', async () => (await answer()) === 'two')
  })

  test('goes on with the last good files when one becomes bad, and says where it is bad', async () => {
    await start()
    write('route.yaml', routeTo('backend-1.example').replace('hosts:', 'host:'))
    await until('the message', () => lines.some((line) => line.includes('goes on serving')))
    assert.ok(
      lines.some((line) => line.includes(`${join(folder, 'route.yaml')}:5:3: unknown field "spec.host"`)),
    )
    assert.equal(await answer(), 'one')
    write('route.yaml', routeTo('backend-1.example'))
    await until('the other backend', async () => (await answer()) === 'two')
  })

  test('warns of what is valid and leads nowhere, with its place', async () => {
    write('route.yaml', routeTo('nobody.example'))
    await start()
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 503)
    assert.ok(
      lines.some(
        (line) =>
          line.includes(`${join(folder, 'route.yaml')}:1: `) && line.includes('nobody.example is not known'),
      ),
      lines.join(''),
    )
  })

  test('does not start with bad files, with none, or on a port that is taken', async () => {
    write('route.yaml', 'nonsense')
    await assert.rejects(start(), /route\.yaml:1:1: not a Kubernetes object/)
    ended = Promise.resolve()
    write('route.yaml', routeTo('backend-0.example'))
    write('base.yaml', filesFor(portOf(backends[0]!), []))
    await assert.rejects(start(), /is in use by another process/)
    ended = Promise.resolve()
    const none = serve({
      paths: [join(folder, 'missing')],
      address: '127.0.0.1',
      adminPort: undefined,
      accessLog: false,
      drainMs: 0,
      version: 'test',
      writeLog: () => {},
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      signal: abort.signal,
    })
    await assert.rejects(none, /missing does not exist/)
  })

  test('a request under way is finished when it is asked to end', async () => {
    let release = () => {}
    const slow = createServer((_request, response) => {
      release = () => response.end('late')
    }).listen(0, '127.0.0.1')
    await once(slow, 'listening')
    write('base.yaml', filesFor(port, [portOf(slow)]))
    await start()
    const pending = answer()
    await once(slow, 'request')
    abort.abort()
    release()
    assert.equal(await pending, 'late')
    slow.close()
  })
})

function portOf(server: Server): number {
  return (server.address() as { port: number }).port
}
