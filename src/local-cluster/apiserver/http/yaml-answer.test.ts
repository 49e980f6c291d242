import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { yamlOf } from './yaml-answer.ts'

test('an answer in YAML is written as Kubernetes writes it', () => {
  const shared = {}
  const object = {
    b: [{ '.': shared, a: shared }],
    a: { time: '2026-01-01T00:00:00Z', size: '10', on: 'yes' },
  }
  assert.equal(
    yamlOf(object),
    `a:
  "on": "yes"
  size: "10"
  time: "2026-01-01T00:00:00Z"
b:
- .: {}
  a: {}
`,
  )
})

test('what looks like another value is quoted, and reads as what it was', () => {
  const object = {
    texts: ['.5', '1.', 'null', '~', '0x1f', '1_000', '12:30', '- a', 'a: b', 'x\n".": {}\n'],
  }
  assert.deepEqual(parse(yamlOf(object), { version: '1.1' }), object)
  assert.deepEqual(parse(yamlOf(object)), object)
  // The library's reader of YAML 1.1 takes it for a number that is none.
  assert.deepEqual(parse(yamlOf({ text: '.' })), { text: '.' })
})
