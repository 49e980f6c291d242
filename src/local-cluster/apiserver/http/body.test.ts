import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { createBodyReader } from './body.ts'

function message(): { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse } {
  const incoming = new IncomingMessage(new Socket())
  return { incoming, outgoing: new ServerResponse(incoming) }
}

test('bodies are held until their answers are sent, and what does not fit meanwhile is told when to come again', async () => {
  const reader = createBodyReader(10)
  const first = message()
  first.incoming.push('12345678')
  first.incoming.push(null)
  const body = await reader.read(first.incoming, first.outgoing)
  assert.ok(body.kind === 'bytes' && Buffer.from(body.bytes).toString() === '12345678')
  const second = message()
  second.incoming.push('123')
  await assert.rejects(reader.read(second.incoming, second.outgoing), {
    status: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'too many requests, please try again later',
      reason: 'TooManyRequests',
      details: { retryAfterSeconds: 1 },
      code: 429,
    },
  })
  assert.equal(second.incoming.destroyed, false, 'it can still be answered')
  first.outgoing.emit('close')
  second.outgoing.emit('close')
  const third = message()
  third.incoming.push('1234567890')
  third.incoming.push(null)
  await reader.read(third.incoming, third.outgoing)
})

test('a client that goes away, before its body is read or in the middle of it, is an error', async () => {
  const reader = createBodyReader()
  const early = message()
  early.incoming.destroy()
  await assert.rejects(reader.read(early.incoming, early.outgoing), /the client went away/)
  const late = message()
  late.incoming.push('123')
  const reading = reader.read(late.incoming, late.outgoing)
  setImmediate(() => late.incoming.destroy())
  await assert.rejects(reading, /the client went away/)
})

test('a body that was read is empty when it is read again', async () => {
  const reader = createBodyReader()
  const { incoming, outgoing } = message()
  incoming.push('12')
  incoming.push(null)
  await reader.read(incoming, outgoing)
  const again = await reader.read(incoming, outgoing)
  assert.ok(again.kind === 'bytes' && again.bytes.length === 0)
})
