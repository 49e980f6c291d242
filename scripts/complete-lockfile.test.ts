import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { completeLockfile, platformOf } from './complete-lockfile.ts'
import { REPOSITORY } from './run.ts'

test('the platform of a package is read from its name', () => {
  assert.deepEqual(platformOf('@oxc-parser/binding-win32-arm64-msvc'), { os: ['win32'], cpu: ['arm64'] })
  assert.deepEqual(platformOf('@oxfmt/binding-android-arm-eabi'), { os: ['android'], cpu: ['arm'] })
  assert.deepEqual(platformOf('@oxc-parser/binding-wasm32-wasi'), { cpu: ['wasm32'] })
  assert.equal(platformOf('fsevents'), undefined)
})

test('the lock file lists every optional package of every platform, names no download address, and agrees with package.json', () => {
  const text = readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8')
  assert.deepEqual(completeLockfile(JSON.parse(text)), [])
  assert.doesNotMatch(text, /"resolved": "http/)
  const locked = JSON.parse(text).packages[''] as Record<string, unknown>
  const stated = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as Record<string, unknown>
  for (const key of ['dependencies', 'devDependencies']) assert.deepEqual(locked[key], stated[key], key)
})
