import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { releaseMemory, unchangedMappings } from './release-memory.ts'

const mapping = (rights: string, path: string, anonymousKb: number) =>
  `1000-3000 ${rights} 00000000 fe:00 12                        ${path}\nSize:   8 kB\nAnonymous:    ${anonymousKb} kB\nVmFlags: rd\n`

test('only pages that are the same as in their file are let go', () => {
  assert.deepEqual(unchangedMappings(mapping('r-xp', '/usr/bin/node', 0)), [{ from: 0x1000, to: 0x3000 }])
  assert.equal(unchangedMappings(mapping('r--p', '/usr/lib/libc.so.6', 0)).length, 1)
  for (const other of [
    mapping('r--p', '/usr/bin/node', 16),
    mapping('rw-p', '/usr/bin/node', 0),
    mapping('r--s', '/var/lib/store.db', 0),
    mapping('r-xp', '', 0),
    mapping('r-xp', '[vdso]', 0),
  ])
    assert.deepEqual(unchangedMappings(other), [])
})

test('the process goes on as before, with less memory', () => {
  const fileKb = () => Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1])
  releaseMemory()
  const before = fileKb()
  assert.equal(JSON.stringify(structuredClone({ a: [1, 'two'] })), '{"a":[1,"two"]}')
  releaseMemory()
  assert.ok(before > 0 && fileKb() > 0)
})
