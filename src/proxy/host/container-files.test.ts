import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readContainerFile } from './container-files.ts'

describe('a file of a container', () => {
  let folder = ''
  const at = (path: string) => join(folder, path)
  const read = (path: string) =>
    readContainerFile(
      [
        { mountPath: '/etc/certs', hostPath: at('volume') },
        { mountPath: '/etc/one', hostPath: at('volume/cert.pem') },
      ],
      path,
    )

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lateen-container-'))
    mkdirSync(at('volume/data'), { recursive: true })
    writeFileSync(at('secret'), 'the machine’s own')
    writeFileSync(at('volume/cert.pem'), 'a certificate')
    writeFileSync(at('volume/data/key.pem'), 'a key')
    writeFileSync(at('volume/large'), Buffer.alloc(1024 * 1024 + 1))
    symlinkSync('data/key.pem', at('volume/key.pem'))
    symlinkSync('../secret', at('volume/out.pem'))
    symlinkSync(folder, at('volume/up'))
    execFileSync('mkfifo', [at('volume/pipe')])
  })
  after(() => rmSync(folder, { recursive: true }))

  test('is read by the container’s own path, through links of its volume as well', () => {
    assert.equal(read('/etc/certs/cert.pem'), 'a certificate')
    assert.equal(read('/etc/certs/./data/../key.pem'), 'a key')
    assert.equal(read('/etc/one'), 'a certificate')
    assert.equal(read('/etc/certs/nothing'), undefined)
    assert.equal(read('/etc/certs/cert.pem/x'), undefined)
    assert.equal(read('/etc/passwd'), undefined)
  })

  test('is none that lies outside of its mounts, whatever path or link leads there', () => {
    for (const path of [
      '/etc/certs/../secret',
      '/etc/certs/../../secret',
      '/etc/certs/out.pem',
      '/etc/certs/up/secret',
    ])
      assert.equal(read(path), undefined, path)
  })

  test('is none that would be waited for, is too large, or is a folder', () => {
    for (const path of ['/etc/certs/pipe', '/etc/certs/large', '/etc/certs/data', '/etc/certs'])
      assert.equal(read(path), undefined, path)
  })
})
