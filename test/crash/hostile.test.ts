import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { systemClock } from '../../src/base/index.ts'
import { createPki, type Pki } from '../../src/local-cluster/apiserver/index.ts'
import { waitFor } from '../support/wait.ts'
import { BODY_CASES, type HostileCase, PATCH_CASES, PATH_CASES } from './hostile-cases.ts'
import { exchange, open, type RawAnswer, residentMiB, untilClosed } from './raw-client.ts'
import { pkiOf, type ServerProcess, startServer } from './server-process.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const IDLE_CONNECTIONS = 2000
const ABORTED_WATCHES = 300
/**
 * Measured are 260: a hundred from one object with 100,000 wrong labels, eighty from 2,000 connections, whose memory
 * the allocator keeps, sixty from bodies that the server holds at the same time.
 */
const GROWTH_MAX_MIB = 350
/** As `lateen up` starts the API server. */
const AS_IN_USE = ['env', 'NODE_OPTIONS=--max-semi-space-size=4'] as const
/** The head must be there within 10 s, the whole request within 30; the server looks every few seconds. */
const SLOW_HEAD_MAX_MS = 20_000
const SLOW_BODY_MAX_MS = 45_000

let directory: string
let pki: Pki
let server: ServerProcess
let admin: ConnectionOptions
let residentBefore: number
let slowHead: Promise<number | undefined>
let slowBody: Promise<number | undefined>

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lateen-hostile-'))
  pki = await pkiOf(directory)
  server = await startServer({ directory, enter: AS_IN_USE })
  admin = identity(pki.admin)
  await waitFor('the server', async () => (await ask({ path: '/readyz' })).status === 200)
  const headers = { 'content-type': 'application/json' }
  const body = '{"metadata":{"name":"kube-root-ca.crt","finalizers":["example.com/kept"]},"data":{"a":"b"}}'
  assert.equal((await ask({ method: 'POST', path: MAPS, headers, body })).status, 201)
  residentBefore = residentMiB(server.pid)
  slowHead = trickle('GET /api HTTP/1.1\r\nhost: localhost\r\nx-slow: ', SLOW_HEAD_MAX_MS)
  const post = `POST ${MAPS} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`
  slowBody = trickle(post, SLOW_BODY_MAX_MS)
})
after(async () => {
  await server.kill()
  rmSync(directory, { recursive: true })
})

function identity(issued?: { readonly certificate: string; readonly key: string }): ConnectionOptions {
  const to = { host: '127.0.0.1', port: server.port, ca: pki.caCertificate, servername: 'localhost' }
  return issued ? { ...to, cert: issued.certificate, key: issued.key } : to
}

