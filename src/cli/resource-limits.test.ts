import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionsFor, descriptorLimit, memoryLimit, readResourceLimits } from './resource-limits.ts'

test('the memory of a control group counts where it is less than the machine has', () => {
  assert.equal(memoryLimit(512, 1024), 512)
  for (const none of [0, 1024, 2 ** 63]) assert.equal(memoryLimit(none, 1024), undefined)
})

test('clients have half of the descriptors, as each may need a connection to an endpoint', () => {
  const text =
    'Limit  Soft Limit  Hard Limit  Units\nMax open files            20256                524288               files\n'
  assert.equal(descriptorLimit(text), 20_256)
  assert.equal(descriptorLimit('Max open files  unlimited  unlimited  files'), undefined)
  assert.equal(connectionsFor(20_256), 10_000)
  assert.equal(connectionsFor(100), 1)
  assert.equal(connectionsFor(undefined), undefined)
})

test('this process has a limit of descriptors', () => {
  assert.ok((readResourceLimits().descriptors ?? 0) > 0)
})
