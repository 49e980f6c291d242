import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, get, type Server } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { systemClock } from '../base/index.ts'
import { backendRef, gatewayFile, hostFile } from './testing.ts'

const MAIN = join(import.meta.dirname, '../cli/main.ts')
const DEADLINE_MS = 20_000

describe('processes of lateen serve', () => {
  let folder = ''
  let app: Server
  let port = 0
  let adminPort = 0
  const processes: ChildProcess[] = []
  const asking: { readonly stop: () => void }[] = []

  before(async () => {
    app = createServer((request, response) => {
      // One that is asked for something slow is not done before the test is.
      if (request.url !== '/slow') response.end('app')
    }).listen(0, '127.0.0.1')
    await once(app, 'listening')
  })
  after(() => {
    app.close()
    app.closeAllConnections()
  })
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lateen-restart-'))
    ;[port, adminPort] = [await freePort(), await freePort()]
    writeFileSync(
      join(folder, 'all.yaml'),
      `${gatewayFile(port)}${hostFile('app', [(app.address() as AddressInfo).port])}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [${backendRef('app')}] }] }
`,
    )
  })
  afterEach(async () => {
    for (const one of asking.splice(0)) one.stop()
    for (const child of processes.splice(0)) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    rmSync(folder, { recursive: true })
  })

  /** Takes the place of the one before, if there is one. */
  function start(...words: readonly string[]): ChildProcess {
    const args = [
      '--disable-warning=ExperimentalWarning',
      MAIN,
      'serve',
      join(folder, 'all.yaml'),
      '--address=127.0.0.1',
      `--admin-port=${adminPort}`,
      '--drain-time=60s',
      `--hot-restart-socket=${join(folder, 'restart.sock')}`,
      ...words,
    ]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    processes.push(child)
    return child
  }

  async function untilServed(epoch: number): Promise<void> {
    await until(`epoch ${epoch} serves`, async () => {
      const answer = await page('/server_info').catch(() => '')
      return answer.includes(`"restart_epoch": ${epoch}`) && existsSync(join(folder, 'restart.sock'))
    })
  }

  async function page(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${adminPort}${path}`, { headers: { connection: 'close' } })).text()
  }

  test('workers even out the connections that clients keep', async () => {
    start('--concurrency', '2')
    await untilServed(0)
    const clients: Socket[] = []
    for (let i = 0; i < 64; i++) {
      const client = connect(port, '127.0.0.1')
      await once(client, 'connect')
      clients.push(client)
    }
    await until('the workers have evened out', async () => {
      const found = [
        ...(await page('/stats/prometheus')).matchAll(
          /worker_downstream_cx_active\{worker="worker_\d"\} (\d+)/g,
        ),
      ]
      const counts = found.map(([, count]) => Number(count))
      const [one = 0, two = 0] = counts
      return one + two === 64 && Math.abs(one - two) <= 6
    })
    for (const client of clients) client.destroy()
  })

  test('a successor takes the place with no failed request, and goes on counting', async () => {
    start()
    await untilServed(0)
    const load = startRequests(port)
    await until('some requests are answered', async () => load.answered() > 20)
    const kept = connect(port, '127.0.0.1')
    await once(kept, 'connect')
    start('--concurrency', '2')
    await untilServed(1)
    kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const [bytes] = (await once(kept, 'data', { signal: AbortSignal.timeout(DEADLINE_MS) })) as [Buffer]
    assert.match(bytes.toString('latin1'), /^HTTP\/1.1 200/, 'a connection from before is answered')
    kept.destroy()
    const at = load.answered()
    await until('the successor has answered', async () => load.answered() > at + 20)
    const { answered, failures } = await load.stop()
    assert.deepEqual(failures, [])
    await until('all requests are counted', async () => {
      const found = /istio_requests_total\{.*response_code="200".*\} (\d+)/.exec(
        await page('/stats/prometheus'),
      )
      return Number(found?.[1]) >= answered
    })
  })

  for (const isKilled of [false, true]) {
    test(`a connection outlives two restarts${isKilled ? ', and the end of the process between' : ''}`, async () => {
      const first = start()
      await untilServed(0)
      const kept = connect(port, '127.0.0.1')
      await once(kept, 'connect')
      const second = start()
      await untilServed(1)
      start()
      await untilServed(2)
      if (isKilled) {
        second.kill('SIGKILL')
        await once(second, 'exit')
      }
      // Longer than a process without connections takes to end.
      for (let request = 0; request < 20; request++) {
        assert.equal(await ask(port, false), 200)
        await systemClock.sleep(20)
      }
      kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const [bytes] = (await once(kept, 'data', { signal: AbortSignal.timeout(DEADLINE_MS) })) as [Buffer]
      assert.match(bytes.toString('latin1'), /^HTTP\/1.1 200/)
      assert.match(await page('/server_info'), /"restart_epoch": 2/)
      const ended = [first, second].filter(({ signalCode }) => signalCode === null)
      const exits = ended.map((process) => once(process, 'exit'))
      kept.destroy()
      for (const [code] of await Promise.all(exits)) assert.equal(code, 0)
    })
  }

  test('a client of datagrams keeps its endpoint, others go to the successor, and none waits in vain', async () => {
    // It says from where it was asked: another session asks from another port.
    const echo = await udpSocket((message, from) => `${message} ${from}`)
    const udpPort = await freePort()
    writeFileSync(join(folder, 'all.yaml'), udpFiles(udpPort, echo.address().port))
    start()
    await untilServed(0)
    const old = await Promise.all(Array.from({ length: 8 }, () => startAsking(udpPort)))
    asking.push(...old, { stop: () => echo.close() })
    await until('all are answered', async () => old.every((client) => client.answers() > 3))
    let over = false
    const fresh = (async () => {
      for (; !over; await systemClock.sleep(2)) {
        const client = await startAsking(udpPort)
        asking.push(client)
        await until('a new client is answered', async () => client.answers() > 0)
      }
    })()
    start('--concurrency', '2')
    await untilServed(1)
    const at = old.map((client) => client.answers())
    await until('all are answered again', async () =>
      old.every((client, i) => client.answers() > (at[i] ?? 0) + 20),
    )
    over = true
    await fresh
    assert.deepEqual(
      old.map((client) => client.endpoints()),
      old.map(() => 1),
    )
  })

  test('a WebSocket goes on in the old process until its drain time is over', async () => {
    app.once('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n')
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    const first = start('--drain-time=4s')
    await untilServed(0)
    const exit = once(first, 'exit')
    const client = connect(port, '127.0.0.1')
    let received = ''
    let ended = false
    client.on('error', () => {})
    client.on('data', (bytes) => (received += bytes.toString('latin1')))
    client.on('close', () => (ended = true))
    client.write(
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await until('it is open', async () => received.startsWith('HTTP/1.1 101'))
    start()
    await untilServed(1)
    client.write('still here')
    await until('it is answered', async () => received.endsWith('still here'))
    await until('it is closed', async () => ended)
    assert.equal((await exit)[0], 0)
    assert.equal(await ask(port, false), 200)
  })

  test('whichever process is killed, the other one serves', async () => {
    const first = start()
    await untilServed(0)
    const held = connect(port, '127.0.0.1')
    await once(held, 'connect')
    held.on('error', () => {})
    held.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    const second = start()
    await untilServed(1)
    // The first still has a connection: it serves again.
    second.kill('SIGKILL')
    await untilServed(0)
    assert.equal(await ask(port, false), 200)
    start()
    await untilServed(1)
    first.kill('SIGKILL')
    assert.equal(await ask(port, false), 200)
    held.destroy()
  })
})

async function udpSocket(answer: (message: string, from: number) => string): Promise<UdpSocket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.on('message', (message, from) =>
    socket.send(answer(message.toString(), from.port), from.port, from.address),
  )
  return socket
}

/** One datagram after the other, each when the one before was answered; a lost one would be the last. */
async function startAsking(port: number) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const endpoints = new Set<string>()
  let asked = 0
  let answers = 0
  let over = false
  const ask = () => {
    if (!over) socket.send(String(++asked), port, '127.0.0.1')
  }
  socket.on('message', (message) => {
    const [number, from = ''] = message.toString().split(' ')
    assert.equal(Number(number), asked)
    answers++
    endpoints.add(from)
    setTimeout(ask, 5)
  })
  ask()
  return {
    answers: () => answers,
    endpoints: () => endpoints.size,
    stop() {
      over = true
      socket.close()
    },
  }
}

function udpFiles(port: number, backend: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  gatewayClassName: istio
  listeners: [{ name: udp, port: ${port}, protocol: UDP }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: echo }
spec:
  hosts: [echo.example]
  resolution: STATIC
  ports: [{ number: 53, name: udp-echo, protocol: UDP }]
  endpoints: [{ address: 127.0.0.1, ports: { udp-echo: ${backend} } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: { name: echo }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ backendRefs: [{ group: networking.istio.io, kind: Hostname, name: echo.example, port: 53 }] }]
`
}

/** One request after the other, on kept and on new connections. */
function startRequests(port: number) {
  const failures: string[] = []
  let answered = 0
  let over = false
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  const loop = async (agent: Agent | false) => {
    while (!over) {
      try {
        const status = await ask(port, agent)
        if (status !== 200) failures.push(`status ${status}`)
        answered++
      } catch (error) {
        failures.push(String(error))
      }
    }
  }
  const loops = [loop(kept), loop(kept), loop(false)]
  return {
    answered: () => answered,
    async stop() {
      over = true
      await Promise.all(loops)
      kept.destroy()
      return { answered, failures }
    },
  }
}

function ask(port: number, agent: Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent, timeout: DEADLINE_MS }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    }).on('error', reject)
  })
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `waited in vain until ${what}`)
    await systemClock.sleep(10)
  }
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
