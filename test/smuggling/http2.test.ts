import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../../src/proxy/testing.ts'
import { SECOND_MEANT } from './cases.ts'
import { startGateway } from './gateway.ts'
import { HTTP2_CASES } from './http2/index.ts'
import { runHttp2Case } from './http2-client.ts'
import { type Recorder, startRecorder } from './recorder.ts'

describe('what goes on as HTTP/1.1 is what was meant in HTTP/2, or nothing', () => {
  let recorder: Recorder
  let gateway: { port: number; close: () => void }

  before(async () => {
    recorder = await startRecorder()
    gateway = await startGateway(recorder.port)
  })
  after(() => {
    gateway.close()
    recorder.close()
  })

  for (const [group, cases] of Object.entries(HTTP2_CASES)) {
    describe(group, () => {
      for (const one of cases) {
        test(`${one.rule}: ${one.name} (${one.meant === undefined ? 'refused' : 'forwarded'})`, async () => {
          const lines = await runHttp2Case(gateway.port, one)
          await until(() => recorder.waiting() === 0, 'nothing half-read is left at the back end')
          const seen = [...recorder.take()].sort()
          const isAnswered = lines.some((line) => /^headers 1 (?:end )?:status=200/.test(line))
          if (one.meant !== undefined) {
            assert.deepEqual(seen, [one.meant, SECOND_MEANT].sort())
            assert.ok(isAnswered, lines.join('; '))
          } else {
            // Whether the stream or the whole connection is refused is the codec's own matter.
            assert.deepEqual(seen, lines.some((line) => line.startsWith('headers 3 ')) ? [SECOND_MEANT] : [])
            assert.ok(!isAnswered, lines.join('; '))
          }
        })
      }
    })
  }
})
