/** Chromium before a gateway with TLS: it offers WebSocket over HTTP/2, which no other client at hand does by itself. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { WebSocketServer } from 'ws'
import { startGateway } from '../../src/proxy/testing-gateway.ts'
import { createTestAuthority } from '../../src/proxy/tls/testing/authority.ts'

const CHROMIUM = spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], {
  encoding: 'utf8',
}).stdout.trim()

/** Runs in the page. @returns the lengths of what came back, and the code of the end */
const TALK = `new Promise((resolve) => {
  const socket = new WebSocket('wss://' + location.host + '/talk')
  const lengths = []
  socket.onopen = () => { socket.send('short'); socket.send('x'.repeat(200000)) }
  socket.onmessage = ({ data }) => { if (lengths.push(data.length) === 2) socket.close() }
  socket.onclose = ({ code }) => resolve({ lengths, code })
})`

test('a page and its WebSocket share a connection of HTTP/2', async (t) => {
  assert.notEqual(CHROMIUM, '', 'chromium is not installed: apt-get install chromium')
  const app = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<title>hello</title>')
  })
  new WebSocketServer({ server: app }).on('connection', (socket) =>
    socket.on('message', (data: Buffer) => socket.send(data.toString())),
  )
  await once(app.listen(0, '127.0.0.1'), 'listening')
  const authority = createTestAuthority()
  const gateway = await startGateway({
    upstreamPort: (app.address() as { port: number }).port,
    certificate: authority.issue(['localhost']),
    log: '%PROTOCOL% %REQ(:PATH)% %RESPONSE_CODE% %DOWNSTREAM_REMOTE_PORT%\n',
  })
  const profile = mkdtempSync(join(tmpdir(), 'lateen-chromium-'))
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    ignoreHTTPSErrors: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  })
  t.after(async () => {
    await browser.close()
    rmSync(profile, { recursive: true, force: true })
    gateway.close()
    authority.close()
    app.close()
    app.closeAllConnections()
  })
  const page = await browser.newPage()
  await page.goto(`https://localhost:${gateway.port}/`)
  assert.equal(await page.title(), 'hello')
  assert.deepEqual(await page.evaluate(TALK), { lengths: [5, 200_000], code: 1005 })
  const lines = (await gateway.logged(2)).split('\n')
  const ofPage = /^HTTP\/2 \/ 200 (\d+)$/.exec(lines[0] ?? '')?.[1]
  assert.ok(lines.includes(`HTTP/2 /talk 101 ${ofPage}`), lines.join('; '))
})