function bytesOf({ method = 'GET', path = '/', headers = {}, body }: Partial<HostileCase>): Buffer {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const fields = Object.entries({ host: 'localhost', ...headers, ...length })
  const head = `${method} ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')])
}

function ask(request: Partial<HostileCase>, who = admin): Promise<RawAnswer> {
  return exchange(who, bytesOf(request))
}

/** A request of which a byte comes each second. @returns how long the server bore it */
async function trickle(start: string, deadlineMs: number): Promise<number | undefined> {
  const socket = await open(admin)
  const timer = setInterval(() => socket.write('x'), 1000)
  socket.write(start)
  const closed = await untilClosed(socket, deadlineMs)
  clearInterval(timer)
  socket.destroy()
  return closed
}

for (const [name, cases] of [
  ['a body', BODY_CASES],
  ['a patch', PATCH_CASES],
  ['a path that', PATH_CASES],
] as const) {
  describe(name, () => {
    for (const each of cases) {
      test(`${each.what} is answered with ${each.status}`, async () => {
        const answer = await ask(each)
        assert.equal(answer.status, each.status, answer.message.slice(0, 300))
        assert.match(answer.message.slice(0, 50_000), each.message)
      })
    }
  })
}

describe('who does not prove who they are', () => {
  const bearer = (token: string) => ({ path: MAPS, headers: { authorization: `Bearer ${token}` } })
  const unsigned = `${encode({ alg: 'none' })}.${encode({ sub: 'system:admin', exp: 4e9 })}.`
  for (const [what, token] of [
    ['no token', undefined],
    ['a word', 'letmein'],
    ['an unsigned token', unsigned],
    ['a token signed by a guess', `${encode({ alg: 'HS256' })}.${encode({ sub: 'x' })}.${'A'.repeat(43)}`],
    ['a token of 50,000 bytes', 'e'.repeat(50_000)],
    ['a token of dots', '.'.repeat(1000)],
  ] as const) {
    test(`but has ${what} is answered with 401`, async () => {
      const answer = await ask(token === undefined ? { path: MAPS } : bearer(token), identity())
      assert.deepEqual([answer.status, answer.message], [401, 'Unauthorized'])
    })
  }

  test('is refused with a certificate of another authority, and with one that is over', async () => {
    const foreign = await createPki({ directory: join(directory, 'foreign'), clock: systemClock })
    assert.equal((await ask({ path: MAPS }, identity(foreign.admin))).status, 401)
    let now = Date.now()
    const clock = { ...systemClock, now: () => now }
    const past = await createPki({ directory: join(directory, 'pki'), clock })
    now -= 20 * 365 * 24 * 3600 * 1000
    const expired = await past.issueClient({ user: 'late', groups: ['system:masters'] })
    assert.equal((await ask({ path: MAPS }, identity(expired))).status, 401)
  })

  test('or may not do it is answered with 403, whatever they claim', async () => {
    const mallory = identity(await pki.issueClient({ user: 'mallory', groups: ['guests'] }))
    const deleted = await ask({ method: 'DELETE', path: `${MAPS}/kube-root-ca.crt` }, mallory)
    assert.equal(deleted.status, 403)
    assert.equal(
      deleted.message,
      'configmaps "kube-root-ca.crt" is forbidden: User "mallory" cannot delete resource "configmaps" in API group "" in the namespace "default"',
    )
    const headers = { 'impersonate-user': 'kubernetes-admin', 'impersonate-group': 'system:masters' }
    const impersonated = await ask({ path: MAPS, headers }, mallory)
    assert.equal(impersonated.status, 403)
    assert.match(impersonated.message, /cannot impersonate resource/)
  })
})

describe('a head', () => {
  const line = 'GET /api HTTP/1.1\r\n'
  for (const [what, bytes, statuses] of [
    ['of one line of 100,000 bytes', `${line}host: a\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`, [431]],
    ['of 5,000 fields', `${line}host: a\r\n${'x: y\r\n'.repeat(5000)}\r\n`, [200, 400, 431]],
    ['of 100,000 fields', `${line}host: a\r\n${'x: y\r\n'.repeat(100_000)}\r\n`, [431]],
    ['with a target of 100,000 bytes', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, [431, 414]],
    ['without Host', `${line}\r\n`, [400]],
    [
      'with both lengths',
      `POST ${MAPS} HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      [400],
    ],
    [
      'with two lengths',
      `POST ${MAPS} HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc`,
      [400],
    ],
    ['with a folded line', `${line}host: a\r\nx: y\r\n z\r\n\r\n`, [400]],
    ['with a bare line feed', 'GET /api HTTP/1.1\nhost: a\n\n', [400]],
    ['with a NUL', `${line}host: a\r\nx: \u0000\r\n\r\n`, [400]],
    [
      'with a coding of its own',
      `POST ${MAPS} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n`,
      [400, 501],
    ],
    [
      'with a chunk whose size is no number',
      `POST ${MAPS} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      [400],
    ],
    ['of a method that is none', 'STEAL /api HTTP/1.1\r\nhost: a\r\n\r\n', [400, 405]],
    ['that is a TLS hello', Buffer.from('1603010200010001fc0303', 'hex').toString('latin1'), [400]],
    ['of HTTP/2 without its handshake', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505]],
  ] as const) {
    test(`${what} is answered with ${statuses.join(' or ')}, and the connection ends`, async () => {
      const { status, headers } = await exchange(admin, Buffer.from(bytes, 'latin1'))
      assert.ok((statuses as readonly number[]).includes(status), `${status} ${headers}`)
    })
  }

  test('of ten thousand different names leaves the server as fast as before', async () => {
    const fields = Array.from({ length: 1000 }, (_, i) => `x-${i}: y\r\n`).join('')
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => exchange(admin, `${line}host: a\r\n${fields}\r\n`)),
    )
    for (const { status } of answers) assert.ok([200, 400, 431].includes(status), String(status))
  })
})

describe('many at once', () => {
  test(`${IDLE_CONNECTIONS} idle connections do not keep others out`, async () => {
    const sockets = await openMany(IDLE_CONNECTIONS)
    assert.equal(sockets.length, IDLE_CONNECTIONS)
    assert.equal((await ask({ path: MAPS })).status, 200)
    for (const socket of sockets) socket.destroy()
  })

  test('200 connections that send half of a body do not keep others out', async () => {
    const sockets = await openMany(200)
    const head = `POST ${MAPS} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 3000000\r\n\r\n`
    for (const socket of sockets) socket.write(`${head}${'x'.repeat(100_000)}`)
    assert.equal((await ask({ path: MAPS })).status, 200)
    for (const socket of sockets) socket.destroy()
  })

  test('bodies that together are more than the server holds are told to come again', async () => {
    const sockets = await Promise.all(Array.from({ length: 40 }, () => open(admin)))
    const head = `POST ${MAPS} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 3000000\r\n\r\n`
    const answers: string[] = []
    for (const socket of sockets) {
      socket.on('data', (chunk: Buffer) => answers.push(chunk.toString('latin1')))
      socket.write(head + 'x'.repeat(2_900_000))
    }
    await waitFor('a refusal', () => answers.length > 0, { deadlineMs: 20_000 })
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 429 [^]*\r\nretry-after: 1\r\n/i)
    for (const socket of sockets) socket.destroy()
    const headers = { 'content-type': 'application/json' }
    const body = '{"metadata":{"name":"after-the-crowd"}}'
    const isServed = async () => (await ask({ method: 'POST', path: MAPS, headers, body })).status === 201
    await waitFor('the next writer', isServed, { deadlineMs: 20_000 })
  })

  test(`${ABORTED_WATCHES} watches that are aborted leave nothing behind`, async () => {
    const bytes = bytesOf({ path: `${MAPS}?watch=true&resourceVersion=0` })
    const sockets = await openMany(ABORTED_WATCHES)
    for (const [index, socket] of sockets.entries()) {
      socket.write(bytes)
      if (index % 3 === 0) socket.destroy()
      else if (index % 3 === 1) socket.once('data', () => socket.destroy())
      else socket.end()
    }
    for (let count = 0; count < 50; count += 1) {
      const body = `{"metadata":{"name":"w${count}"},"data":{"a":"${'x'.repeat(10_000)}"}}`
      const headers = { 'content-type': 'application/json' }
      assert.equal((await ask({ method: 'POST', path: MAPS, headers, body })).status, 201)
    }
    for (const socket of sockets) socket.destroy()
  })

  test('a watcher that reads nothing is cut off, and costs a bounded amount', async () => {
    const socket = await open(admin)
    socket.pause()
    socket.write(bytesOf({ path: `${MAPS}?watch=true` }))
    const headers = { 'content-type': 'application/merge-patch+json' }
    for (let count = 0; count < 60; count += 1) {
      const body = `{"data":{"a":"${String(count).repeat(150_000)}"}}`
      assert.equal((await ask({ method: 'PATCH', path: `${MAPS}/w0`, headers, body })).status, 200)
    }
    socket.destroy()
  })

  test('pipelined requests are answered in order', async () => {
    const socket = await open(admin)
    const count = 64
    let received = ''
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
    })
    socket.write(
      Array.from({ length: count }, (_, i) => bytesOf({ path: `${MAPS}/none-${i}` }).toString()).join(''),
    )
    const names = () =>
      [...received.matchAll(/configmaps \\"none-(\d+)\\" not found/g)].map((match) => Number(match[1]))
    await waitFor('all answers', () => names().length === count, { deadlineMs: 10_000 })
    assert.deepEqual(
      names(),
      Array.from({ length: count }, (_, i) => i),
    )
    socket.destroy()
  })

  test('10,000 pipelined requests whose answers nobody reads cost a bounded amount', async () => {
    const socket = await open(admin)
    socket.pause()
    const batch = Buffer.concat(Array.from({ length: 1000 }, () => bytesOf({ path: MAPS })))
    for (let count = 0; count < 10; count += 1) socket.write(batch)
    assert.equal((await ask({ path: MAPS })).status, 200)
    socket.destroy()
  })
})

describe('after all that', () => {
  test('a head that trickles in was cut off within its time', async () => {
    const closedAfter = await slowHead
    assert.ok(closedAfter !== undefined, `still open after ${SLOW_HEAD_MAX_MS} ms`)
  })

  test('and so was a body', async () => {
    const closedAfter = await slowBody
    assert.ok(closedAfter !== undefined, `still open after ${SLOW_BODY_MAX_MS} ms`)
  })

  test('the server is alive, and its memory has not grown by much', async (t) => {
    assert.equal((await ask({ path: '/readyz' })).status, 200)
    const body = '{"metadata":{"name":"alive"}}'
    const headers = { 'content-type': 'application/json' }
    assert.equal((await ask({ method: 'POST', path: MAPS, headers, body })).status, 201)
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
    const grown = residentMiB(server.pid) - residentBefore
    t.diagnostic(`resident before ${residentBefore.toFixed(0)} MiB, grown by ${grown.toFixed(0)} MiB`)
    assert.ok(grown < GROWTH_MAX_MIB, `grown by ${grown} MiB`)
    assert.equal(/unhandled|TypeError|RangeError/i.exec(server.stderr())?.[0], undefined, server.stderr())
  })
})

/** Handshakes after the first are resumed, which makes thousands of them quick. */
async function openMany(count: number): Promise<readonly TLSSocket[]> {
  const sockets: TLSSocket[] = []
  for (let at = 0; at < count; at += 50) {
    const more = Math.min(50, count - at)
    sockets.push(...(await Promise.all(Array.from({ length: more }, () => open(identity())))))
  }
  return sockets
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
