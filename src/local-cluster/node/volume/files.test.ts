import assert from 'node:assert/strict'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { writeVolume } from './atomic-writer.ts'
import { prepareHostPath } from './host-path.ts'

function scratch(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-volume-'))
  context.after(() => rmSync(directory, { recursive: true }))
  return directory
}
const file = (path: string, content: string, mode = 0o644) => ({ path, content: Buffer.from(content), mode })

test('an update swaps all files of a volume at once, and names that are gone go', (context) => {
  const directory = scratch(context)
  writeVolume(directory, [file('a', 'one'), file('deep/b', 'x', 0o400)])
  assert.equal(readFileSync(join(directory, 'a'), 'utf8'), 'one')
  assert.equal(statSync(join(directory, 'deep/b')).mode & 0o777, 0o400)
  const before = readlinkSync(join(directory, '..data'))
  writeVolume(directory, [file('a', 'one'), file('deep/b', 'x', 0o400)])
  assert.equal(readlinkSync(join(directory, '..data')), before, 'what is the same is not written again')
  writeVolume(directory, [file('a', 'two')])
  assert.equal(readFileSync(join(directory, 'a'), 'utf8'), 'two')
  assert.equal(readlinkSync(join(directory, 'a')), '..data/a')
  assert.deepEqual(
    readdirSync(directory).filter((name) => !name.startsWith('..')),
    ['a'],
  )
})

test('a path of the machine is of the type that the volume names, or is made', (context) => {
  const directory = scratch(context)
  const path = (name: string) => join(directory, name)
  writeFileSync(path('file'), '')
  const failure = (name: string, type: string) => {
    const result = prepareHostPath(path(name), type)
    return result.ok ? undefined : result.error.replace(path(name), 'PATH')
  }
  assert.equal(failure('none', 'Directory'), 'hostPath type check failed: PATH is not a directory')
  assert.equal(failure('file', 'DirectoryOrCreate'), 'hostPath type check failed: PATH is not a directory')
  assert.equal(failure('none', 'File'), 'hostPath type check failed: PATH is not a file')
  assert.equal(failure('file', 'Socket'), 'hostPath type check failed: PATH is not a socket file')
  assert.equal(failure('file', 'CharDevice'), 'hostPath type check failed: PATH is not a character device')
  assert.equal(failure('deep/none', 'FileOrCreate'), 'hostPath type check failed: PATH is not a file')
  assert.equal(failure('made', 'FileOrCreate'), undefined)
  assert.equal(failure('deep/made', 'DirectoryOrCreate'), undefined)
  assert.equal(failure('file', 'File'), undefined)
  assert.equal(failure('anything', ''), undefined)
  assert.ok(statSync(path('anything')).isDirectory())
})
