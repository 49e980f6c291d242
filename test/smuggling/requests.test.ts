import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../../src/proxy/testing.ts'
import { meantOf, runCase, startGateway, statusesOf } from './gateway.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { REQUEST_CASES } from './requests/index.ts'

describe('what goes out is what was meant, or nothing', () => {
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

  for (const [group, cases] of Object.entries(REQUEST_CASES)) {
    describe(group, () => {
      for (const one of cases) {
        test(`${one.rule}: ${one.name} (${one.ending})`, async () => {
          const statuses = await runCase(gateway.port, one)
          await until(() => recorder.waiting() === 0, 'nothing half-read is left at the back end')
          assert.deepEqual(recorder.take(), meantOf(one, gateway.port))
          // What breaks off may be told so, or find the connection closed.
          if (one.ending === 'unfinished' && statuses.length > 0) assert.ok((statuses[0] as number) >= 400)
          else assert.deepEqual(statuses, statusesOf(one))
        })
      }
    })
  }
})
