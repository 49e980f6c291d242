import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger, systemClock, systemRandom } from '../base/index.ts'
import { serve } from './index.ts'

function files(port: number, backends: readonly number[]): string {
  const entries = backends.map(
    (backend, i) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: echo-${i} }
spec:
  hosts: [echo-${i}.example]
  resolution: STATIC
  ports: [{ number: 53, name: udp-echo, protocol: UDP }, { number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { udp-echo: ${backend} } }]
`,
  )
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  gatewayClassName: istio
  listeners: [{ name: udp, port: ${port}, protocol: UDP }]
${entries.join('')}`
}

function route(host: string, port: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: { name: echo }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ backendRefs: [{ group: networking.istio.io, kind: Hostname, name: ${host}, port: ${port} }] }]
`
}

async function bound(onMessage: (message: Buffer) => string | undefined): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.on('message', (message, from) => {
    const answer = onMessage(message)
    if (answer !== undefined) socket.send(answer, from.port, from.address)
  })
  return socket
}

test('datagrams are served from files, and follow a change of their route', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-udp-'))
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  const backends = await Promise.all(
    ['one', 'two'].map((name) => bound((message) => `${name} ${message.toString()}`)),
  )
  const free = await bound(() => undefined)
  const { port } = free.address()
  free.close()
  write(
    'base.yaml',
    files(
      port,
      backends.map((socket) => socket.address().port),
    ),
  )
  write('route.yaml', route('echo-0.example', 53))
  const abort = new AbortController()
  const lines: string[] = []
  const access: string[] = []
  let ended: Promise<void> | undefined
  const ports = await new Promise<readonly number[]>((resolve, reject) => {
    ended = serve({
      paths: [folder],
      address: '127.0.0.1',
      adminPort: undefined,
      accessLog: true,
      drainMs: 1000,
      version: 'test',
      writeLog: (line) => access.push(line),
      clock: systemClock,
      random: systemRandom,
      logger: createLogger({
        scope: 'serve',
        level: 'info',
        write: (line) => lines.push(line),
        now: () => 0,
      }),
      signal: abort.signal,
      onReady: resolve,
    })
    ended.catch(reject)
  })
  try {
    assert.deepEqual(ports, [port])
    const ask = async () => {
      const client = createSocket('udp4')
      const answer = once(client, 'message')
      client.send('hello', port, '127.0.0.1')
      const [message] = (await answer) as [Buffer]
      client.close()
      return message.toString()
    }
    assert.equal(await ask(), 'one hello')
    write('route.yaml', route('echo-1.example', 53))
    const deadline = Date.now() + 10_000
    while ((await ask()) !== 'two hello') assert.ok(Date.now() < deadline, lines.join(''))
    write('route.yaml', route('echo-1.example', 80))
    while (!lines.some((line) => line.includes('a UDPRoute needs one of UDP'))) {
      assert.ok(Date.now() < deadline, lines.join(''))
      await systemClock.sleep(5)
    }
  } finally {
    abort.abort()
    await ended
    for (const socket of backends) socket.close()
    rmSync(folder, { recursive: true })
  }
  assert.ok(
    access.some((line) => line.includes('outbound|53||echo-0.example')),
    access.join(''),
  )
})
