import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dropKept, keepBytes, keepForLater, limitKept } from './kept-body.ts'
import { createSlabs } from './slabs.ts'
import type { Exchange, KeptBody } from './types.ts'

const LARGE = 48 * 1024

describe('a body that is kept', () => {
  it('stays what it was when the bytes that it came in change', () => {
    const { exchange, kept } = keeper()
    const read = Buffer.alloc(LARGE, 'a')
    keepBytes(exchange, kept, read, 0, LARGE)
    read.fill('b')
    keepBytes(exchange, kept, read, 0, 10)
    read.fill('c')
    assert.equal(Buffer.concat(kept.chunks).toString(), 'a'.repeat(LARGE) + 'b'.repeat(10))
  })

  it('gives its memory back once, to the next one', () => {
    const { exchange, kept } = keeper()
    keepBytes(exchange, kept, Buffer.alloc(LARGE), 0, LARGE)
    const [slab] = kept.slabs
    dropKept(exchange)
    dropKept(exchange)
    const { slabs } = exchange.context.thread
    assert.equal(slabs.take(), slab)
    assert.notEqual(slabs.take(), slab)
  })

  it('is forgotten when it is more than may be kept', () => {
    const { exchange, kept } = keeper()
    for (let i = 0; i < 2; i++) keepBytes(exchange, kept, Buffer.alloc(LARGE), 0, LARGE)
    limitKept(exchange, kept)
    assert.deepEqual([kept.overflowed, kept.chunks, kept.slabs], [true, [], []])
  })
})

function keeper(): { readonly exchange: Exchange; readonly kept: KeptBody } {
  // Nothing else of an exchange is looked at.
  const exchange = {
    hasBody: true,
    kept: undefined,
    context: { thread: { slabs: createSlabs() } },
  } as unknown as Exchange
  keepForLater(exchange)
  return { exchange, kept: exchange.kept as unknown as KeptBody }
}
