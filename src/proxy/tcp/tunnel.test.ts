import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openTunnel, type TunnelAnswer } from './tunnel.ts'

test('the request names the target twice, as RFC 9112 has it', () => {
  assert.equal(
    openTunnel('db.example:5432').request,
    'CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n',
  )
})

function answerTo(text: string, cuts: readonly number[] = []): TunnelAnswer {
  const opening = openTunnel('a:1')
  const bytes = Buffer.from(text, 'latin1')
  const ends = [...new Set(cuts.map((cut) => cut % bytes.length))]
    .filter((cut) => cut > 0)
    .sort((a, b) => a - b)
  let rest = ''
  let answer: TunnelAnswer = { kind: 'more' }
  for (const [i, end] of [...ends, bytes.length].entries()) {
    const part = bytes.subarray(i === 0 ? 0 : ends[i - 1], end)
    if (answer.kind === 'more') answer = opening.read(part)
    else rest += part.toString('latin1')
  }
  return answer.kind === 'open' ? { kind: 'open', rest: Buffer.from(answer.rest + rest, 'latin1') } : answer
}

const CASES: readonly (readonly [string, TunnelAnswer])[] = [
  ['HTTP/1.1 200 OK\r\n\r\n', { kind: 'open', rest: Buffer.alloc(0) }],
  [
    'HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello',
    { kind: 'open', rest: Buffer.from('hello') },
  ],
  ['HTTP/1.0 204\r\n\r\n', { kind: 'open', rest: Buffer.alloc(0) }],
  ['HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx', { kind: 'open', rest: Buffer.from('x') }],
  ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', { kind: 'refused', reason: 'it answers 407' }],
  ['SSH-2.0-OpenSSH\r\n\r\n', { kind: 'refused', reason: 'its answer is no HTTP/1.1' }],
  ['HTTP/1.1 200 OK\r\nX: ', { kind: 'more' }],
]

test('an answer of 2xx opens it, and what follows is of the tunnel, however the bytes are cut', () => {
  for (const [text, expected] of CASES) assert.deepEqual(answerTo(text), expected, text)
  fc.assert(
    fc.property(fc.constantFrom(...CASES), fc.array(fc.nat()), ([text, expected], cuts) => {
      assert.deepEqual(answerTo(text, cuts), expected)
    }),
  )
})

test('a head without an end is refused', () => {
  const opening = openTunnel('a:1')
  const chunk = Buffer.from(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(5000)}`)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => opening.read(chunk).kind),
    ['more', 'more', 'more', 'refused'],
  )
})
