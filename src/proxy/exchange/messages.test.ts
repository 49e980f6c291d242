import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countMessages, createMessageCounts } from './messages.ts'

function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 0xff)
  bytes[0] = 0
  bytes.writeUInt32BE(length, 1)
  return bytes
}

test('messages of gRPC are counted alike however their bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(300), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (lengths, cuts) => {
        const bytes = Buffer.concat(lengths.map(message))
        const { request } = createMessageCounts()
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = Math.min(bytes.length, at + (cuts[i % cuts.length] as number))
          countMessages(request, bytes, at, end)
          at = end
        }
        assert.equal(request.count, lengths.length)
        assert.equal(request.left, 0)
      },
    ),
  )
})
