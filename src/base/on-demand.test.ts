import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as duration from './duration.ts'
import { onDemand } from './on-demand.ts'

test('a module of ours is the same as an import of it', () => {
  const load = onDemand<typeof import('./duration.ts')>(import.meta, './duration')
  assert.equal(load().parseDurationMs, duration.parseDurationMs)
  assert.equal(load(), load())
})

test('a module of the runtime or of a package is found by its name', () => {
  assert.equal(
    onDemand<typeof import('node:assert/strict')>(import.meta, 'node:assert/strict')().ok,
    assert.ok,
  )
  assert.equal(typeof onDemand<typeof import('yaml')>(import.meta, 'yaml')().parse, 'function')
})
