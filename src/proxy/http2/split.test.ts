import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ERROR, FLAG, FRAME, SETTING } from './protocol.ts'
import {
  data,
  frame,
  GET,
  headers,
  HELLO,
  number32,
  ping,
  POST,
  reset,
  section,
  settings,
  windowUpdate,
} from './testing-frames.ts'
import { observe } from './testing-observe.ts'

const COMPLETE: readonly Buffer[] = [
  HELLO,
  headers(1, GET),
  headers(3, [...POST, ['content-length', '5']], 0),
  data(3, 'ab'),
  ping(),
  data(3, '\x02cde\0\0', FLAG.padded | FLAG.endStream),
  frame(
    FRAME.headers,
    0x2c,
    5,
    Buffer.concat([Buffer.from([1]), number32(0), Buffer.from([9]), section(POST), Buffer.alloc(1)]),
  ),
  data(5, 'x'),
  headers(5, [['x-sum', '1']]),
  frame(FRAME.headers, FLAG.endStream, 7, section(GET).subarray(0, 10)),
  frame(FRAME.continuation, FLAG.endHeaders, 7, section(GET).subarray(10)),
  frame(99, 0, 9, 'unknown'),
  headers(9, [...GET, ['connection', 'close']]),
  windowUpdate(0, 100),
]

test('bytes cut at any place give the same events and answers', () => {
  const bytes = Buffer.concat(COMPLETE)
  const whole = observe([bytes])
  assert.ok(whole.length > 10)
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.deepEqual(observe([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`)
  }
})

test('bytes that arrive one by one give the same events and answers', () => {
  const bytes = Buffer.concat(COMPLETE)
  assert.deepEqual(observe(Array.from(bytes, (byte) => Buffer.from([byte]))), observe([bytes]))
})

const id = fc.constantFrom(0, 1, 3, 5, 7, 2)
const anyFrame = fc.oneof(
  fc
    .tuple(id, fc.boolean(), fc.boolean())
    .map(([stream, isPost, ends]) => headers(stream, isPost ? POST : GET, ends ? 1 : 0)),
  fc
    .tuple(id, fc.string({ maxLength: 50 }), fc.constantFrom(0, 1, 8, 9))
    .map(([stream, text, flags]) => data(stream, text, flags)),
  fc.tuple(id, fc.integer({ min: 0, max: 100_000 })).map(([stream, more]) => windowUpdate(stream, more)),
  id.map((stream) => reset(stream, ERROR.cancel)),
  fc.nat(100_000).map((size) => settings([[SETTING.initialWindowSize, size]])),
  fc.constant(ping()),
  fc
    .tuple(fc.nat(12), fc.nat(255), id, fc.uint8Array({ maxLength: 20 }))
    .map(([type, flags, stream, payload]) => frame(type, flags, stream, Buffer.from(payload))),
)

test('any frames, however they are cut, give the same events and answers', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 25 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }),
      (frames, steps) => {
        const bytes = Buffer.concat([HELLO, ...frames])
        const pieces: Buffer[] = []
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const next = at + (steps[index % steps.length] as number)
          pieces.push(bytes.subarray(at, next))
          at = next
        }
        assert.deepEqual(observe(pieces), observe([bytes]))
      },
    ),
    { numRuns: 300 },
  )
})
