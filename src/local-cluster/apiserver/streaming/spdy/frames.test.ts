import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  createFrameParser,
  dataFrame,
  goAwayFrame,
  pingFrame,
  rstStreamFrame,
  type SpdyFrame,
  synReplyFrame,
  synStreamFrame,
  windowUpdateFrame,
} from './frames.ts'

const id = fc.integer({ min: 1, max: 0x7fff_ffff })
const bytes = fc.uint8Array({ maxLength: 200 })
const frame: fc.Arbitrary<Buffer> = fc.oneof(
  fc.tuple(id, bytes, fc.boolean()).map(([stream, block, fin]) => synStreamFrame(stream, block, fin)),
  fc.tuple(id, bytes).map(([stream, block]) => synReplyFrame(stream, block)),
  fc.tuple(id, bytes, fc.boolean()).map(([stream, data, fin]) => dataFrame(stream, data, fin)),
  fc.tuple(id, id).map(([stream, status]) => rstStreamFrame(stream, status)),
  fc.tuple(id, id).map(([stream, delta]) => windowUpdateFrame(stream, delta)),
  id.map((ping) => pingFrame(ping)),
  id.map((last) => goAwayFrame(last)),
)

test('frames are the same however their bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 1, max: 50 }), (frames, size) => {
      const wire = Buffer.concat(frames)
      const whole = joinData(createFrameParser().push(wire))
      const parser = createFrameParser()
      const cut: SpdyFrame[] = []
      for (let at = 0; at < wire.length; at += size) cut.push(...parser.push(wire.subarray(at, at + size)))
      assert.deepEqual(joinData(cut), whole)
    }),
  )
})

test('bytes that are no frames never make the parser hold more than one control frame', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
      const parser = createFrameParser()
      try {
        for (const chunk of chunks) parser.push(chunk)
      } catch (error) {
        assert.match((error as Error).message, /frame/)
      }
    }),
  )
})

test('another version and a control frame of megabytes are refused', () => {
  assert.throws(() => createFrameParser().push(Buffer.from('8002000100000000', 'hex')), /SPDY version 2/)
  assert.throws(() => createFrameParser().push(Buffer.from('8003000100ffffff', 'hex')), /too long/)
})

/** Neighbouring parts of one stream's data as one, F where a frame has ended the stream. */
function joinData(frames: readonly SpdyFrame[]): readonly string[] {
  const joined: { streamId: number; text: string }[] = []
  for (const one of frames) {
    const streamId = one.kind === 'data' ? one.streamId : 0
    const text =
      one.kind === 'data'
        ? Buffer.from(one.bytes).toString('hex') + (one.fin ? 'F' : '')
        : JSON.stringify(one)
    const last = joined.at(-1)
    if (one.kind === 'data' && last?.streamId === streamId) last.text += text
    else joined.push({ streamId, text })
  }
  return joined.map(({ streamId, text }) => `${streamId} ${text}`)
}
