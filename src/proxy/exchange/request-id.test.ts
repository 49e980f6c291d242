import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { createRequestIds } from './request-id.ts'

describe('request ids', () => {
  it('are UUIDs of version 4 and the variant of RFC 9562', () => {
    const next = createRequestIds(randomFillSync)
    for (let i = 0; i < 1000; i++)
      assert.match(next(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('take every random bit but those six', () => {
    const ones = createRequestIds((bytes) => bytes.fill(255))
    const zeros = createRequestIds((bytes) => bytes.fill(0))
    assert.equal(ones(), 'ffffffff-ffff-4fff-bfff-ffffffffffff')
    assert.equal(zeros(), '00000000-0000-4000-8000-000000000000')
  })

  it('do not repeat', () => {
    const next = createRequestIds(randomFillSync)
    assert.equal(new Set(Array.from({ length: 10_000 }, next)).size, 10_000)
  })
})
