import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const MAIN = join(import.meta.dirname, '../main.ts')
const START_MS = 20_000

test('serve starts with the defaults of its options, and ends when it is asked to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-serve-'))
  const port = await freePort()
  const file = join(folder, 'routes.yaml')
  writeFileSync(file, direct(port))
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'serve', '--admin-port', '0', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  try {
    const deadline = Date.now() + START_MS
    let body = ''
    while (body === '') {
      assert.ok(child.exitCode === null && Date.now() < deadline, output)
      body = await fetch(`http://127.0.0.1:${port}/`).then(
        (response) => response.text(),
        () => '',
      )
      await sleep(20)
    }
    assert.equal(body, 'here')
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
})

function direct(port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec: { servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ['*'] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all }
spec: { hosts: ['*'], gateways: [edge], http: [{ directResponse: { status: 200, body: { string: here } } }] }
`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
