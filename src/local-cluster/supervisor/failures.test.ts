import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { failuresOf, forgetFailures, lastWords, recordFailures } from './failures.ts'

let directory: string
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'lateen-failures-'))
})
after(() => rmSync(directory, { recursive: true }))

test('the last words of a program that threw are its error, not the end of its stack', () => {
  const log = join(directory, 'crashed.log')
  writeFileSync(
    log,
    [
      '{"level":"info","message":"started"}',
      'node:internal/modules/esm/resolve:274',
      "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/a/generated/x.ts'",
      '    at finalizeResolution (node:internal/modules/esm/resolve:274:11)',
      "  code: 'ERR_MODULE_NOT_FOUND',",
      '}',
      '',
      'Node.js v24.21.0',
      '',
    ].join('\n'),
  )
  assert.equal(lastWords(log), "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/a/generated/x.ts'")
})

test('the last words of another program are its last line, and of a missing log none', () => {
  const log = join(directory, 'other.log')
  writeFileSync(log, 'one\ntwo\n\n')
  assert.equal(lastWords(log), 'two')
  assert.equal(lastWords(join(directory, 'absent.log')), undefined)
})

test('how often a process has ended is there for others until it is forgotten', () => {
  assert.equal(failuresOf(directory, 'api-server'), 0)
  recordFailures(directory, 'api-server', 3)
  assert.equal(failuresOf(directory, 'api-server'), 3)
  forgetFailures(directory, 'api-server')
  assert.equal(failuresOf(directory, 'api-server'), 0)
})
