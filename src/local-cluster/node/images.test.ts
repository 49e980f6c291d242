import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  addImageMapping,
  findProgram,
  invalidReference,
  listImageMappings,
  removeImageMapping,
} from './images.ts'

const command = (name: string) => ({ kind: 'command', command: [name] }) as const
const lookup = (patterns: readonly string[], image: string) => {
  const program = findProgram(
    patterns.map((pattern) => ({ pattern, program: command(pattern) })),
    image,
  )
  return program?.kind === 'command' ? program.command[0] : undefined
}

test('a pattern without a tag stands for every tag and digest', () => {
  for (const image of ['redis', 'redis:7', 'docker.io/library/redis:8', `redis@sha256:${'0'.repeat(64)}`]) {
    assert.equal(lookup(['redis'], image), 'redis')
  }
})

test('registry and library prefixes are optional on both sides', () => {
  assert.equal(lookup(['docker.io/library/redis'], 'redis'), 'docker.io/library/redis')
  assert.equal(lookup(['curlimages/curl'], 'docker.io/curlimages/curl:8.1'), 'curlimages/curl')
})

test('another repository that ends alike is another image', () => {
  assert.equal(lookup(['redis'], 'example.com/redis'), undefined)
  assert.equal(lookup(['redis'], 'me/redis'), undefined)
})

test('a tag in the pattern narrows it', () => {
  assert.equal(lookup(['app:v1', 'app'], 'app:v1'), 'app:v1')
  assert.equal(lookup(['app:v1', 'app'], 'app:v2'), 'app')
  assert.equal(lookup(['app:v1'], 'app'), undefined)
})

test('a star stands for anything, and the more specific pattern wins', () => {
  assert.equal(lookup(['ghcr.io/me/*'], 'ghcr.io/me/team/app:1'), 'ghcr.io/me/*')
  assert.equal(lookup(['*', 'ghcr.io/me/*', 'ghcr.io/me/app:*'], 'ghcr.io/me/app:1'), 'ghcr.io/me/app:*')
  assert.equal(lookup(['localhost:5000/app:*'], 'localhost:5000/app:x'), 'localhost:5000/app:*')
})

test('a reference that is none is refused in the kubelet’s words', () => {
  for (const image of ['nginx', 'a/b_c/d:v1.2', 'localhost:5000/x', `redis@sha256:${'0'.repeat(64)}`])
    assert.equal(invalidReference(image), undefined, image)
  assert.match(invalidReference('Foo') ?? '', /"Foo": invalid reference format: .* must be lowercase$/)
  for (const image of ['a//b', 'a:b:c', 'a@sha256:xyz', 'a b'])
    assert.match(invalidReference(image) ?? '', /format/)
})

test('the user table keeps one entry for a pattern and forgets what is removed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-images-'))
  const file = join(directory, 'images.json')
  addImageMapping(file, { pattern: 'a', program: command('one') })
  addImageMapping(file, { pattern: 'a', program: command('two') })
  assert.deepEqual(listImageMappings(file), [{ pattern: 'a', program: command('two') }])
  assert.equal(removeImageMapping(file, 'a'), true)
  assert.equal(removeImageMapping(file, 'a'), false)
  rmSync(directory, { recursive: true })
})
