import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ResponseCase } from './cases.ts'
import { exchangeAll, startGateway } from './gateway.ts'
import { NEXT_BODY, type Responder, startResponder } from './responder.ts'
import { runResponses } from './response-differential.ts'
import { readWithNode } from './response-readers.ts'
import { RESPONSE_CASES } from './responses/index.ts'
import { readResponse, statusOf } from './strict-reader.ts'

describe('what the client reads is what was meant, or an error', () => {
  let responder: Responder
  let gateway: { port: number; close: () => void }

  before(async () => {
    responder = await startResponder()
    gateway = await startGateway(responder.port)
  })
  after(() => {
    gateway.close()
    responder.close()
  })

  for (const [group, cases] of Object.entries(RESPONSE_CASES)) {
    describe(group, () => {
      for (const one of cases) {
        test(`${one.rule}: ${one.name} (${one.outcome})`, async () => {
          responder.setCase(one)
          const { received } = await exchangeAll(
            gateway.port,
            `${one.method} /case HTTP/1.1\r\nHost: a.example\r\n\r\nGET /next HTTP/1.1\r\nHost: a.example\r\n\r\n`,
          )
          const { answers, rest } = readAll(received, one)
          if (one.outcome === 'broken') {
            assert.deepEqual(answers, [])
            assert.match(rest, /^HTTP\/1\.1 200 OK\r\n/)
          } else {
            assert.equal(rest, '')
            assert.deepEqual(answers, [...one.meant.split(', '), `200 ${NEXT_BODY.length}`])
          }
        })
      }
    })
  }
})

/** Every whole response, as cases say it; an error's own text is not looked at. */
function readAll(text: string, one: ResponseCase): { answers: readonly string[]; rest: string } {
  const answers: string[] = []
  let at = 0
  let finals = 0
  while (at < text.length) {
    const answer = readResponse(text, at, { method: finals === 0 ? one.method : 'GET', ended: false })
    if (answer === undefined) break
    at = answer.end
    const status = statusOf(answer.first)
    const trailers = answer.trailers.map(([name]) => ` +${name}`).join('')
    const isError = finals === 0 && one.outcome === 'rejected'
    answers.push(isError ? String(status) : `${status} ${answer.body.length}${trailers}`)
    if (status >= 200) finals++
  }
  return { answers, rest: text.slice(at) }
}

test('node:http reads the answers of the gateway as they were meant', async () => {
  const { failures, refused, cases } = await runResponses(readWithNode)
  assert.deepEqual(failures, [])
  assert.ok(cases >= 100)
  // What it refuses is said where it is known, so that nothing new hides among it.
  assert.deepEqual(refused, [])
})
