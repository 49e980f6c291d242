/** Active health checks: the state of a host, and the ways to ask for it. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { createManualClock, createSeededRandom } from '../../base/index.ts'
import type { HealthCheck } from '../../model/index.ts'
import { ok, respondWith, until } from '../testing.ts'
import { createHealthChecker, type ProbeOutcome } from './health.ts'
import { bodyOf, createPolicyBench } from './testing.ts'

const POLICY: HealthCheck = {
  probe: { kind: 'tcp' },
  intervalMs: 1000,
  timeoutMs: 100,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
}

describe('the health of a host', () => {
  function setUp() {
    const clock = createManualClock()
    const open = new Map<string, (outcome: ProbeOutcome) => void>()
    let probes = 0
    let changes = 0
    const checker = createHealthChecker<string>({
      policy: POLICY,
      probe(host, done) {
        probes++
        open.set(host, done)
        return () => open.delete(host)
      },
      clock,
      random: createSeededRandom(1),
      onChange: () => changes++,
    })
    /** The outcome of the probe under way; the next one begins. */
    const end = (host: string, outcome: ProbeOutcome): boolean => {
      open.get(host)?.(outcome)
      clock.advance(1100)
      return checker.isHealthy(host)
    }
    return { clock, checker, end, open, probes: () => probes, changes: () => changes }
  }

  test('is taken for granted at first, and lost after so many silent probes in a row', () => {
    const { checker, end, changes } = setUp()
    checker.follow(['a'])
    assert.equal(checker.isHealthy('a'), true)
    const seen = (['healthy', 'silent', 'silent', 'healthy', 'silent', 'silent', 'silent'] as const).map(
      (outcome) => end('a', outcome),
    )
    assert.deepEqual(seen, [true, true, true, true, true, true, false])
    assert.equal(changes(), 1)
  })

  test('is lost at once when the host says so, or when its first probe fails', () => {
    const known = setUp()
    known.checker.follow(['a'])
    assert.equal(known.end('a', 'healthy'), true)
    assert.equal(known.end('a', 'sick'), false)
    const unknown = setUp()
    unknown.checker.follow(['a'])
    assert.equal(unknown.end('a', 'silent'), false)
  })

  test('comes back after so many successes in a row', () => {
    const { checker, end } = setUp()
    checker.follow(['a'])
    const seen = (['sick', 'healthy', 'sick', 'healthy', 'healthy'] as const).map((outcome) =>
      end('a', outcome),
    )
    assert.deepEqual(seen, [false, false, false, false, true])
  })

  test('of a host that comes later is shown by its first success', () => {
    const { checker, end } = setUp()
    checker.follow(['a'])
    checker.follow(['a', 'b'])
    assert.equal(checker.isHealthy('b'), false)
    assert.equal(end('b', 'healthy'), true)
  })

  test('is not known in time when a probe takes too long', () => {
    const { clock, checker, open } = setUp()
    checker.follow(['a'])
    clock.advance(100)
    assert.equal(checker.isHealthy('a'), false)
    assert.equal(open.size, 0)
  })

  test('of a host that is gone is not asked for any more', () => {
    const { clock, checker, open, probes } = setUp()
    checker.follow(['a'])
    checker.follow([])
    assert.equal(open.size, 0)
    clock.advance(5000)
    assert.equal(probes(), 1)
  })
})

describe('a cluster with health checks', () => {
  const fast = { intervalMs: 10, timeoutMs: 2000, healthyThreshold: 1, unhealthyThreshold: 1 }

  /** Two endpoints, of which the second can be sick. */
  async function watch(options: {
    readonly probe: HealthCheck['probe']
    readonly server: (name: string) => (socket: Socket) => void
    readonly protocol?: 'http' | 'grpc'
    readonly setSick: (isSick: boolean) => void
  }): Promise<void> {
    const bench = await createPolicyBench({
      traffic: { balancer: { kind: 'round-robin' }, healthCheck: { ...fast, probe: options.probe } },
      servers: ['one', 'two'].map(options.server),
      ...(options.protocol && { protocol: options.protocol }),
    })
    const sickCount = () =>
      bench
        .cluster()
        .hosts()
        .filter((host) => !bench.cluster().isWell(host)).length
    const bodies = async () =>
      new Set((await Promise.all(Array.from({ length: 6 }, () => bench.get()))).map(bodyOf))
    try {
      await until(() => sickCount() === 0, 'both are well')
      options.setSick(true)
      await until(() => sickCount() === 1, 'one is sick')
      assert.deepEqual(await bodies(), new Set(['one']))
      options.setSick(false)
      await until(() => sickCount() === 0, 'both are well again')
      assert.deepEqual(await bodies(), new Set(['one', 'two']))
    } finally {
      bench.close()
    }
  }

  test('of HTTP leaves out who answers with another status', async () => {
    let isSick = false
    await watch({
      probe: { kind: 'http', path: '/healthz', host: 'health', statuses: [{ from: 200, to: 299 }] },
      server: (name) =>
        respondWith((head) => {
          if (!head.startsWith('GET /healthz HTTP/1.1\r\nhost: health\r\n')) return ok(name)
          return isSick && name === 'two' ? 'HTTP/1.1 500 Sick\r\nContent-Length: 0\r\n\r\n' : ok('')
        }),
      setSick: (value) => (isSick = value),
    })
  })

  test('of gRPC asks the health service', async () => {
    let isSick = false
    const serverOf = (name: string) =>
      createServer((request, response) => {
        const isProbe = request.url === '/grpc.health.v1.Health/Check'
        const asked: Buffer[] = []
        request.on('data', (chunk: Buffer) => asked.push(chunk))
        request.on('end', () => {
          if (!isProbe) {
            response.setHeader('content-length', name.length)
            return response.end(name)
          }
          const isKnown = Buffer.concat(asked).equals(Buffer.from([0, 0, 0, 0, 3, 0x0a, 1, 0x73]))
          response.writeHead(200, { 'content-type': 'application/grpc' })
          return response.end(Buffer.from([0, 0, 0, 0, 2, 8, isKnown && !(isSick && name === 'two') ? 1 : 2]))
        })
      })
    await watch({
      probe: { kind: 'grpc', service: 's' },
      protocol: 'grpc',
      server: (name) => {
        const server = serverOf(name)
        return (socket) => server.emit('connection', socket)
      },
      setSick: (value) => (isSick = value),
    })
  })

  test('of TCP leaves out who takes no connection, and picks nobody when none is left', async () => {
    const bench = await createPolicyBench({
      traffic: { healthCheck: { ...fast, probe: { kind: 'tcp' } } },
      servers: [respondWith(() => ok('one'))],
    })
    try {
      assert.match(await bench.get(), /^HTTP\/1.1 200/)
      bench.servers[0]?.close()
      await until(
        () =>
          bench
            .cluster()
            .hosts()
            .every((host) => !bench.cluster().isWell(host)),
        'it is sick',
      )
      assert.match(await bench.get(), /^HTTP\/1.1 503/)
      assert.match(bench.proxy.logLines.at(-1) ?? '', /503 UH no_healthy_upstream/)
    } finally {
      bench.close()
    }
  })
})
