import { test } from 'node:test'
import { untilAborted } from './environment.ts'

test('who was asked to end before anybody listened is not waited for', async () => {
  await untilAborted(AbortSignal.abort())
})

test('who is asked to end later is waited for', async () => {
  const abort = new AbortController()
  const ended = untilAborted(abort.signal)
  abort.abort()
  await ended
})
