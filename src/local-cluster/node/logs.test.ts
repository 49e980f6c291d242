import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '../../base/index.ts'
import { indexLog, LOG_BYTES_MAX, type LogSelection, readLog } from './logs.ts'

const directory = mkdtempSync(join(tmpdir(), 'lateen-logs-'))
after(() => rmSync(directory, { recursive: true }))

function paths(name: string) {
  return { log: join(directory, `${name}.log`), times: join(directory, `${name}.times`) }
}

async function read(at: ReturnType<typeof paths>, selection: Partial<LogSelection>): Promise<string> {
  const chunks: Uint8Array[] = []
  const all: LogSelection = {
    follow: false,
    timestamps: false,
    live: () => false,
    signal: AbortSignal.timeout(5000),
    ...selection,
  }
  for await (const chunk of readLog(at, all, systemClock)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

test('the whole log, its last lines, or its first bytes', async () => {
  const at = paths('tail')
  writeFileSync(at.log, 'one\ntwo\nthree\n')
  assert.equal(await read(at, {}), 'one\ntwo\nthree\n')
  assert.equal(await read(at, { tailLines: 2 }), 'two\nthree\n')
  assert.equal(await read(at, { tailLines: 0 }), '')
  assert.equal(await read(at, { tailLines: 9 }), 'one\ntwo\nthree\n')
  assert.equal(await read(at, { limitBytes: 5 }), 'one\nt')
})

test('an unfinished last line counts as a line', async () => {
  const at = paths('partial')
  writeFileSync(at.log, 'one\ntwo')
  assert.equal(await read(at, { tailLines: 1 }), 'two')
})

test('lines carry the time at which the log had reached them, and can be chosen by it', async () => {
  const at = paths('times')
  writeFileSync(at.log, 'one\n')
  indexLog(at, 0, 1000)
  appendFileSync(at.log, 'two\nthree\n')
  indexLog(at, 4, 2000)
  const first = '1970-01-01T00:00:01.000Z one\n'
  const rest = '1970-01-01T00:00:02.000Z two\n1970-01-01T00:00:02.000Z three\n'
  assert.equal(await read(at, { timestamps: true }), first + rest)
  assert.equal(await read(at, { timestamps: true, sinceMs: 1500 }), rest)
})

test('a follower gets what is written after it began, until the container has ended', async () => {
  const at = paths('follow')
  writeFileSync(at.log, 'before\n')
  let live = true
  const reading = read(at, { follow: true, live: () => live })
  appendFileSync(at.log, 'after\n')
  live = false
  assert.equal(await reading, 'before\nafter\n')
})

test('a log that grows too long begins anew, its past beside it', () => {
  const at = paths('long')
  writeFileSync(at.log, '')
  truncateSync(at.log, LOG_BYTES_MAX)
  assert.equal(indexLog(at, 0, 1), 0)
  assert.equal(statSync(at.log).size, 0)
  assert.equal(statSync(`${at.log}.1`).size, LOG_BYTES_MAX)
})

test('a follower gets the last words of a container whose pod is removed meanwhile, and then the end', async () => {
  const at = paths('removed')
  writeFileSync(at.log, 'one\n')
  let live = true
  const text = read(at, { follow: true, live: () => live })
  await systemClock.sleep(1)
  appendFileSync(at.log, 'last words\n')
  live = false
  rmSync(at.log)
  assert.equal(await text, 'one\nlast words\n')
})
