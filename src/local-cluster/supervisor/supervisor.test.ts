import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts'
import { recordProcess, signalProcess } from './process-record.ts'
import { runningProcess, stopProcesses, supervise, type SupervisorOptions } from './supervisor.ts'

let directory: string
let abort: AbortController
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lateen-supervisor-'))
  abort = new AbortController()
})
afterEach(async () => {
  abort.abort()
  await stopProcesses(['sleeper'], { runDirectory: directory, clock: systemClock, graceMs: 1000 })
  rmSync(directory, { recursive: true })
})

test('a process that was killed is started again', async () => {
  const running = supervise(options(), abort.signal)
  const first = await waitFor(() => runningProcess(directory, 'sleeper'))
  signalProcess(first, 'SIGKILL')
  const second = await waitFor(() => {
    const record = runningProcess(directory, 'sleeper')
    return record && record.pid !== first.pid ? record : undefined
  })
  assert.notEqual(second.pid, first.pid)
  abort.abort()
  await running
})

test('the next supervisor adopts what the last one left running', async () => {
  const running = supervise(options(), abort.signal)
  const first = await waitFor(() => runningProcess(directory, 'sleeper'))
  abort.abort()
  await running
  abort = new AbortController()
  const again = supervise(options(), abort.signal)
  await systemClock.sleep(1)
  assert.equal(runningProcess(directory, 'sleeper')?.pid, first.pid)
  abort.abort()
  await again
})

test('a record of a process number that now belongs to another process is not taken for it', () => {
  const self = recordProcess(process.pid)
  assert.ok(self)
  assert.equal(signalProcess({ pid: self.pid, startTicks: `${self.startTicks}0` }, 'SIGTERM'), false)
})

function options(): SupervisorOptions {
  return {
    specs: [{ name: 'sleeper', commandLine: async () => ({ command: 'sleep', args: ['60'] }) }],
    runDirectory: directory,
    logsDirectory: directory,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  }
}

async function waitFor<T>(look: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    assert.ok(Date.now() < deadline, 'waited 10 s in vain')
    await systemClock.sleep(10)
  }
}
